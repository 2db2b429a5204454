// The emulated service over real loopback HTTPS: the documented way of a task from submit to file.

#include "emulator_raw_client.hpp"

#include <apimart/testing/network/certificate_authority.hpp>

#include <boost/beast/core/tcp_stream.hpp>

#include <doctest/doctest.h>

#include <future>

using namespace emulator_tests;
using apimart::testing::sample_video;

namespace {

// A finished task's first link.
std::string finished_link(running_emulator& running, raw_client& client, std::string_view body = corgi)
{
    auto const id = client.submit_for_id(body);
    running.service.advance(long_enough);
    return text_at(client.poll(id), "/data/result/videos/0/url/0");
}

} // namespace

TEST_CASE("emulator: a task from submit to completion, in the documented shapes")
{
    running_emulator running;
    raw_client client(running.service);
    CHECK(client.protocol() == "http/1.1");

    auto const submitted = client.submit(corgi);
    CHECK(submitted.result_int() == 200);
    CHECK(submitted[http::field::content_type] == "application/json");
    CHECK(text_at(submitted, "/code") == "200");
    CHECK(text_at(submitted, "/data/0/status") == "submitted");
    auto const id = text_at(submitted, "/data/0/task_id");
    CHECK(id.size() == 31);

    auto const waiting = client.poll(id);
    CHECK(text_at(waiting, "/data/id") == id);
    CHECK(text_at(waiting, "/data/status") == "pending");
    CHECK(text_at(waiting, "/data/progress") == "0");
    CHECK(raw_client::at(waiting, "/data/estimated_time").as_int64() == 45);
    CHECK(raw_client::at(waiting, "/data/result").is_null());

    running.service.advance(std::chrono::seconds(20));
    auto const working = client.get("/v1/tasks/" + id + "?language=zh");
    CHECK(text_at(working, "/data/status") == "processing");

    running.service.advance(long_enough);
    // Percent escapes in the path mean the same id.
    auto const done = client.get("/v1/tasks/%74ask%5F" + id.substr(5));
    CHECK(text_at(done, "/data/status") == "completed");
    CHECK(text_at(done, "/data/progress") == "100");
    CHECK(text_at(done, "/data/cost") == json::serialize(json::value(0.572)));
    CHECK(text_at(done, "/data/credits_cost") == json::serialize(json::value(5.72)));
    auto const number = [&](char const* at) { return raw_client::at(done, at).as_int64(); };
    CHECK(number("/data/actual_time") == number("/data/completed") - number("/data/created"));
    CHECK(number("/data/actual_time") >= 39);
    CHECK(number("/data/result/videos/0/expires_at") == number("/data/completed") + 24 * 3600);
    CHECK(text_at(done, "/data/result/videos/0/url/0").starts_with(running.service.base_url() + "/files/"));
    CHECK(raw_client::at(done, "/data/error").is_null());
}

TEST_CASE("emulator: several samples are several videos, each paid for")
{
    running_emulator running;
    raw_client client(running.service);
    auto const id = client.submit_for_id(
        R"({"model":"veo3.1-fast-official","prompt":"a","sample_count":3,"generate_audio":true})");
    running.service.advance(long_enough);
    auto const done = client.poll(id);
    CHECK(raw_client::at(done, "/data/result/videos").as_array().size() == 3);
    CHECK(text_at(done, "/data/result/videos/0/url/0") != text_at(done, "/data/result/videos/2/url/0"));
    CHECK(raw_client::at(done, "/data/cost").as_double() == doctest::Approx(1.92));
}

TEST_CASE("emulator: high speed makes tasks end at once in real time")
{
    emulator_options options;
    options.speed = 1e9;
    running_emulator running(std::move(options));
    raw_client client(running.service);
    auto const id = client.submit_for_id(corgi);
    auto done = client.poll(id);
    for (int i = 0; i < 1000 && text_at(done, "/data/status") != "completed"; ++i)
        done = client.poll(id);
    CHECK(text_at(done, "/data/status") == "completed");
    // The link outlives a download however fast the time runs.
    auto const file =
        client.send(http::verb::get, target_of(text_at(done, "/data/result/videos/0/url/0")), "", {});
    CHECK(file.body() == sample_video());
}

TEST_CASE("emulator: refusals come in the documented envelope")
{
    running_emulator running;
    raw_client client(running.service);

    auto const invalid = client.submit(R"({"model":"kling-v3","prompt":"a","duration":"5"})");
    CHECK(invalid.result_int() == 400);
    CHECK(text_at(invalid, "/error/type") == "invalid_request_error");
    CHECK(text_at(invalid, "/error/param") == "duration");
    CHECK(text_at(invalid, "/error/code") == "400");
    auto const request_id = std::string(invalid["X-Oneapi-Request-Id"]);
    CHECK(text_at(invalid, "/request_id") == request_id);
    CHECK(text_at(invalid, "/error/message").find(request_id) != std::string::npos);

    CHECK(client.submit("{\"model\":").result_int() == 400);
    CHECK(client.submit("[]").result_int() == 400);
    CHECK(client.submit("\"\xff\"").result_int() == 400);

    auto const unknown = client.poll("task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ");
    CHECK(unknown.result_int() == 400);
    CHECK(text_at(unknown, "/error/message").starts_with("Invalid task ID"));
    CHECK(client.poll("%zz").result_int() == 400);

    CHECK(client.get("/v1/videos").result_int() == 404);
    CHECK(client.get("/").result_int() == 404);
    CHECK(client.get("/v1/tasks/").result_int() == 404);
    CHECK(client.get("/v1/videos/generations").result_int() == 404);
    CHECK(text_at(client.get("/nowhere"), "/error/type") == "invalid_request_error");
}

TEST_CASE("emulator: the bearer key is asked for on the API alone")
{
    emulator_options options;
    options.api_key = "sk-right";
    running_emulator running(std::move(options));
    raw_client client(running.service);
    auto const status = [&](std::string_view target, header_list const& headers) {
        return client.send(http::verb::get, target, "", headers).result_int();
    };
    for (std::string const target : {"/v1/tasks/x", "/v1/balance", "/v1/models", "/v1/nowhere"}) {
        CHECK(status(target, {}) == 401);
        CHECK(status(target, {{"Authorization", "Bearer sk-wrong"}}) == 401);
        CHECK(status(target, {{"Authorization", "Basic sk-right"}}) == 401);
        CHECK(status(target, {{"Authorization", "Bearer sk-right"}}) != 401);
    }
    CHECK(status("/nowhere", {}) == 404);
    auto const refused = client.submit(corgi);
    CHECK(refused.result_int() == 401);
    CHECK(text_at(refused, "/error/type") == "authentication_error");
    CHECK_FALSE(std::string(refused["X-Oneapi-Request-Id"]).empty());
    CHECK(running.service.books().at("accepted").as_array().empty());
}

TEST_CASE("emulator: result files")
{
    running_emulator running;
    raw_client client(running.service);
    auto const link = finished_link(running, client);
    auto const target = target_of(link);
    auto const fetch = [&](header_list const& headers) {
        return client.send(http::verb::get, target, "", headers);
    };

    auto const whole = fetch({});
    CHECK(whole.result_int() == 200);
    CHECK(whole[http::field::content_type] == "video/mp4");
    CHECK(whole.body() == sample_video());
    auto const tag = std::string(whole[http::field::etag]);

    // Fetched in pieces it is the same file.
    std::string joined;
    for (std::size_t at = 0; at < sample_video().size(); at += 1000) {
        auto const part = fetch(
            {{"Range", "bytes=" + std::to_string(at) + "-" + std::to_string(at + 999)}, {"If-Range", tag}});
        CHECK(part.result_int() == 206);
        joined += part.body();
    }
    CHECK(joined == sample_video());
    CHECK(fetch({{"Range", "bytes=-2"}})[http::field::content_range] == "bytes 3120-3121/3122");
    CHECK(fetch({{"Range", "bytes=0-0"}, {"If-Range", "\"other\""}}).result_int() == 200);
    auto const beyond = fetch({{"Range", "bytes=3122-"}});
    CHECK(beyond.result_int() == 416);
    CHECK(beyond[http::field::content_range] == "bytes */3122");

    auto const head = client.send(http::verb::head, target, "", {});
    CHECK(head.result_int() == 200);
    CHECK(head[http::field::content_length] == "3122");
    CHECK(head[http::field::etag] == tag);
    CHECK(head.body().empty());

    auto const status = [&](std::string const& changed) {
        return client.send(http::verb::get, changed, "", {}).result_int();
    };
    CHECK(status(target.substr(0, target.find('?'))) == 403);
    auto other_signature = target;
    auto& digit = other_signature[target.find("sig=") + 4];
    digit = digit == '0' ? '1' : '0';
    CHECK(status(other_signature) == 403);
    CHECK(status(target + "0") == 403);

    running.service.advance(std::chrono::hours(24));
    CHECK(status(target) == 403);
}

TEST_CASE("emulator: a link that has run out is replaced by the next poll")
{
    running_emulator running;
    raw_client client(running.service);
    auto const id = client.submit_for_id(corgi);
    running.service.advance(std::chrono::hours(30));
    auto const link = text_at(client.poll(id), "/data/result/videos/0/url/0");
    CHECK(client.send(http::verb::get, target_of(link), "", {}).result_int() == 200);
}

TEST_CASE("emulator: many tasks in one query")
{
    running_emulator running;
    raw_client client(running.service);
    auto const first = client.submit_for_id(corgi);
    auto const second = client.submit_for_id(R"({"model":"kling-v3","prompt":"[fail]"})");
    running.service.advance(long_enough);
    auto const reply = client.post("/v1/tasks/batch",
                                   R"({"task_ids":[")" + first + R"(","task_none",")" + second + R"("]})");
    CHECK(reply.result_int() == 200);
    CHECK(raw_client::at(reply, "/data").as_array().size() == 2);
    CHECK(text_at(reply, "/data/0/id") == first);
    CHECK(text_at(reply, "/data/0/status") == "completed");
    CHECK(text_at(reply, "/data/1/status") == "failed");
    CHECK(client.post("/v1/tasks/batch", "{}").result_int() == 400);
    CHECK(client.post("/v1/tasks/batch", "x").result_int() == 400);
}

TEST_CASE("emulator: account and models")
{
    running_emulator running(R"({"balance_usd": 10.5})");
    raw_client client(running.service);
    auto const before = client.get("/v1/balance");
    CHECK(raw_client::at(before, "/remain_balance").as_double() == doctest::Approx(10.5));
    CHECK(raw_client::at(before, "/success") == json::value(true));
    auto const id =
        client.submit_for_id(R"({"model":"veo3.1-fast-official","prompt":"a","generate_audio":true})");
    client.submit_for_id(R"({"model":"veo3.1-fast-official","prompt":"[fail]","generate_audio":true})");
    // Charged at the end, and only for what succeeded.
    CHECK(raw_client::at(client.get("/v1/user/balance"), "/used_balance").to_number<double>() == 0);
    running.service.advance(long_enough);
    auto const after = client.get("/v1/balance");
    CHECK(raw_client::at(after, "/remain_balance").as_double() == doctest::Approx(9.86));
    CHECK(raw_client::at(after, "/used_balance").as_double() == doctest::Approx(0.64));
    CHECK(raw_client::at(client.get("/v1/models"), "/data").as_array().size() == 7);
    CHECK(text_at(client.get("/v1/models"), "/data/0/id") == "kling-3.0-turbo");
}

TEST_CASE("emulator: an order above the balance is refused with 402")
{
    running_emulator running(R"({"balance_usd": 1})");
    raw_client client(running.service);
    CHECK(client.submit(corgi).result_int() == 200);
    auto const refused = client.submit(corgi);
    CHECK(refused.result_int() == 402);
    CHECK(text_at(refused, "/error/type") == "payment_required");
}

TEST_CASE("emulator: uploads")
{
    running_emulator running;
    raw_client client(running.service);
    auto const upload = [&](std::string const& part, std::string const& content) {
        return client.post("/v1/uploads/images",
                           "--xyz\r\nContent-Disposition: form-data; " + part +
                               "\r\nContent-Type: image/png\r\n\r\n" + content + "\r\n--xyz--\r\n",
                           {{"Content-Type", "multipart/form-data; boundary=xyz"}});
    };
    std::string const png = "\x89PNG\r\n\x1a\n and more";
    auto const taken = upload(R"(name="file"; filename="photo.png")", png);
    CHECK(taken.result_int() == 200);
    CHECK(raw_client::at(taken, "").as_object().size() == 5);
    CHECK(text_at(taken, "/filename") == "photo.png");
    CHECK(text_at(taken, "/content_type") == "image/png");
    CHECK(raw_client::at(taken, "/bytes").as_int64() == static_cast<std::int64_t>(png.size()));
    CHECK(upload(R"(name="file"; filename="a.pdf")", "%PDF-1.7").result_int() == 400);
    CHECK(upload(R"(name="image"; filename="photo.png")", png).result_int() == 400);
    CHECK(client.post("/v1/uploads/images", png, {{"Content-Type", "image/png"}}).result_int() == 400);
    CHECK(upload(R"(name="file"; filename="b.png")", png + std::string(20'971'520, 'x')).result_int() == 413);
    CHECK(running.service.books().at("uploads").to_number<int>() == 1);
}

TEST_CASE("emulator: a body above 64 MiB is answered before it is read")
{
    running_emulator running;
    raw_client client(running.service);
    std::string const head = "POST /v1/videos/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
                             "Content-Length: 67108865\r\n\r\n";
    asio::write(client.stream(), asio::buffer(head));
    auto const refused = client.read();
    CHECK(refused.result_int() == 413);
    CHECK_FALSE(refused.keep_alive());

    // A client that writes on regardless gets the reply, too, and not a reset in its place.
    raw_client stubborn(running.service);
    asio::write(stubborn.stream(), asio::buffer(head + std::string(4U << 20U, ' ')));
    CHECK(stubborn.read().result_int() == 413);
}

TEST_CASE("emulator: bytes that are no HTTP get a 400 and the end of the connection")
{
    running_emulator running;
    raw_client client(running.service);
    asio::write(client.stream(), asio::buffer(std::string_view("HELLO\r\n\r\n")));
    CHECK(client.read().result_int() == 400);
    CHECK_THROWS_AS(client.read(), boost::system::system_error);
}

TEST_CASE("emulator: Expect: 100-continue, and two requests in one write")
{
    running_emulator running;
    raw_client client(running.service);
    std::string const head = "POST /v1/videos/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
                             "Expect: 100-continue\r\nContent-Length: " +
                             std::to_string(corgi.size()) + "\r\n\r\n";
    asio::write(client.stream(), asio::buffer(head));
    CHECK(client.read().result_int() == 100);
    asio::write(client.stream(), asio::buffer(corgi));
    CHECK(client.read().result_int() == 200);

    std::string const poll = "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n";
    asio::write(client.stream(), asio::buffer(poll + poll));
    CHECK(client.read().result_int() == 200);
    CHECK(client.read().result_int() == 200);
}

TEST_CASE("emulator: its certificate is verified strictly, and worth nothing without its CA")
{
    running_emulator running;
    CHECK_NOTHROW(raw_client(running.service));
    CHECK_THROWS_AS(raw_client(running.service, raw_client::trust::nobody), boost::system::system_error);

    // Two emulators do not trust each other.
    running_emulator other;
    CHECK(other.service.ca_pem() != running.service.ca_pem());

    apimart::testing::certificate_authority const authority;
    auto const first = authority.issue("DNS:example.test");
    auto const second = authority.issue("DNS:example.test");
    CHECK(first.certificate_pem != second.certificate_pem);
    CHECK_THROWS_AS(authority.issue("nonsense"), std::runtime_error);
}

TEST_CASE("emulator: the certificate holds for every spelling of this machine, for servers only")
{
    apimart::testing::certificate_authority const authority;
    auto const parsed = [](std::string const& pem) {
        std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                   BIO_free);
        return std::shared_ptr<X509>(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), X509_free);
    };
    auto const root = parsed(authority.pem());
    auto const leaf = parsed(authority.issue().certificate_pem);
    auto const verified = [&](int purpose, char const* host, char const* address) {
        std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> store(X509_STORE_new(), X509_STORE_free);
        X509_STORE_add_cert(store.get(), root.get());
        std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> context(X509_STORE_CTX_new(),
                                                                           X509_STORE_CTX_free);
        X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
        auto* parameters = X509_STORE_CTX_get0_param(context.get());
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
        X509_VERIFY_PARAM_set_purpose(parameters, purpose);
        if (host != nullptr)
            X509_VERIFY_PARAM_set1_host(parameters, host, 0);
        if (address != nullptr)
            X509_VERIFY_PARAM_set1_ip_asc(parameters, address);
        return X509_verify_cert(context.get()) == 1;
    };
    CHECK(verified(X509_PURPOSE_SSL_SERVER, nullptr, "127.0.0.1"));
    CHECK(verified(X509_PURPOSE_SSL_SERVER, nullptr, "::1"));
    CHECK(verified(X509_PURPOSE_SSL_SERVER, "localhost", nullptr));
    CHECK_FALSE(verified(X509_PURPOSE_SSL_SERVER, nullptr, "127.0.0.2"));
    CHECK_FALSE(verified(X509_PURPOSE_SSL_SERVER, "example.com", nullptr));
    CHECK_FALSE(verified(X509_PURPOSE_SSL_CLIENT, "localhost", nullptr));
}

TEST_CASE("emulator: stopping ends open connections and frees the context")
{
    asio::io_context context;
    auto service = std::make_unique<emulator>(context.get_executor());
    service->start();
    auto runner = std::async(std::launch::async, [&] { context.run(); });
    raw_client client(*service);
    CHECK(client.get("/v1/models").result_int() == 200);
    service->stop();
    runner.get();
    CHECK_THROWS_AS(client.get("/v1/models"), boost::system::system_error);
    CHECK(service->books().at("connections_open").to_number<int>() == 0);
}

TEST_CASE("emulator: it may be destroyed with work outstanding, and dropped with its context")
{
    asio::io_context context;
    {
        emulator service(context.get_executor());
        service.start();
        auto runner = std::async(std::launch::async, [&] { context.run_for(std::chrono::milliseconds(1)); });
        runner.get();
    }
    {
        emulator never_started(context.get_executor());
    }
    emulator_options taken;
    {
        emulator first(context.get_executor());
        taken.port = first.port();
        CHECK_THROWS_AS(emulator(context.get_executor(), taken), boost::system::system_error);
    }
    emulator_options still;
    still.speed = 0;
    CHECK_THROWS_AS(emulator(context.get_executor(), still), std::invalid_argument);
}

TEST_CASE("emulator: without TLS it is the same service")
{
    emulator_options options;
    options.tls = false;
    running_emulator running(std::move(options));
    CHECK(running.service.base_url().starts_with("http://127.0.0.1:"));
    asio::io_context context;
    boost::beast::tcp_stream stream(context);
    stream.connect({asio::ip::address_v4::loopback(), running.service.port()});
    http::request<http::empty_body> request(http::verb::get, "/v1/models", 11);
    request.set(http::field::authorization, "Bearer k");
    http::write(stream, request);
    boost::beast::flat_buffer buffer;
    response reply;
    http::read(stream, buffer, reply);
    CHECK(reply.result_int() == 200);
}
