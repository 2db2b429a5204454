// Rules of the transport that need no connection: addresses, Retry-After, framing, downloads, words for logs.
#include <apimart/client_config.hpp>
#include <apimart/config/api_key.hpp>
#include <apimart/operations/partial_file.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/runtime/authorization.hpp>
#include <apimart/task.hpp>
#include <apimart/text/printable.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

template <class T>
concept printable_to_a_stream = requires(std::ostream& out, T const& value)
{
    out << value;
};

} // namespace

static_assert(!printable_to_a_stream<api_key>);
static_assert(!printable_to_a_stream<result_url>);
static_assert(!std::is_convertible_v<api_key, std::string>);
static_assert(!std::is_aggregate_v<task> && !std::is_aggregate_v<finished_task> &&
              !std::is_aggregate_v<failure>);
static_assert(!std::is_aggregate_v<client_config> && !std::is_aggregate_v<tls_options> &&
              !std::is_aggregate_v<api_key>);

TEST_CASE("a key that a header cannot carry is refused without being repeated")
{
    for (std::string const& bad :
         {std::string(), std::string("Bearer "), std::string("sk-canary\r\nX: 1"), std::string("sk canary"),
          std::string("sk-canary\0", 10), std::string("sk-\xC3\xA4")}) {
        try {
            api_key const key(bad);
            FAIL("accepted");
        } catch (std::invalid_argument const& e) {
            CHECK(std::string(e.what()).find("canary") == std::string::npos);
        }
    }
    std::string head;
    authorization(api_key("Bearer sk-1")).append_header(head);
    CHECK(head == "Authorization: Bearer sk-1\r\n");
    CHECK(authorization(api_key("sk-1")).redacted(std::string("key sk-1, yes sk-1")) ==
          "key [redacted], yes [redacted]");
    // A key that occurs in the mark itself must not be replaced for ever.
    CHECK(authorization(api_key("e")).redacted(std::string("pet")) == "p[redacted]t");
    // A text that was cut short can end in the middle of it.
    authorization const long_key(api_key("sk-0123456789"));
    CHECK(long_key.redacted(std::string("your key sk-0123...")) == "your key [redacted]...");
    CHECK(long_key.redacted(std::string("your key sk-012345678")) == "your key [redacted]");
    CHECK(long_key.redacted(std::string("a task...")) == "a task...");
}

TEST_CASE("the environment gives the key and the address, and a missing key is named")
{
    ::unsetenv("APIMART_API_KEY");
    try {
        client_config::from_environment();
        FAIL("accepted");
    } catch (apimart::error const& e) {
        CHECK(e.code() == errc::invalid_configuration);
        CHECK(std::string(e.what()).find("APIMART_API_KEY") != std::string::npos);
    }
    ::setenv("APIMART_API_KEY", "sk-1", 1);
    ::setenv("APIMART_BASE_URL", "https://other.example", 1);
    CHECK(client_config::from_environment().base_url == "https://other.example");
    ::setenv("APIMART_BASE_URL", "", 1);
    CHECK(client_config::from_environment().base_url == "https://api.apimart.ai");
    ::unsetenv("APIMART_API_KEY");
    ::unsetenv("APIMART_BASE_URL");
}

TEST_CASE("addresses are split the way requests need them")
{
    auto const url = parse_request_url("https://API.example.com./v1/x%20y?sig=a%2Fb#frag");
    REQUIRE(url.has_value());
    CHECK(url->origin.host == "api.example.com");
    CHECK(url->origin.port == "443");
    CHECK(url->origin.authority() == "api.example.com");
    CHECK(url->target == "/v1/x%20y?sig=a%2Fb");
    auto const v6 = parse_request_url("http://[::1]:8080");
    REQUIRE(v6.has_value());
    CHECK(v6->origin.host == "::1");
    CHECK(v6->origin.is_address());
    CHECK(v6->origin.authority() == "[::1]:8080");
    CHECK(v6->target == "/");
    for (char const* const bad :
         {"", "//host/x", "ftp://host/x", "file:///etc/passwd", "data:text/plain,x", "https://user@host/",
          "https://host:0/", "https://host:99999/", "https:///x", "https://host/a b", "https://host/\r\nX: 1",
          "javascript:alert(1)"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_request_url(bad).has_value());
    }
}

TEST_CASE("private addresses are recognised in every range")
{
    for (char const* const address :
         {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
          "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
          "fd12::1", "ff02::1", "::ffff:169.254.169.254"})
        CHECK_MESSAGE(is_private_address(address), address);
    for (char const* const address :
         {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"})
        CHECK_MESSAGE(!is_private_address(address), address);
}

TEST_CASE("Retry-After is read in both forms, and rubbish is as if it were absent")
{
    auto const now = std::chrono::sys_seconds(784111777s); // Sun, 06 Nov 1994 08:49:37 GMT
    CHECK(parse_retry_after("120", now) == 120s);
    CHECK(parse_retry_after(" 7 ", now) == 7s);
    CHECK(parse_retry_after("0", now) == 0s);
    CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now) == 60s);
    CHECK(parse_retry_after("999999999999999999999999", now).value() > 24h * 365);
    for (char const* const bad : {"", "-1", "abc", "1.5", "1, 2", "Sun, 06 Nov 1994 08:49:37 GMT",
                                  "Sun, 06 Nov 1993 08:49:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT",
                                  "Sun, 31 Feb 1995 08:49:37 GMT", "Sun, 06 Nov 1995 25:00:00 GMT"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_retry_after(bad, now).has_value());
    }
}

TEST_CASE("what a file server's answer means for a transfer")
{
    using kind = download_step::kind;
    request_url const asked = parse_request_url("https://cdn.example/v.mp4").value();
    auto const judged = [&](int status, std::uint64_t have, auto change) {
        download_answer answer;
        answer.status = status;
        answer.content_type = "video/mp4";
        answer.content_length = 100;
        change(answer);
        return judge_download(answer, asked, have, 1000);
    };
    auto const as_is = [](download_answer&) {};
    CHECK(judged(200, 0, as_is).what == kind::from_start);
    CHECK(judged(200, 50, as_is).what == kind::from_start);
    CHECK(judged(206, 50, [](auto& a) { a.content_range = "bytes 50-149/150"; }).what == kind::go_on);
    CHECK(judged(206, 50, [](auto& a) { a.content_range = "bytes 5-149/150"; }).why.code() ==
          errc::protocol_error);
    CHECK(judged(206, 0, [](auto& a) { a.content_range = "bytes 0-9/10"; }).why.code() ==
          errc::protocol_error);
    CHECK(judged(206, 50, as_is).why.code() == errc::protocol_error);
    for (int const status : {401, 403, 404, 410})
        CHECK(judged(status, 0, as_is).why.code() == errc::result_expired);
    for (int const status : {408, 416, 429, 500, 502, 503})
        CHECK(judged(status, 0, as_is).why.code() == cause::retryable);
    CHECK(judged(204, 0, as_is).why.code() == errc::unexpected_response);
    CHECK(judged(200, 0, [](auto& a) { a.content_encoding = "gzip"; }).why.code() ==
          errc::unexpected_response);
    CHECK(judged(200, 0, [](auto& a) { a.content_type = "text/html"; }).why.code() == errc::download_corrupt);
    CHECK(judged(200, 0, [](auto& a) { a.content_length = 0; }).why.code() == errc::download_corrupt);
    CHECK(judged(200, 0, [](auto& a) { a.content_length = 1001; }).why.code() == errc::download_too_large);
    CHECK(judged(206, 950, [](auto& a) { a.content_range = "bytes 950-1049/1050"; }).why.code() ==
          errc::download_too_large);
    CHECK(judged(302, 0, [](auto& a) { a.location = "https://other/x"; }).location == "https://other/x");
    CHECK(judged(302, 0, [](auto& a) { a.location = "/x"; }).location == "https://cdn.example/x");
    CHECK(judged(302, 0, as_is).what == kind::fail);
    CHECK(may_begin_a_video(std::string_view("\0\0\0\x20"
                                             "ftypisom",
                                             12)));
    CHECK_FALSE(may_begin_a_video("  <?xml version"));
    CHECK_FALSE(may_begin_a_video("{\"error\":1}"));
}

TEST_CASE("a file appears under its name only when it is complete")
{
    auto const folder =
        std::filesystem::temp_directory_path() / ("apimart-part-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    auto const target = folder / "v.mp4";
    {
        part_file file(target);
        REQUIRE_FALSE(file.open());
        REQUIRE_FALSE(file.append("hello", 5));
        CHECK_FALSE(std::filesystem::exists(target));
        REQUIRE_FALSE(file.restart());
        REQUIRE_FALSE(file.append("bye", 3));
        REQUIRE_FALSE(file.finish(false));
    }
    CHECK(std::filesystem::file_size(target) == 3);
    CHECK_FALSE(std::filesystem::exists(target.string() + ".part"));
    {
        part_file again(target);
        REQUIRE_FALSE(again.open());
        CHECK(again.finish(false) == boost::system::errc::file_exists);
        again.remove();
    }
    CHECK(std::filesystem::file_size(target) == 3);
    part_file nowhere(folder / "missing" / "v.mp4");
    CHECK(nowhere.open() == boost::system::errc::no_such_file_or_directory);
    std::filesystem::remove_all(folder);
}

TEST_CASE("text from outside is made safe for a log line")
{
    CHECK(printable("a\r\nb\x1b[1m", 100) == "a\\x0d\\x0ab\\x1b[1m");
    CHECK(printable("see https://h/p?sig=1&x=2 there", 100) == "see https://h/p?[redacted] there");
    CHECK(printable(std::string(50, 'x'), 10) == "xxxxxxxxxx...");
    CHECK(printable("\xC3\xA4\xC3\xA4\xC3\xA4", 2) == "\xC3\xA4\xC3\xA4...");
}

TEST_CASE("errors meet the causes a caller branches on")
{
    CHECK(make_error_code(errc::connection_lost) == cause::retryable);
    CHECK(make_error_code(errc::connection_lost) == cause::transport);
    CHECK(make_error_code(errc::outcome_unknown) == cause::outcome_unknown);
    CHECK_FALSE(make_error_code(errc::outcome_unknown) == cause::retryable);
    CHECK_FALSE(make_error_code(errc::certificate_refused) == cause::retryable);
    CHECK(make_error_code(api_errc::unavailable) == cause::retryable);
    CHECK_FALSE(make_error_code(api_errc::no_credit) == cause::retryable);
    failure first(errc::connection_lost, "one");
    failure const second = first;
    first.detail("two");
    CHECK(second.detail() == "one");
    CHECK_THROWS_AS(result<task>(second).value(), apimart::error);
}
