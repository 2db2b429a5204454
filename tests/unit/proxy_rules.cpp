// Through which proxy which hosts are reached, what the proxy is asked, and what its answer means.
#include <apimart/config/proxy_options.hpp>
#include <apimart/http/proxy.hpp>
#include <apimart/version.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace apimart;
using namespace apimart::detail;

namespace {

origin to(std::string host, std::string port = "443")
{
    origin out;
    out.host = std::move(host);
    out.port = std::move(port);
    return out;
}

origin const api = to("api.apimart.ai");

proxy_rules rules(std::string url, std::string bypass = {})
{
    auto made = proxy_rules::make(proxy_options(std::move(url), std::move(bypass)));
    REQUIRE_MESSAGE(made.has_value(), made.error().describe());
    return *made;
}

error_info refused(std::string_view received, proxy_rules const& by = rules("http://proxy.example"))
{
    auto const verdict = by.parse_response(received, api);
    REQUIRE(verdict.has_value());
    REQUIRE_FALSE(verdict->has_value());
    return verdict->error();
}

class environment
{
public:
    environment()
    {
        for (char const* const name : names)
            ::unsetenv(name);
    }
    ~environment()
    {
        for (char const* const name : names)
            ::unsetenv(name);
    }
    environment(environment const&) = delete;
    environment& operator=(environment const&) = delete;

    static constexpr char const* names[] = {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"};
};

} // namespace

TEST_CASE("a proxy is a host and a port, with 3128 where none is given")
{
    struct row
    {
        char const* url;
        char const* host;
        char const* port;
    };
    for (row const& each : {
             row{"http://proxy.example", "proxy.example", "3128"},
             row{"http://proxy.example/", "proxy.example", "3128"},
             row{"http://proxy.example:", "proxy.example", "3128"},
             row{"http://PROXY.Example:8080", "proxy.example", "8080"},
             row{"HTTP://proxy.example:80/", "proxy.example", "80"},
             row{"http://user:secret@proxy.example:1", "proxy.example", "1"},
             row{"http://192.0.2.1:3128", "192.0.2.1", "3128"},
             row{"http://[2001:db8::1]:8080", "2001:db8::1", "8080"},
             row{"proxy.example:8080", "proxy.example", "8080"},
             row{"user:secret@proxy.example", "proxy.example", "3128"},
             row{"http://8.8.8.8.proxy.example:8080", "8.8.8.8.proxy.example", "8080"},
             row{"http://8.8.8.8@proxy.example/", "proxy.example", "3128"},
         }) {
        CAPTURE(each.url);
        proxy_rules const made = rules(each.url);
        CHECK(made.host() == each.host);
        CHECK(made.port() == each.port);
        CHECK(made.applies_to(api));
    }
    CHECK_FALSE(proxy_rules().applies_to(api));
    CHECK_FALSE(rules("").applies_to(api));
}

TEST_CASE("an unusable proxy is refused without its password being repeated")
{
    for (char const* const bad : {
             "https://user:canary@proxy.example",
             "socks5://user:canary@proxy.example",
             "ftp://user:canary@proxy.example",
             "http://",
             "http:///",
             "http://user:canary@",
             "http://user:canary@:3128",
             "http://user:canary@proxy.example:0",
             "http://user:canary@proxy.example:65536",
             "http://user:canary@proxy.example:port",
             "http://user:canary@proxy.example/path",
             "http://user:canary@proxy.example?x=1",
             "http://user:canary@proxy.example#x",
             "http://user:canary@proxy example",
             "http://user:canary@proxy%0d%0aexample",
             "http://user:canary%0d%0aX: 1@proxy.example",
             "http://user:canary%0d%0aX-1@proxy.example",
             "http://user:canary%0a@proxy.example",
             "http://user:canary%00@proxy.example",
             "http://us%7fer:canary@proxy.example",
             "http://us%3aer:canary@proxy.example",
             "http://user:canary\r\n@proxy.example",
             "http://user:can ary@proxy.example",
             "http://[2001:db8::1]canary@proxy.example",
             "http://8.8.8.8]canary@proxy.example",
             "http://user:canary%zz@proxy.example",
             "http://user:canary@[::1",
             "http://user:canary@one@proxy.example",
             "http://user:canary@proxy.example:8x",
             "http://user:canary@192.0.2.1x:80:90",
             "http://user:canary@proxy%2eexample",
             " http://user:canary@proxy.example",
         }) {
        CAPTURE(bad);
        auto const made = proxy_rules::make(proxy_options(bad));
        REQUIRE_FALSE(made.has_value());
        CHECK(made.error().code() == errc::invalid_configuration);
        CHECK(made.error().describe().find("canary") == std::string::npos);
        CHECK(made.error().describe().find("proxy") != std::string::npos);
    }
}

TEST_CASE("the request to the proxy names host and port and carries the credentials decoded")
{
    CHECK(rules("http://proxy.example").connect_request(api) ==
          "CONNECT api.apimart.ai:443 HTTP/1.1\r\nHost: api.apimart.ai:443\r\nUser-Agent: "
          "apimart-cpp/" APIMART_VERSION_STRING "\r\n\r\n");
    CHECK(rules("http://proxy.example")
              .connect_request(to("2001:db8::1", "8443"))
              .starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n"));

    auto const sent = [](char const* url) {
        std::string const text = rules(url).connect_request(api);
        std::string_view const name = "\r\nProxy-Authorization: Basic ";
        std::size_t const at = text.find(name);
        REQUIRE(at != std::string::npos);
        return text.substr(at + name.size(), text.find("\r\n", at + 2) - at - name.size());
    };
    CHECK(sent("http://Aladdin:open%20sesame@p") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); // RFC 7617
    CHECK(sent("http://test:123%C2%A3@p") == "dGVzdDoxMjPCow==");                    // RFC 7617
    CHECK(sent("http://user@p") == "dXNlcjo=");
    CHECK(sent("http://u%40d:p%3Aw@p") == "dUBkOnA6dw==");
    CHECK(sent("http://:w@p") == "Onc=");
}

TEST_CASE("hosts are reached without the proxy as curl reads NO_PROXY")
{
    struct row
    {
        char const* list;
        char const* host;
        bool bypassed;
        char const* port = "443";
    };
    for (row const& each : {
             row{"", "a.example", false},
             row{"*", "a.example", true},
             row{"*", "192.0.2.1", true},
             row{"x, *", "a.example", true},
             row{"local.com", "local.com", true},
             row{"local.com", "www.local.com", true},
             row{"local.com", "a.b.local.com", true},
             row{"local.com", "notlocal.com", false},
             row{"local.com", "local.com.example", false},
             row{"local.com", "com", false},
             row{"local.com", "local.com", true, "8443"},
             row{".local.com", "local.com", true},
             row{".local.com", "www.local.com", true},
             row{".local.com", "notlocal.com", false},
             row{"*.local.com", "www.local.com", true},
             row{"*.local.com", "notlocal.com", false},
             row{"local.com.", "local.com", true},
             row{"LOCAL.Com", "www.local.com", true},
             row{"com", "local.com", true},
             row{"local.com:443", "local.com", true},
             row{"local.com:443", "www.local.com", true},
             row{"local.com:8443", "local.com", false},
             row{"local.com:8443", "local.com", true, "8443"},
             row{"a.example,local.com,b.example", "local.com", true},
             row{" a.example , local.com ", "local.com", true},
             row{"a.example local.com", "local.com", true},
             row{"a.example\tlocal.com", "a.example", true},
             row{",,,local.com,,", "local.com", true},
             row{",,,", "local.com", false},
             row{".", "local.com", false},
             row{"..", "local.com", false},
             row{":443", "local.com", false},
             row{"192.0.2.1", "192.0.2.1", true},
             row{"192.0.2.1", "192.0.2.11", false},
             row{"192.0.2.1", "a.192.0.2.1", false},
             row{"0.2.1", "192.0.2.1", false}, // a name is no end of an address
             row{"1", "192.0.2.1", false},
             row{"192.0.2.1:443", "192.0.2.1", true},
             row{"192.0.2.1:80", "192.0.2.1", false},
             row{"192.0.2.0/24", "192.0.2.255", true},
             row{"192.0.2.0/24", "192.0.3.0", false},
             row{"192.0.2.77/24", "192.0.2.1", true},
             row{"192.0.2.0/25", "192.0.2.127", true},
             row{"192.0.2.0/25", "192.0.2.128", false},
             row{"192.0.2.1/32", "192.0.2.1", true},
             row{"192.0.2.1/32", "192.0.2.2", false},
             row{"0.0.0.0/0", "203.0.113.9", true},
             row{"0.0.0.0/0", "2001:db8::1", false},
             row{"10.0.0.0/8", "10.255.0.1", true},
             row{"10.0.0.0/8", "11.0.0.1", false},
             row{"10.0.0.0/8", "10.example", false},
             row{"192.0.2.0/33", "192.0.2.1", false},
             row{"192.0.2.0/", "192.0.2.1", false},
             row{"192.0.2.0/-1", "192.0.2.1", false},
             row{"192.0.2.0/1x", "192.0.2.1", false},
             row{"192.0.2.0/4294967320", "192.0.2.1", false},
             row{"/8", "10.0.0.1", false},
             row{"example.com/8", "example.com", false},
             row{"2001:db8::1", "2001:db8::1", true},
             row{"2001:db8:0:0:0:0:0:1", "2001:db8::1", true},
             row{"2001:DB8::1", "2001:db8::1", true},
             row{"[2001:db8::1]", "2001:db8::1", true},
             row{"[2001:db8::1]:443", "2001:db8::1", true},
             row{"[2001:db8::1]:80", "2001:db8::1", false},
             row{"2001:db8::/32", "2001:db8:ffff::1", true},
             row{"2001:db8::/32", "2001:db9::1", false},
             row{"[2001:db8::]/32", "2001:db8:ffff::1", true},
             row{"2001:db8::/128", "2001:db8::", true},
             row{"2001:db8::/128", "2001:db8::1", false},
             row{"2001:db8::/129", "2001:db8::", false},
             row{"::/0", "2001:db8::1", true},
             row{"::ffff:192.0.2.1", "192.0.2.1", true},
             row{"192.0.2.0/24", "::ffff:192.0.2.1", true},
             row{"[local.com]", "local.com", false},
             row{"<local>", "local.com", false},
             row{"localhost", "127.0.0.1", false}, // names are not looked up
         }) {
        CAPTURE(std::string(each.list));
        CAPTURE(std::string(each.host));
        CAPTURE(each.port);
        CHECK(rules("http://proxy.example", each.list).applies_to(to(each.host, each.port)) ==
              !each.bypassed);
    }
}

TEST_CASE("the environment names the proxy, and the lower-case name wins")
{
    environment const clean;
    CHECK(proxy_options::from_environment().empty());

    auto const made = [] {
        auto out = proxy_rules::make(proxy_options::from_environment());
        REQUIRE(out.has_value());
        return *out;
    };
    ::setenv("HTTPS_PROXY", "http://upper.example", 1);
    ::setenv("NO_PROXY", "upper.test", 1);
    CHECK(made().host() == "upper.example");
    CHECK_FALSE(made().applies_to(to("upper.test")));

    ::setenv("https_proxy", "http://lower.example:8080", 1);
    ::setenv("no_proxy", "lower.test", 1);
    CHECK(made().host() == "lower.example");
    CHECK(made().port() == "8080");
    CHECK(made().applies_to(to("upper.test")));
    CHECK_FALSE(made().applies_to(to("lower.test")));
    for (char const* const own : {"localhost", "127.0.0.1", "127.1.2.3", "::1"})
        CHECK_FALSE(made().applies_to(to(own)));

    ::setenv("https_proxy", "", 1); // as if it were absent
    CHECK(made().host() == "upper.example");
}

TEST_CASE("only a complete success with nothing behind it opens the tunnel")
{
    proxy_rules const by = rules("http://proxy.example");
    for (std::string const& text : {
             std::string("HTTP/1.1 200 Connection established\r\n\r\n"),
             std::string("HTTP/1.0 200 OK\r\nProxy-Agent: x/1\r\nVia: a\r\n\r\n"),
             std::string("HTTP/1.1 200\r\n\r\n"),
             std::string("HTTP/1.1 204 \r\nContent-Length: 0\r\nX-Empty:\r\n\r\n"),
             // In a success, RFC 9110 wants it ignored.
             std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nA: b\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
         }) {
        CAPTURE(text);
        for (std::size_t length = 0; length < text.size(); ++length)
            REQUIRE_FALSE(by.parse_response(std::string_view(text).substr(0, length), api).has_value());
        auto const verdict = by.parse_response(text, api);
        REQUIRE(verdict.has_value());
        CHECK(verdict->has_value());
        CHECK(refused(text + "x").code() == errc::proxy_protocol_error);
        CHECK(refused(text + text).http_status() / 100 == 2);
    }
}

TEST_CASE("a refusing proxy's status tells whether asking again may help")
{
    for (auto const& each : {std::pair{407, errc::proxy_auth_required}, std::pair{300, errc::proxy_refused},
                             std::pair{302, errc::proxy_refused}, std::pair{400, errc::proxy_refused},
                             std::pair{403, errc::proxy_refused}, std::pair{404, errc::proxy_refused},
                             std::pair{429, errc::proxy_refused}, std::pair{500, errc::proxy_failed},
                             std::pair{502, errc::proxy_failed}, std::pair{503, errc::proxy_failed},
                             std::pair{504, errc::proxy_failed}, std::pair{100, errc::proxy_protocol_error},
                             std::pair{199, errc::proxy_protocol_error}}) {
        int const status = each.first;
        errc const code = each.second;
        CAPTURE(status);
        std::string const head =
            "HTTP/1.1 " + std::to_string(status) + " Some Reason\r\nContent-Length: 3\r\n\r\n";
        for (std::size_t length = 0; length < head.size(); ++length)
            REQUIRE_FALSE(rules("http://p").parse_response(head.substr(0, length), api).has_value());
        for (char const* const body : {"", "abc", "abc\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}) {
            error_info const why = refused(head + body);
            CHECK(why.code() == code);
            CHECK(why.http_status() == status);
            if (code != errc::proxy_protocol_error) {
                CHECK(why.client_message().find("proxy.example:3128") != std::string::npos);
                CHECK(why.client_message().find("api.apimart.ai:443") != std::string::npos);
                CHECK(why.client_message().find("Some Reason") != std::string::npos);
            }
        }
    }
    CHECK(refused("HTTP/1.1 407 No\r\n\r\n").client_message().find("no user was given") != std::string::npos);
    CHECK(refused("HTTP/1.1 407 No\r\n\r\n", rules("http://u:w@p")).client_message().find("were sent") !=
          std::string::npos);
    // A proxy refuses without a reason, too.
    CHECK(refused("HTTP/1.1 403\r\n\r\n").code() == errc::proxy_refused);
}

// F13: what is not an answer to CONNECT ends the attempt at once.
TEST_CASE("what is not HTTP is no answer of a proxy, and is not waited for")
{
    std::string const nul("HTTP/1.1 200 O\0K\r\n\r\n", 20);
    for (std::string const& bad : {
             std::string("SSH-2.0-OpenSSH_9\r\n"),
             std::string("\x15\x03\x03"),
             std::string("<html>"),
             std::string("h"),
             std::string("HTTP/2.0 200 OK\r\n\r\n"),
             std::string("HTTP/1.2 200 OK\r\n\r\n"),
             std::string("HTTP/1.1  200 OK\r\n\r\n"),
             std::string("HTTP/1.1 20 OK\r\n\r\n"),
             std::string("HTTP/1.1 2000 OK\r\n\r\n"),
             std::string("HTTP/1.1 abc OK\r\n\r\n"),
             std::string("HTTP/1.1 -20 OK\r\n\r\n"),
             std::string("HTTP/1.1 200OK\r\n\r\n"),
             std::string("HTTP/1.1\r\n\r\n"),
             std::string("HTTP/1.1 000 OK\r\n\r\n"),
             std::string("HTTP/1.1 099 OK\r\n\r\n"),
             std::string("HTTP/1.1 600 OK\r\n\r\n"),
             std::string("HTTP/1.1 999 OK\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\n\n"),
             std::string("HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n"),
             std::string("HTTP/1.1 200 O\rK\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nA: \x1b[31m\r\n\r\n"),
             nul,
             std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\n: no name\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nname : space\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nA: b\r\n folded: line\r\n\r\n"),
         }) {
        CAPTURE(bad);
        CHECK(refused(bad).code() == errc::proxy_protocol_error);
    }
}

TEST_CASE("a proxy's header is bounded, however it comes")
{
    std::string const line = "HTTP/1.1 200 OK\r\n";
    auto const padded = [&](std::size_t size) {
        return line + "A: " + std::string(size - line.size() - 7, 'a') + "\r\n\r\n";
    };
    auto const at_limit = rules("http://p").parse_response(padded(8192), api);
    REQUIRE(at_limit.has_value());
    CHECK(at_limit->has_value());
    CHECK(refused(padded(8193)).code() == errc::proxy_protocol_error);
    CHECK(refused(padded(100'000)).code() == errc::proxy_protocol_error);
    CHECK_FALSE(rules("http://p").parse_response(padded(9000).substr(0, 8191), api).has_value());
    CHECK(refused(padded(9000).substr(0, 8192)).code() == errc::proxy_protocol_error);
}

TEST_CASE("no answer of a proxy brings its text unescaped, or the credentials, into a failure")
{
    proxy_rules const by = rules("http://user:canary-p%40ss@proxy.example");
    std::string const request = by.connect_request(api);
    std::size_t const at = request.find("Basic ") + 6;
    std::string const token = request.substr(at, request.find('\r', at) - at);
    for (std::string const& text : {
             "HTTP/1.1 407 bad " + token + "\r\n\r\n",
             std::string("HTTP/1.1 403 user:canary-p@ss is wrong\r\n\r\n"),
             "HTTP/1.1 502 http://user:canary-p@ss@proxy.example/?x=canary-p@ss " + token + "\r\n\r\n",
             std::string("canary-p@ss"),
             std::string("some text canary-p@ss"),
             "HTTP/1.1 403 " + std::string(190, 'x') + "canary-p@ss\r\n\r\n",
             std::string("HTTP/1.1 403 \xff\xfe\xc2\x9b red\r\n\r\n"),
             "HTTP/1.1 403 " + std::string(5000, 'x') + "\r\n\r\n",
         }) {
        CAPTURE(text);
        error_info const why = refused(text, by);
        std::string const words = why.describe() + why.client_message() + why.server_message().text();
        CHECK(words.find("canary") == std::string::npos);
        CHECK(words.find(token) == std::string::npos);
        CHECK(words.find('\xff') == std::string::npos);
        CHECK(words.find('\x9b') == std::string::npos);
        CHECK(words.size() < 1000);
    }
}
