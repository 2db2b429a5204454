// The ordinary way of every request: submit, wait, download; what the service receives is what was meant.
#include "client_fixture.hpp"

#include <apimart/testing/files/digest.hpp>

#include <set>

using namespace client_tests;
using namespace apimart;

namespace {

constexpr char const* picture = "https://cdn.example.com/first.jpg";
constexpr char const* other_picture = "https://cdn.example.com/last.jpg";
constexpr char const* clip = "https://cdn.example.com/reference.mp4";

// One of every model and kind, typed.
std::vector<any_request> one_of_each()
{
    std::vector<any_request> all;
    all.emplace_back(
        text_to_video<kling_3_0_turbo>("A corgi").aspect_ratio(landscape).resolution(p1080).duration(5s));
    all.emplace_back(image_to_video<kling_3_0_turbo>(picture).prompt("it smiles").duration(3s));
    all.emplace_back(
        storyboard<kling_3_0_turbo>(shot("a corgi runs", 2s), shot("it smiles", 3s)).resolution(p720));
    all.emplace_back(text_to_video<kling_v3_omni>("A retriever").mode(pro).duration(10s));
    all.emplace_back(image_reference<kling_v3_omni>("<<<image_1>>> waves", picture).aspect_ratio(square));
    all.emplace_back(
        text_to_video<kling_v3>("@dog runs").element_list(element("dog", "a corgi", picture, other_picture)));
    all.emplace_back(image_to_video<kling_v3>("the sun sets", picture, other_picture).duration(15s));
    all.emplace_back(storyboard<kling_v3>(shot("dawn", 3s), shot("noon", 5s)).audio(true));
    all.emplace_back(intelligent_storyboard<kling_v3>("a day at the harbour").duration(12s));
    all.emplace_back(
        motion_control<kling_v2_6_motion_control>(picture, clip, from_image, standard).prompt("wave"));
    all.emplace_back(motion_control<kling_v3_motion_control>(picture, clip, from_video, pro).prompt("dance"));
    all.emplace_back(text_to_video<veo_3_1_fast_official>("a retriever").duration(8s).seed(7));
    all.emplace_back(image_to_video<veo_3_1_fast_official>("the cat walks", picture).duration(8s));
    all.emplace_back(text_to_video<veo_3_1_quality_official>("a ragdoll cat").generate_audio(true));
    all.emplace_back(
        image_to_video<veo_3_1_quality_official>("a transition", picture).last_frame_image(other_picture));
    return all;
}

asio::awaitable<void> make_video(client user, any_request request, std::filesystem::path to)
{
    task const accepted = co_await user.submit(std::move(request));
    task_result const done = co_await user.wait(accepted);
    CHECK(done.id() == accepted.id());
    CHECK(done.succeeded());
    CHECK(done.poll_count() > 0);
    std::uint64_t const size = co_await user.download(done.video(), to);
    CHECK(size == std::filesystem::file_size(to));
}

} // namespace

TEST_CASE("client: one request of every model and kind goes from submit to file, unchanged on its way")
{
    std::vector<any_request> const requests = one_of_each();
    bench b;
    scratch_folder folder;
    {
        client user = b.make_client();
        for (std::size_t i = 0; i < requests.size(); ++i) {
            CAPTURE(requests[i].serialize());
            REQUIRE(requests[i].check().ok());
            auto const to = folder / (std::to_string(i) + ".mp4");
            b.run(make_video(user, requests[i], to));
            CHECK(bytes_of(to) == apimart::testing::sample_video());
        }
    }
    b.run();
    json::object const books = b.books();
    json::array const& accepted = books.at("accepted").as_array();
    REQUIRE(accepted.size() == requests.size());
    std::set<std::string> keys;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        CAPTURE(i);
        auto const& entry = accepted[i].as_object();
        using namespace apimart::testing::emulation;
        CHECK(std::string_view(entry.at("body_sha256").as_string()) == hex(sha256(requests[i].serialize())));
        CHECK(std::string_view(entry.at("model").as_string()) == requests[i].model());
        REQUIRE(entry.at("idempotency_key").is_string());
        keys.emplace(entry.at("idempotency_key").as_string());
    }
    CHECK(keys.size() == requests.size());
    CHECK(books.at("submits_received").to_number<std::size_t>() == requests.size());
    CHECK(books.at("downloads").to_number<std::size_t>() == requests.size());
    CHECK(books.at("authorization_leaks").to_number<int>() == 0);
    CHECK(books.at("unauthorized").to_number<int>() == 0);
    CHECK(books.at("rejected").to_number<int>() == 0);
    std::set<std::string> kinds;
    for (any_request const& request : requests)
        kinds.insert(std::string(request.model()) + "/" + std::string(request.kind()));
    std::size_t offered = 0;
    for (model_info const& model : models())
        offered += model.kinds.size();
    CHECK(kinds.size() == offered);
}

TEST_CASE("client: the request on the wire is complete, plain HTTP/1.1, with the key for the API alone")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        for (;;) {
            std::string const request = peer.request();
            if (request.starts_with("POST"))
                peer.answer(200, accepted_body("task_1"));
            else
                peer.answer(200, R"({"code":200,"data":{"id":"task_1","status":"pending"}})");
        }
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task> submitted;
    any_request const request = corgi();
    user.submit(request, {.idempotency_key = "my-own-key"}, submitted.token());
    run_to_end(context);
    recorder<task_state> state;
    user.status(submitted.value(), state.token());
    run_to_end(context);
    CHECK(state.value().status() == task_status::queued);

    auto const seen = server.requests();
    REQUIRE(seen.size() == 2);
    std::string const host = "127.0.0.1:" + std::to_string(server.port());
    CHECK(seen[0].starts_with("POST /v1/videos/generations HTTP/1.1\r\n"));
    CHECK(seen[0].find("\r\nHost: " + host + "\r\n") != std::string::npos);
    CHECK(seen[0].find("\r\nContent-Type: application/json\r\n") != std::string::npos);
    CHECK(seen[0].find("\r\nIdempotency-Key: my-own-key\r\n") != std::string::npos);
    CHECK(seen[0].find("\r\nAuthorization: Bearer " + std::string(key_text) + "\r\n") != std::string::npos);
    CHECK(seen[0].ends_with("\r\n\r\n" + request.serialize()));
    CHECK(seen[1].starts_with("GET /v1/tasks/task_1 HTTP/1.1\r\n"));
    CHECK(seen[1].find("Idempotency-Key") == std::string::npos);
    CHECK(seen[1].ends_with("\r\n\r\n"));
}

TEST_CASE("client: what is known about an accepted task is in it")
{
    bench b;
    client user = b.make_client();
    recorder<task> got;
    auto const before = std::chrono::steady_clock::now();
    user.submit(corgi(), {.idempotency_key = "a-key"}, got.token());
    b.run();
    CHECK(got.value().id() == b.accepted_entry(0).at("task_id").as_string());
    CHECK(got.value().model() == "kling-3.0-turbo");
    CHECK(got.value().idempotency_key() == "a-key");
    CHECK(got.value().submit_attempts() == 1);
    REQUIRE(got.value().accepted_at());
    CHECK(*got.value().accepted_at() >= before);
    CHECK(b.accepted_entry(0).at("idempotency_key").as_string() == "a-key");
}

TEST_CASE("client: metrics count what the service's books count")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    for (int i = 0; i < 3; ++i) {
        task_result const done = b.finished(user, corgi());
        recorder<std::uint64_t> size;
        user.download(done.video(), folder / std::to_string(i), size.token());
        b.run();
        CHECK(size.value() == apimart::testing::sample_video().size());
    }
    metrics const seen = user.metrics();
    CHECK(seen.submits_sent == b.booked("submits_received"));
    CHECK(seen.tasks_accepted == b.accepted());
    CHECK(seen.polls_sent == b.booked("polls"));
    CHECK(seen.tasks_finished == 3);
    CHECK(seen.bytes_downloaded == 3 * apimart::testing::sample_video().size());
    CHECK(seen.connections_opened == b.booked("connections"));
    CHECK(seen.outcomes_unknown == 0);
    CHECK(seen.tasks_waiting == 0);
}

TEST_CASE("client: a base URL may have a path, which goes before those of the API")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, accepted_body("task_1"));
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    config.base_url += "/relay/";
    client user(context, config);
    recorder<task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(got.value().id() == "task_1");
    CHECK(server.count("POST /relay/v1/videos/generations HTTP/1.1\r\n") == 1);
}

TEST_CASE("client: settings that cannot work are refused when it is made, by name")
{
    asio::io_context context;
    auto const refused = [&](auto change, std::string_view word) {
        CAPTURE(word);
        client_config config{api_key(std::string(key_text))};
        change(config);
        try {
            client const user(context, config);
            FAIL("it was accepted");
        } catch (error const& e) {
            CHECK(e.code() == errc::invalid_configuration);
            CHECK(std::string_view(e.what()).find(word) != std::string_view::npos);
            CHECK(std::string_view(e.what()).find(key_text) == std::string_view::npos);
        }
    };
    refused([](client_config& c) { c.base_url = "api.apimart.ai"; }, "base_url");
    refused([](client_config& c) { c.base_url = "ftp://api.apimart.ai"; }, "base_url");
    refused([](client_config& c) { c.base_url = "https://user:pw@api.apimart.ai"; }, "base_url");
    refused([](client_config& c) { c.base_url = "https://api.apimart.ai/?a=b"; }, "base_url");
    refused([](client_config& c) { c.base_url = "http://127.0.0.1"; }, "allow_plain_http");
    refused([](client_config& c) { c.limits.max_connections = 0; }, "limits");
    refused([](client_config& c) { c.limits.max_concurrent_submits = 0; }, "limits");
    refused([](client_config& c) { c.limits.max_concurrent_downloads = -1; }, "limits");
    refused([](client_config& c) { c.poll.max_concurrent = 0; }, "poll.max_concurrent");
    refused([](client_config& c) { c.poll.min_interval = 0ms; }, "poll.min_interval");
    refused([](client_config& c) { c.retry.max_retries = -1; }, "retry");
    refused([](client_config& c) { c.tls.add_ca_file("/nowhere/ca.pem"); }, "/nowhere/ca.pem");
    refused([](client_config& c) { c.tls.add_ca_pem("this is no PEM"); }, "PEM");
}
