// Canaries in every secret: they reach the one place they are meant for, and no text and no other host.
#include "client_fixture.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <deque>
#include <sstream>
#include <type_traits>

using namespace client_tests;
using namespace apimart;
using apimart::testing::connect_fault;
using apimart::testing::connect_proxy;
using apimart::testing::connect_proxy_options;

namespace {

// Characters that percent-encoding, JSON and Base64 each change.
constexpr std::string_view key_canary = "sk-KEYCANARY/7f3a9c+51=d2e8%b604";
constexpr std::string_view password_canary = "PASSCANARY/8b1d+4e7f=a2c9%5036";
constexpr std::string_view prompt_canary = "PROMPTCANARY a corgi / a cat + 100% 4d2b";
constexpr std::string_view signature_canary = "SIGCANARY-c41e0b97-6d3a-8f52";
constexpr std::string_view proxy_user = "somebody";

std::string percent_encoded(std::string_view text, bool every_byte)
{
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        bool const kept = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
        if (kept && !every_byte)
            out += c;
        else
            out.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
    }
    return out;
}

std::string base64(std::string_view text)
{
    static constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (char const c : text) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6)
            out += letters[(bits >> static_cast<unsigned>(count - 6)) & 0x3FU];
    }
    if (count > 0)
        out += letters[(bits << static_cast<unsigned>(6 - count)) & 0x3FU];
    while (out.size() % 4 != 0)
        out += '=';
    return out;
}

std::string json_escaped(std::string_view text)
{
    std::string out;
    for (char const c : text) {
        if (c == '/' || c == '"' || c == '\\')
            out += '\\';
        out += c;
    }
    return out;
}

/// Every spelling in which a secret could be found again, and a beginning of it.
std::vector<std::string> spellings(std::string_view secret)
{
    std::vector<std::string> all{std::string(secret), std::string(secret.substr(0, 14)),
                                 percent_encoded(secret, false), percent_encoded(secret, true),
                                 json_escaped(secret)};
    for (std::size_t before = 0; before < 3; ++before) {
        // What stands before it shifts its Base64; the groups that hold other bytes are left out.
        std::string const coded = base64(std::string(before, 'x') + std::string(secret));
        all.push_back(coded.substr(before == 0 ? 0 : 4, 16));
    }
    return all;
}

bool shows(std::string_view text, std::string_view secret)
{
    for (auto const& each : spellings(secret))
        if (text.find(each) != std::string_view::npos)
            return true;
    return false;
}

/// Whatever the library gave out, with the name of the place.
class given_out
{
public:
    void note(std::string_view where, std::string_view text)
    {
        if (!text.empty())
            texts_.emplace_back(where, text);
    }
    void note(std::string_view where, error_code const& code) { note(where, code.message()); }

    void note(error_info const& why)
    {
        note("describe", why.describe());
        note("what", error(why).what());
        note("detail", why.client_message());
        note("service code", why.server_message().code());
        note("service type", why.server_message().type());
        note("service text", why.server_message().text());
        note("request id", why.request_id());
        note("task id", why.task_id());
        note("idempotency key", why.idempotency_key());
        note("violations", why.validation().describe());
        note("code", why.code());
        note("underlying", why.underlying());
        for (attempt const& each : why.attempts()) {
            note("attempt phase", each.phase());
            note("attempt code", each.code());
        }
    }
    void note(task_state const& state)
    {
        note("word", state.raw_status());
        note("reason code", state.error().code());
        note("reason type", state.error().type());
        note("reason text", state.error().text());
    }
    template <class T>
    void note(recorder<T> const& got)
    {
        if (!got.outcome())
            note(got.why());
        else if constexpr (std::is_base_of_v<task_state, T>)
            note(*got.outcome());
    }

    observer listener()
    {
        observer all;
        all.on_attempt = [this](attempt_event const& e) {
            note("attempt_event", e.task_id + "\n" + e.idempotency_key + "\n" + e.host + "\n" + e.phase +
                                      "\n" + e.detail + "\n" + e.request_id + "\n" + e.code.message());
        };
        all.on_retry = [this](retry_event const& e) { note("retry_event", e.why.message()); };
        all.on_operation = [this](operation_event const& e) {
            note("operation_event", e.task_id + "\n" + e.code.message());
        };
        all.on_connection = [this](connection_event const& e) {
            note("connection_event", e.host + "\n" + e.address + "\n" + e.detail + "\n" + e.tls_version +
                                         "\n" + e.code.message());
        };
        all.on_task = [this](task_event const& e) { note("task_event", e.task_id + "\n" + e.raw_status); };
        all.on_backpressure = [this](backpressure_event const& e) {
            note("backpressure_event", std::string(to_string(e.where)));
        };
        return all;
    }

    void check_for(std::string_view secret) const
    {
        for (auto const& [where, text] : texts_) {
            CAPTURE(where);
            CAPTURE(text);
            CHECK_FALSE(shows(text, secret));
        }
    }
    void check() const
    {
        CHECK_FALSE(texts_.empty());
        for (auto const secret : {key_canary, password_canary, prompt_canary, signature_canary})
            check_for(secret);
    }

private:
    std::vector<std::pair<std::string, std::string>> texts_;
};

// The counters are no place for a text.
static_assert(std::is_trivially_copyable_v<metrics> && sizeof(metrics) % sizeof(std::uint64_t) == 0);

any_request secret_request()
{
    return text_to_video<kling_3_0_turbo>(std::string(prompt_canary));
}

using answer = std::function<void(scripted_server::peer&)>;

answer whole(int status, std::string body, std::string headers = "")
{
    return [=](scripted_server::peer& peer) { peer.answer(status, body, headers); };
}
answer bytes(std::string text)
{
    return [=](scripted_server::peer& peer) {
        peer.write(text);
        peer.cut();
    };
}

/// A server that gives the planned answers, one for each request.
class player
{
public:
    explicit player(std::vector<answer> answers)
        : answers_(answers.begin(), answers.end()),
          server(scripted_server::security::tls, [this](scripted_server::peer& peer) {
              for (;;) {
                  peer.request();
                  next()(peer);
              }
          })
    {}

private:
    answer next()
    {
        std::lock_guard const lock(mutex_);
        if (answers_.empty())
            return whole(503, "{}");
        answer one = std::move(answers_.front());
        answers_.pop_front();
        return one;
    }

    std::mutex mutex_;
    std::deque<answer> answers_;

public:
    scripted_server server;
};

client_config secret_config(scripted_server const& server)
{
    auto config = server.config("127.0.0.1", key_canary);
    config.retry.max_retries = 0;
    config.retry.max_rate_limit_retries = 0;
    return config;
}

/// The answers of a service that repeats the key wherever it can.
std::vector<answer> echoes_of(std::string const& key)
{
    std::string const named = R"({"error":{"code":")" + key + R"(","type":")" + key +
                              R"(","message":"Incorrect API key provided: )" + key + R"("}})";
    std::string const id = "X-Request-Id: " + key + "\r\n";
    return {
        whole(401, named, id),
        whole(400, named, id),
        whole(403, named, id),
        whole(404, named, id),
        whole(409, named, id),
        whole(429, named, id + "Retry-After: " + key + "\r\n"),
        whole(500, named, id),
        whole(200, named, id),
        whole(401, R"({"error":{"message":")" + json_escaped(key) + R"("}})"),
        whole(502, "<html><body>" + key + "</body></html>", "Content-Type: text/html\r\n" + id),
        whole(200, key + " is not JSON", id),
        whole(200, "{\"" + key + "\":1}"),
        whole(200, R"({"code":")" + key + R"(","message":")" + key + R"("})"),
        whole(200, R"({"code":401,"message":")" + key + R"("})"),
        whole(200, R"({"code":200,"data":[{"status":")" + key + R"("}]})"),
        whole(200, R"({"code":200,"data":[{"task_id":")" + key + R"( "}]})"),
        whole(200, "{}", "Content-Type: " + key + "\r\n"),
        whole(307, "", "Location: https://localhost:1/" + key + "\r\n"),
        bytes("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"key\":\"" + key),
        bytes("HTTP/1.1 " + key + "\r\n\r\n"),
        bytes("HTTP/1.1 200 " + key + "\r\nContent-Length: 9\r\n\r\n"),
        bytes(key + "\r\n\r\n"),
        bytes("HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n"),
        bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + key + "\r\n\r\n"),
        bytes("HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n"),
        bytes("HTTP/1.1 200 OK\r\nX: " + std::string(30'000, 'x') + key + "\r\n\r\n"),
        bytes(""),
    };
}

/// Plays a task's state to a question and to a wait.
void check_words_of_task(std::string const& members)
{
    answer const state = whole(200, R"({"code":200,"data":{"id":"task_1",)" + members + "}}");
    player service({state, state, state});
    given_out texts;
    auto config = secret_config(service.server);
    config.observer = texts.listener();
    asio::io_context context;
    client user(context, config);
    recorder<task_state> asked;
    user.status(task("task_1"), asked.token());
    run_to_end(context);
    CHECK(asked.outcome().has_value());
    recorder<task_result> waited;
    user.wait(task("task_1"), {.timeout = 0ms}, waited.token());
    run_to_end(context);
    texts.note(asked);
    texts.note(waited);
    texts.check();
}

/// Plays an answer to a submit and to a question, and looks at all that is said about it and was sent for it.
void check_submit_and_question(answer const& given)
{
    for (bool const of_submit : {true, false}) {
        CAPTURE(of_submit);
        player service({given});
        given_out texts;
        auto config = secret_config(service.server);
        config.observer = texts.listener();
        asio::io_context context;
        client user(context, config);
        recorder<task> made;
        recorder<task_state> state;
        if (of_submit)
            user.submit(secret_request(), made.token());
        else
            user.status(task("task_1"), state.token());
        run_to_end(context);
        if (of_submit)
            texts.note(made);
        else
            texts.note(state);
        texts.check();
        // The one place the key is meant for: the header of the request to the service.
        REQUIRE(service.server.requests().size() == 1);
        std::string const request = service.server.requests().front();
        std::string const header = "Authorization: Bearer " + std::string(key_canary) + "\r\n";
        CHECK(request.find(header) + header.find(key_canary) == request.find(key_canary));
        CHECK(request.find(key_canary) == request.rfind(key_canary));
        CHECK_FALSE(shows(request, password_canary));
    }
}

} // namespace

TEST_CASE("client secrets: the search finds a secret in each of its spellings")
{
    for (auto const secret : {key_canary, password_canary, prompt_canary, signature_canary}) {
        std::string const text(secret);
        CHECK(shows("a" + text + "b", secret));
        CHECK(shows(percent_encoded(text, false), secret));
        CHECK(shows(percent_encoded(text, true), secret));
        CHECK(shows(json_escaped(text), secret));
        CHECK(shows(text.substr(0, 20), secret));
        for (std::string const before : {"", "u", "us", "use", "user:"})
            CHECK(shows(base64(before + text + "!"), secret));
        CHECK_FALSE(shows("nothing of it", secret));
    }
}

TEST_CASE("client secrets: a service that repeats the key does not get it into a text")
{
    std::size_t n = 0;
    for (answer const& each : echoes_of(std::string(key_canary))) {
        CAPTURE(n);
        ++n;
        check_submit_and_question(each);
    }
}

TEST_CASE("client secrets: the key is taken out of answers that are not JSON but escape it as JSON does")
{
    check_submit_and_question(whole(401, "{'message': '" + json_escaped(key_canary) + "'"));
}

TEST_CASE("client secrets: the key is taken out of a partial answer before that is cut to its first bytes")
{
    check_submit_and_question(bytes("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" +
                                    std::string(4080, 'x') + std::string(key_canary)));
}

TEST_CASE("client secrets: the reason of a failed task is given without the key that stands in it")
{
    std::string const key(key_canary);
    check_words_of_task(R"("status":"failed","error":{"message":"no: )" + key + R"("})");
    check_words_of_task(R"("status":"failed","error":")" + key + " is not it\"");
    check_words_of_task(R"("status":"failed","fail_reason":")" + key + " is not it\"");
}

TEST_CASE("client secrets: code and type of a failed task are given without the key, too")
{
    std::string const key(key_canary);
    check_words_of_task(R"("status":"failed","error":{"code":")" + key + R"(","type":")" + key + R"("})");
}

TEST_CASE("client secrets: the service's word for a state is given without the key")
{
    check_words_of_task(R"("status":")" + std::string(key_canary) + '"');
}

TEST_CASE("client secrets: a result's host gets its own link and nothing else, and no text shows the link")
{
    std::string const signature(signature_canary);
    player other({whole(200, "not a video at all", "Content-Type: video/mp4\r\n")});
    std::string const elsewhere = "https://localhost:" + std::to_string(other.server.port());
    for (answer const& each : {
             whole(200, "the bytes of a video"),
             whole(403, "<Error><Signature>" + signature + "</Signature></Error>"),
             whole(404, signature),
             whole(416, signature),
             whole(500, signature, "Retry-After: " + signature + "\r\n"),
             whole(200, "<html>" + signature, "Content-Type: text/html\r\n"),
             whole(200, "{\"sig\":\"" + signature),
             whole(200, "encoded", "Content-Encoding: " + signature + "\r\n"),
             whole(206, "part", "Content-Range: " + signature + "\r\n"),
             whole(302, "", "Location: http://127.0.0.1/v?sig=" + signature + "\r\n"),
             whole(302, "", "Location: ://" + signature + "\r\n"),
             whole(302, "", "Location: https://" + signature + ".invalid:0/\r\n"),
             whole(302, "", "Location: https://u:" + signature + "@localhost/\r\n"),
             whole(302, "", "Location: " + elsewhere + "/other.mp4?token=another\r\n"),
             whole(302, "", "Location: /v.mp4?sig=" + signature + "\r\n"),
             whole(302, ""),
             bytes("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + signature),
             bytes("HTTP/1.1 200 " + signature + "\r\n" + signature + "\r\n\r\n"),
             bytes(signature + "\r\n\r\n"),
             bytes(""),
         }) {
        player files({each});
        std::string const link = files.server.base_url("localhost") + "/v.mp4?sig=" + signature + "&exp=1";
        player service(
            {whole(200, completed_body("task_1", link)), whole(200, completed_body("task_1", link))});
        given_out texts;
        auto config = secret_config(service.server);
        config.tls.add_ca_pem(files.server.ca_pem());
        config.tls.add_ca_pem(other.server.ca_pem());
        config.allow_private_results = true;
        config.observer = texts.listener();
        asio::io_context context;
        client user(context, config);
        scratch_folder folder;
        recorder<task_result> done;
        user.wait(task("task_1"), done.token());
        run_to_end(context);
        texts.note(done);
        recorder<std::uint64_t> size;
        user.download(done.value().video(), folder / "v.mp4", {.max_retries = 1}, size.token());
        run_to_end(context);
        texts.note(size);
        texts.check();

        REQUIRE_FALSE(files.server.requests().empty());
        for (auto const& request : files.server.requests()) {
            CHECK(request.find("sig=" + signature) != std::string::npos);
            CHECK_FALSE(shows(request, key_canary));
            CHECK_FALSE(shows(request, prompt_canary));
            CHECK(request.find("uthorization") == std::string::npos);
        }
        for (auto const& request : service.server.requests())
            CHECK_FALSE(shows(request, signature_canary));
    }
    REQUIRE(other.server.requests().size() == 1);
    std::string const redirected = other.server.requests().front();
    CHECK(redirected.find("/other.mp4?token=another") != std::string::npos);
    CHECK_FALSE(shows(redirected, signature_canary));
    CHECK_FALSE(shows(redirected, key_canary));
}

TEST_CASE("client secrets: links that are not fetched are not shown either")
{
    std::string const signature(signature_canary);
    for (std::string const& link : std::vector<std::string>{
             "http://localhost:1/v.mp4?sig=" + signature, "ftp://localhost/v.mp4?sig=" + signature,
             "https://user:" + signature + "@localhost:1/v.mp4", "//localhost/v.mp4?sig=" + signature,
             "https://10.0.0.1/v.mp4?sig=" + signature, "https://localhost:1/v.mp4?sig=" + signature,
             "https://localhost:99999/?sig=" + signature, signature}) {
        CAPTURE(link);
        player service(
            {whole(200, completed_body("task_1", link)), whole(200, completed_body("task_1", link))});
        given_out texts;
        auto config = secret_config(service.server);
        config.observer = texts.listener();
        asio::io_context context;
        client user(context, config);
        recorder<task_result> done;
        user.wait(task("task_1"), done.token());
        run_to_end(context);
        texts.note(done);
        if (done.outcome()) {
            scratch_folder folder;
            recorder<std::uint64_t> size;
            user.download(done.value().video(), folder / "v.mp4", {.max_retries = 0}, size.token());
            run_to_end(context);
            CHECK_FALSE(size.outcome().has_value());
            texts.note(size);
        }
        texts.check();
    }
}

TEST_CASE("client secrets: a proxy gets its password and the service's name, and no text shows the password")
{
    std::string const password(password_canary);
    std::string const credentials = base64(std::string(proxy_user) + ":" + password);
    auto const says = [](std::string const& head) {
        return connect_fault::raw(head + "\r\n\r\n").then_close();
    };
    std::vector<std::optional<connect_fault>> const faults{
        std::nullopt,
        connect_fault::answer(407),
        says("HTTP/1.1 407 " + password + " " + credentials),
        says("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"" + credentials + "\""),
        says("HTTP/1.1 502 not for " + credentials),
        says("HTTP/1.1 403 " + password),
        says(password),
        says("HTTP/1.1 200 Yes\r\n\r\n" + password),
        says("HTTP/1.1 200 Yes\r\n" + password),
        connect_fault::garbage(),
        connect_fault::huge_head(100'000),
        connect_fault::close(),
        connect_fault::reset(),
    };
    for (std::size_t i = 0; i < faults.size(); ++i) {
        CAPTURE(i);
        player service({whole(200, accepted_body("task_1"))});
        asio::io_context context;
        connect_proxy_options options;
        options.user = proxy_user;
        options.password = password;
        connect_proxy proxy(context.get_executor(), options);
        if (faults[i])
            proxy.plan(*faults[i]);
        proxy.start();
        given_out texts;
        auto config = secret_config(service.server);
        config.proxy =
            proxy_options("http://" + std::string(proxy_user) + ":" + percent_encoded(password, false) +
                          "@127.0.0.1:" + std::to_string(proxy.port()));
        config.observer = texts.listener();
        {
            client user(context, config);
            recorder<task> got;
            user.submit(secret_request(), got.token());
            run_until(context, [&] { return got.done(); });
            CHECK(got.outcome().has_value() == !faults[i]);
            texts.note(got);
            recorder<shutdown_report> end;
            user.shutdown(end.token());
            run_until(context, [&] { return end.done(); });
        }
        texts.check();

        REQUIRE_FALSE(proxy.bytes_outside_tunnels().empty());
        for (std::string const& seen : proxy.bytes_outside_tunnels()) {
            CHECK(seen.find("Proxy-Authorization: Basic " + credentials + "\r\n") != std::string::npos);
            CHECK(seen.find(password) == std::string::npos);
            CHECK_FALSE(shows(seen, key_canary));
            CHECK_FALSE(shows(seen, prompt_canary));
        }
        CHECK(proxy.requests().at(0).credentials == testing::proxy_credentials::right);
        for (auto const& request : service.server.requests()) {
            CHECK_FALSE(shows(request, password_canary));
            CHECK(request.find("Proxy-Authorization") == std::string::npos);
        }
        proxy.stop();
        run_to_end(context);
    }
}

TEST_CASE("client secrets: an unusable configuration is reported without what is secret in it")
{
    std::string const key(key_canary);
    std::string const password(password_canary);
    std::string const user = "somebody:" + percent_encoded(password, false) + "@";
    given_out texts;
    asio::io_context context;
    auto const refused = [&](auto change) {
        client_config config{api_key(key)};
        change(config);
        try {
            client made(context, config);
            FAIL("it was accepted");
        } catch (error const& e) {
            CHECK(e.code() == errc::invalid_configuration);
            texts.note("what", e.what());
            texts.note(e.info());
        }
    };
    for (std::string const& url :
         std::vector<std::string>{"https://" + user + "127.0.0.1:1", "http://" + user + "127.0.0.1:1/path",
                                  "http://" + user + "127.0.0.1:99999", "http://" + user,
                                  "http://somebody:" + password + " @host:1", "socks5://" + user + "host:1"})
        refused([&](client_config& config) { config.proxy = proxy_options(url); });
    refused([&](client_config& config) { config.base_url = "https://" + user + "127.0.0.1"; });
    refused([&](client_config& config) { config.base_url = "https://127.0.0.1/?key=" + key; });
    refused([&](client_config& config) { config.fallback_base_urls = {"https://" + user + "127.0.0.1"}; });
    CHECK_THROWS_AS(api_key(key + "\n"), std::invalid_argument);
    try {
        api_key wrong(key + "\n");
    } catch (std::invalid_argument const& e) {
        texts.note("what", e.what());
    }
    texts.check();
}

TEST_CASE("client secrets: nobody but the configured service gets the key, whoever answers in its place")
{
    player stranger({whole(200, accepted_body("task_of_a_stranger"))});
    std::string const elsewhere = "https://localhost:" + std::to_string(stranger.server.port());
    given_out texts;
    // A redirect of a submit, and of a question.
    for (int const status : {301, 302, 303, 307, 308}) {
        CAPTURE(status);
        std::string const location = "Location: " + elsewhere + "/v1/videos/generations\r\n";
        player service({whole(status, "", location), whole(status, "", location)});
        auto config = secret_config(service.server);
        config.tls.add_ca_pem(stranger.server.ca_pem());
        config.observer = texts.listener();
        asio::io_context context;
        client user(context, config);
        recorder<task> got;
        user.submit(secret_request(), got.token());
        recorder<task_state> state;
        user.status(task("task_1"), state.token());
        run_to_end(context);
        CHECK_FALSE(got.outcome().has_value());
        CHECK_FALSE(state.outcome().has_value());
        texts.note(got);
        texts.note(state);
    }
    CHECK(stranger.server.connections() == 0);

    // A certificate that is not trusted, and a host that speaks no TLS: neither gets a byte of a request.
    for (auto const how : {scripted_server::security::tls, scripted_server::security::plain}) {
        std::string heard;
        std::mutex mutex;
        scripted_server impostor(how, [&](scripted_server::peer& peer) {
            for (;;) {
                std::string const more = peer.bytes(1);
                std::lock_guard const lock(mutex);
                heard += more;
                if (how == scripted_server::security::plain && heard.size() == 1)
                    peer.write("HTTP/1.1 400 " + std::string(key_canary) + "\r\n\r\n");
            }
        });
        auto config = quick_config("https://127.0.0.1:" + std::to_string(impostor.port()),
                                   stranger.server.ca_pem(), key_canary);
        config.retry.max_retries = 1;
        config.observer = texts.listener();
        asio::io_context context;
        client user(context, config);
        recorder<task> got;
        user.submit(secret_request(), got.token());
        run_to_end(context);
        CHECK(got.why().acceptance() == acceptance::not_sent);
        texts.note(got);
        std::lock_guard const lock(mutex);
        CHECK_FALSE(shows(heard, key_canary));
        CHECK_FALSE(shows(heard, prompt_canary));
        CHECK((how == scripted_server::security::tls) == heard.empty());
    }
    texts.check();
}

TEST_CASE("client secrets: a request that is refused here is described without its prompt")
{
    asio::io_context context;
    given_out texts;
    client_config config{api_key(std::string(key_canary))};
    config.observer = texts.listener();
    client user(context, config);
    std::string const long_prompt = std::string(prompt_canary) + std::string(4'000, 'x');
    for (any_request const& request :
         {any_request(text_to_video<kling_3_0_turbo>(long_prompt)),
          any_request(text_to_video<kling_3_0_turbo>(std::string(prompt_canary)).duration(runtime(99s)))}) {
        recorder<task> got;
        user.submit(request, got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::invalid_request);
        texts.note(got);
    }
    texts.check();
}
