// Every form in which the service, and what stands around it, was met: the video is there at the end, or the error says what is.
#include "client_fixture.hpp"

using namespace client_tests;
using namespace apimart;

namespace {

std::string switched(std::string_view name, std::string_view word)
{
    return "{\"" + std::string(name) + "\":\"" + std::string(word) + "\"}";
}

} // namespace

TEST_CASE(
    "client forms: an accepted submit is one in every form that names the task, and a file is got in the end")
{
    for (std::string_view const form : {"array", "object", "queued_202", "task_id_in_object", "id_in_array",
                                        "own_task_id", "own_id", "numeric_id", "long_id"}) {
        CAPTURE(form);
        bench b(switched("submit_reply", form));
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        CHECK(done.succeeded());
        CHECK(done.id() == b.accepted_entry(0).at("task_id").as_string());
        CHECK(b.accepted() == 1);
    }
}

TEST_CASE("client forms: an accepted submit that names no task where one can be read shows what came, and is "
          "not sent again")
{
    for (std::string_view const form : {"empty_array", "id_as_data"}) {
        CAPTURE(form);
        bench b(switched("submit_reply", form));
        client user = b.make_client();
        recorder<task> got;
        user.submit(corgi(), got.token());
        b.run();
        CHECK(got.why().code() == errc::outcome_unknown);
        CHECK(b.accepted() == 1);
        if (form == "id_as_data") {
            auto const id = std::string(b.accepted_entry(0).at("task_id").as_string());
            CHECK(got.why().describe().find(id) != std::string::npos);
        }
    }
}

TEST_CASE("client forms: a result is found in every place and fetched from there")
{
    for (std::string_view const form :
         {"array", "string", "several", "item", "video_url", "url", "video", "text", "list", "list_as_text",
          "items_video_url", "items_urls", "urls", "video_urls", "output", "task_video_url", "task_video",
          "task_metadata", "task_output"}) {
        CAPTURE(form);
        bench b(switched("result_url", form));
        client user = b.make_client();
        scratch_folder folder;
        task_result const done = b.finished(user, corgi());
        REQUIRE(done.succeeded());
        recorder<std::uint64_t> size;
        user.download(done.video(), folder / "v.mp4", size.token());
        b.run();
        CHECK(size.value() == apimart::testing::sample_video().size());
    }
}

TEST_CASE("client forms: the words of the providers behind the service end a wait, in any case")
{
    for (std::string_view const word : {"succeed", "SUCCEEDED", "done", "Complete", "ready"}) {
        CAPTURE(word);
        bench b(switched("success_word", word));
        client user = b.make_client();
        CHECK(b.finished(user, corgi()).succeeded());
    }
    for (std::string_view const word : {"fail", "FAILED", "expired", "Rejected"}) {
        CAPTURE(word);
        bench b(R"({"failure":{"word":"corgi","message":"no dogs","status":")" + std::string(word) + "\"}}");
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        CHECK_FALSE(done.succeeded());
        CHECK(done.error().text() == "no dogs");
    }
}

TEST_CASE("client forms: a word that nobody knows goes on, and an error beside it is shown")
{
    bench b(
        R"({"first_status":"dreaming","working_status":"pondering","failure":{"word":"corgi","told":"early","message":"no dogs"}})",
        1);
    client user = b.make_client();
    task const submitted = b.submitted(user, corgi());
    recorder<task_state> state;
    user.status(submitted, state.token());
    b.run();
    CHECK(state.value().raw_status() == "dreaming");
    CHECK(state.value().status() == task_status::running);
    CHECK(state.value().error().text() == "no dogs");
}

TEST_CASE("client forms: a success with an error in the result's place is a failure with its reason")
{
    bench b(R"({"result":"error","failure":{"message":"no dogs"}})");
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    CHECK_FALSE(done.succeeded());
    CHECK(done.error().text() == "no dogs");
}

TEST_CASE("client forms: a wait survives what is not the API speaking")
{
    bench b;
    client user = b.make_client();
    for (
        std::string_view const fault :
        {R"({"on":"poll","body":"cdn","status":401})", R"({"on":"poll","body":"cdn","status":301})",
         R"({"on":"poll","status":200,"content":"{\"data\":{\"id\":\"task_OTHER\",\"status\":\"failed\"}}"})",
         R"({"on":"poll","status":200,"content":"{\"data\":{\"id\":\"{task_id}\",\"status\":7}}"})"}) {
        CAPTURE(fault);
        b.service().plan(fault);
        CHECK(b.finished(user, corgi()).succeeded());
        CHECK(b.service().unconsumed_faults().empty());
    }
}

TEST_CASE("client forms: an account without credit is told with what is left, whatever was asked")
{
    bench b(R"({"balance_usd":0.04,"least_balance_usd":0.05})");
    client user = b.make_client();
    recorder<task> submitted;
    recorder<balance> held;
    recorder<std::vector<listed_model>> offered;
    recorder<task_state> state;
    user.submit(corgi(), submitted.token());
    user.balance(held.token());
    user.models(offered.token());
    user.status(task("task_01KA040K7C5SXNYAVQCM2NB0D1"), state.token());
    b.run();
    for (error_info const& why : {submitted.why(), held.why(), offered.why(), state.why()}) {
        CHECK(why.code() == api_errc::payment_required);
        CHECK(why.server_message().text().find("current: 0.04 USD") != std::string::npos);
    }
    CHECK(b.accepted() == 0);
}
