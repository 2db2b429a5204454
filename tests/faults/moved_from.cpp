// A client that was moved from is no client, and says so.
#include "fault_table.hpp"

#include <boost/asio/use_awaitable.hpp>

using namespace fault_tests;

namespace {

// Whether an operation says that there is no client: at once, or to its handler.
template <class T, class Start>
bool says_so(asio::io_context& context, Start start)
{
    recorder<T> got;
    try {
        start(got.token());
    } catch (apimart::error const& thrown) {
        return thrown.code() == errc::invalid_configuration;
    }
    run_to_end(context);
    return got.done() && !got.outcome() && got.outcome().error().code() == errc::invalid_configuration &&
           got.outcome().error().acceptance() <= acceptance::not_sent;
}

template <class Operation>
asio::awaitable<void> await(Operation operation, bool& said)
{
    try {
        co_await operation();
    } catch (apimart::error const& thrown) {
        said = thrown.code() == errc::invalid_configuration;
    }
}

} // namespace

TEST_CASE("faults: a client that was moved from can be destroyed and assigned to, and the other goes on")
{
    bench b;
    {
        apimart::client first = b.make_client();
        apimart::client second = std::move(first);
        recorder<apimart::task> got;
        second.submit(corgi(), got.token());
        b.run();
        CHECK(got.outcome().has_value());

        first = b.make_client();
        recorder<apimart::task> again;
        first.submit(corgi(), again.token());
        b.run();
        CHECK(again.outcome().has_value());

        first = std::move(second);
        second = first;
        recorder<apimart::task> third;
        second.submit(corgi(), third.token());
        b.run();
        CHECK(third.outcome().has_value());

        apimart::client gone = std::move(second);
        apimart::client copy_of_none = second; // NOLINT: that is what is tested
        second = std::move(copy_of_none);
    }
    b.run();
    CHECK(b.accepted() == 3);
    ++cells_checked();
}

TEST_CASE("faults: every operation of a client that was moved from ends with an error that says so")
{
    bench b;
    apimart::client none = b.make_client();
    apimart::client const owner = std::move(none);
    scratch_folder folder;
    apimart::video_file const file("task_1", 0, apimart::result_url(b.service().base_url() + "/v.mp4"), {});
    CHECK(says_so<apimart::task>(b.context, [&](auto token) { none.submit(corgi(), std::move(token)); }));
    CHECK(says_so<apimart::task_result>(b.context,
                                        [&](auto token) { none.generate(corgi(), std::move(token)); }));
    CHECK(says_so<apimart::task_state>(
        b.context, [&](auto token) { none.status(apimart::task("task_1"), std::move(token)); }));
    CHECK(says_so<apimart::task_result>(
        b.context, [&](auto token) { none.wait(apimart::task("task_1"), std::move(token)); }));
    CHECK(says_so<std::uint64_t>(
        b.context, [&](auto token) { none.download(file, folder / "v.mp4", std::move(token)); }));
    CHECK(says_so<apimart::shutdown_report>(b.context, [&](auto token) { none.shutdown(std::move(token)); }));
    CHECK(folder.names().empty());

    int said = 0;
    auto const count = [&](auto operation) {
        bool one = false;
        asio::co_spawn(b.context, await(operation, one), [](std::exception_ptr) {});
        run_to_end(b.context);
        said += one ? 1 : 0;
    };
    count([&] { return none.submit(corgi()); });
    count([&] { return none.generate(corgi()); });
    count([&] { return none.status(apimart::task("task_1")); });
    count([&] { return none.wait(apimart::task("task_1")); });
    count([&] { return none.download(file, folder / "v.mp4"); });
    count([&] { return none.shutdown(); });
    CHECK(said == 6);

    // What is no operation has no error of its own.
    try {
        CHECK(none.metrics().submits_sent == 0);
    } catch (apimart::error const& thrown) {
        CHECK(thrown.code() == errc::invalid_configuration);
    }
    try {
        (void)none.get_executor();
    } catch (apimart::error const& thrown) {
        CHECK(thrown.code() == errc::invalid_configuration);
    }
    CHECK(b.booked("requests") == 0);
    ++cells_checked();
}
