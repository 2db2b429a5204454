// A shutdown that gives what is under way some time to end by itself.
#include "client_fixture.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <fstream>

using namespace client_tests;
using namespace apimart;

TEST_CASE("client shutdown: within its time, waits end with their results and nothing more is bought")
{
    bench b;
    client user = b.make_client();
    task const made = b.submitted(user, corgi());
    recorder<task_result> waited;
    recorder<task> refused;
    recorder<uploaded_image> not_uploaded;
    recorder<shutdown_report> report;
    user.wait(made, waited.token());
    user.shutdown({.finish_within = 20s}, report.token());
    user.submit(corgi(), refused.token());
    user.upload(image_bytes("GIF89a"), not_uploaded.token());
    b.run();

    CHECK(waited.value().succeeded());
    CHECK(refused.why().code() == errc::shutting_down);
    CHECK(refused.why().acceptance() == acceptance::not_sent);
    CHECK(not_uploaded.why().code() == errc::shutting_down);
    CHECK(report.value().cancelled_waits.empty());
    CHECK(report.value().cancelled_operations == 0);
    CHECK(b.accepted() == 1);
    // It is over then.
    recorder<task_state> late;
    user.status(made, late.token());
    b.run();
    CHECK(late.why().code() == errc::shutting_down);
}

TEST_CASE("client shutdown: who sees a task's end within the time can still fetch its video")
{
    bench b;
    scratch_folder folder;
    client user = b.make_client();
    std::uint64_t size = 0;
    auto const work = [&]() -> asio::awaitable<void> {
        task_result const done = co_await user.generate(corgi());
        size = co_await user.download(done.video(), folder / "v.mp4");
    };
    bool ended = false;
    asio::co_spawn(b.context, work(), [&](std::exception_ptr thrown) { ended = !thrown; });
    b.run_until([&] { return b.accepted() == 1; });
    recorder<shutdown_report> report;
    user.shutdown({.finish_within = 20s}, report.token());
    b.run();
    CHECK(ended);
    CHECK(size > 0);
    CHECK(report.value().cancelled_operations == 0);
}

TEST_CASE("client shutdown: what has not ended in its time is cut and told, as without a time")
{
    bench b("{}", 1);
    client user = b.make_client();
    task const made = b.submitted(user, corgi());
    recorder<task_result> waited;
    recorder<shutdown_report> report;
    user.wait(made, waited.token());
    user.shutdown({.finish_within = 20ms}, report.token());
    b.run();
    CHECK(waited.why().code() == errc::shutting_down);
    CHECK(report.value().cancelled_waits == std::vector<std::string>{made.id()});
}

TEST_CASE("client shutdown: a call without a time, or with a shorter one, ends the time of an earlier call")
{
    bench b("{}", 1);
    for (bool const without : {true, false}) {
        client user = b.make_client();
        task const made = b.submitted(user, corgi());
        recorder<task_result> waited;
        recorder<shutdown_report> patient;
        recorder<shutdown_report> impatient;
        user.wait(made, waited.token());
        user.shutdown({.finish_within = 1h}, patient.token());
        if (without)
            user.shutdown(impatient.token());
        else
            user.shutdown({.finish_within = 1ms}, impatient.token());
        b.run();
        CHECK(waited.why().code() == errc::shutting_down);
        CHECK(patient.value().cancelled_waits.size() == 1);
        CHECK(impatient.value().cancelled_waits.size() == 1);
    }
}

TEST_CASE("client shutdown: with nothing under way, its time is not waited for")
{
    bench b;
    client user = b.make_client();
    recorder<shutdown_report> report;
    user.shutdown({.finish_within = 1h}, report.token());
    b.run();
    CHECK(report.value().cancelled_waits.empty());
    CHECK(report.value().cancelled_operations == 0);
}
