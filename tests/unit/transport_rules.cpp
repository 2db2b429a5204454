// Rules of the transport that need no connection: addresses, Retry-After, framing, downloads, words for logs.
#include <apimart/client_config.hpp>
#include <apimart/config/api_key.hpp>
#include <apimart/operations/partial_file.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/protocol/retry_after.hpp>
#include <apimart/protocol/user_agent.hpp>
#include <apimart/runtime/authorization.hpp>
#include <apimart/task.hpp>
#include <apimart/text/base64.hpp>
#include <apimart/text/printable.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <type_traits>

#include <sys/stat.h>

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
static_assert(!std::is_aggregate_v<task> && !std::is_aggregate_v<task_result> &&
              !std::is_aggregate_v<error_info>);
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
    secret_string head;
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
    CHECK(client_config::from_environment().tls.ca_files().empty());
    ::setenv("APIMART_CA_FILE", "/etc/own.pem", 1);
    CHECK(client_config::from_environment().tls.ca_files() == std::vector<std::string>{"/etc/own.pem"});
    CHECK(client_config::from_environment().tls.use_system_ca());
    ::setenv("APIMART_BASE_URL", "", 1);
    CHECK(client_config::from_environment().base_url == "https://api.apimart.ai");
    ::unsetenv("APIMART_API_KEY");
    ::unsetenv("APIMART_BASE_URL");
    ::unsetenv("APIMART_CA_FILE");
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
    struct row
    {
        char const* text;
        char const* host;
        char const* port;
        char const* target;
    };
    for (row const& each : {
             // A host is all that stands before the slash, also where it begins like an address.
             row{"https://8.8.8.8.evil.example/x", "8.8.8.8.evil.example", "443", "/x"},
             row{"https://8.8.8.8evil.example:8443", "8.8.8.8evil.example", "8443", "/"},
             row{"https://127.0.0.1.evil.example?x", "127.0.0.1.evil.example", "443", "/?x"},
             row{"HTTPS://8.8.8.8", "8.8.8.8", "443", "/"},
             row{"https://host:/a?b#c", "host", "443", "/a?b"},
             row{"https://host:0443#c/d", "host", "443", "/"},
             row{"http://a_b-c.d:1/?#", "a_b-c.d", "1", "/?"},
             row{"https://[2001:DB8:0:0::1]/", "2001:db8::1", "443", "/"},
         }) {
        CAPTURE(each.text);
        auto const read = parse_request_url(each.text);
        REQUIRE(read.has_value());
        CHECK(read->origin.host == each.host);
        CHECK(read->origin.port == each.port);
        CHECK(read->target == each.target);
    }
    for (char const* const bad : {"",
                                  "//host/x",
                                  "ftp://host/x",
                                  "file:///etc/passwd",
                                  "data:text/plain,x",
                                  "https://user@host/",
                                  "https://host:0/",
                                  "https://host:99999/",
                                  "https:///x",
                                  "https://host/a b",
                                  "https://host/\r\nX: 1",
                                  "javascript:alert(1)",
                                  "https:host/x",
                                  "https://host:x",
                                  "https://host:x/",
                                  "https://host:12x/",
                                  "https://host:80:90/",
                                  "https://host:-1/",
                                  "https://8.8.8.8:x/",
                                  "https://8.8.8.8:80.example.com/",
                                  "https://[::1/",
                                  "https://[::1]x/",
                                  "https://[::1]:x/",
                                  "https://[fe80::1%25eth0]/",
                                  "https://[v1.x]/",
                                  "https://[8.8.8.8]/",
                                  "https://h[::1]/",
                                  "https://./",
                                  "https://a..b/",
                                  "https://.a/",
                                  "https://a../",
                                  "https://8.8.8.8@evil.example/",
                                  "https://@host/",
                                  "https://a%2fb/",
                                  "https://a%2Eb/",
                                  "https://a%40b/",
                                  "https://a%3a80/",
                                  "https://a%00b/",
                                  "https://%61/",
                                  "https://a,b/",
                                  "https://a;b/",
                                  "https://a\\b/",
                                  "https://\xC3\xA4/"}) {
        CAPTURE(std::string(bad));
        CHECK_FALSE(parse_request_url(bad).has_value());
    }
}

TEST_CASE("private addresses are recognised in every range")
{
    for (char const* const address :
         {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
          "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
          "fd12::1", "ff02::1", "::ffff:169.254.169.254",
          // NAT64, also that of a local network
          "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "64:ff9b:1:2::1",
          // IPv4-compatible, 6to4, Teredo, site-local
          "::127.0.0.1", "::8.8.8.8", "2002:7f00:1::1", "2002:c0a8:101::1", "2001::1", "2001:0:808:808::1",
          "fec0::1", "feff::1", "febf::1"}) {
        CAPTURE(address);
        CHECK(is_private_address(boost::asio::ip::make_address(address)));
        CHECK(is_private_host(address));
    }
    for (char const* const address :
         {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
          "64:ff9b:2::1", "2002:808:808::1", "2001:4860:4860::8888", "2003::1"}) {
        CAPTURE(address);
        CHECK_FALSE(is_private_address(boost::asio::ip::make_address(address)));
        CHECK_FALSE(is_private_host(address));
    }
}

TEST_CASE("hosts that another machine may take for the caller's own network are recognised")
{
    for (char const* const host :
         {"localhost", "a.localhost", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1",
          "017700000001", "0", "10.1", "0xa9fea9fe", "169.254.43518", "0x7f.0.0.0x1",
          // no address to any standard, but a number to some reader
          "4294967296", "6425673729", "1.2.3.4.5", "127.0.0.1.1", "256.1", "0x", "0x1ffffffff", "1.0x7fg"}) {
        CAPTURE(host);
        CHECK(is_private_host(host));
    }
    for (char const* const host :
         {"example.com", "localhost.example", "notlocalhost", "127.0.0.1.example", "8.8.8.8.example.com",
          "8.8", "134744072", "0x08080808", "010.010.010.010", "1.example", "a1", "0x7f.example"}) {
        CAPTURE(host);
        CHECK_FALSE(is_private_host(host));
    }
}

TEST_CASE("the user agent names the library and its version")
{
    CHECK(user_agent == "apimart-cpp/" + std::to_string(APIMART_VERSION_MAJOR) + "." +
                            std::to_string(APIMART_VERSION_MINOR) + "." +
                            std::to_string(APIMART_VERSION_PATCH));
}

TEST_CASE("Base64 is written as RFC 4648 shows it, whole or in pieces")
{
    auto const bytes = [](std::string_view text) {
        return std::span(reinterpret_cast<unsigned char const*>(text.data()), text.size());
    };
    std::string_view const coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    std::string_view const text = "foobar";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        std::string whole = "before ";
        append_base64(whole, bytes(text.substr(0, size)));
        CHECK(whole == "before " + std::string(coded[size]));
    }
    std::string pieces;
    append_base64(pieces, bytes("foo"));
    append_base64(pieces, bytes(std::string_view("\xFF\x00", 2)));
    CHECK(pieces == "Zm9v/wA=");
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
        CAPTURE(std::string(bad));
        CHECK_FALSE(parse_retry_after(bad, now).has_value());
    }
}

namespace {

// What an answer of a file server means; by default of one that has a hundred bytes and a tag.
download_decision judge_file(int status, file_in_transfer const& file, auto change)
{
    request_url const asked = parse_request_url("https://cdn.example/a/v.mp4?sig=s").value();
    download_response answer;
    answer.status = status;
    answer.content_type = "video/mp4";
    answer.content_length = 100;
    answer.etag = "\"1\"";
    change(answer);
    return decide_download(answer, asked, file, 1000, {});
}

} // namespace

TEST_CASE("what a file server's answer means for a transfer")
{
    using action = download_decision::action;
    auto const as_is = [](download_response&) {};
    file_in_transfer const none;
    file_in_transfer const half{50, 150, "\"1\""};
    CHECK(judge_file(200, none, as_is).next == action::from_start);
    CHECK(judge_file(200, half, as_is).next == action::from_start);
    CHECK(judge_file(206, none, [](auto& a) { a.content_range = "bytes 0-9/10"; }).why.code() ==
          errc::protocol_error);
    for (int const status : {401, 403, 404, 410})
        CHECK(judge_file(status, none, as_is).why.code() == errc::result_expired);
    for (int const status : {408, 416, 429, 500, 502, 503})
        CHECK(judge_file(status, none, as_is).why.code() == condition::retryable);
    CHECK(judge_file(204, none, as_is).why.code() == errc::bad_response);
    CHECK(judge_file(200, none, [](auto& a) { a.content_length = 0; }).why.code() == errc::download_corrupt);
    CHECK(judge_file(200, none, [](auto& a) { a.content_length = 1001; }).why.code() ==
          errc::download_too_large);
    file_in_transfer const large{950, 1050, "\"1\""};
    CHECK(judge_file(206, large, [](auto& a) { a.content_range = "bytes 950-1049/1050"; }).why.code() ==
          errc::download_too_large);
    CHECK(judge_file(302, none, as_is).next == action::fail);
}

TEST_CASE("a part is added only if it is the next one of the same file")
{
    using action = download_decision::action;
    file_in_transfer const half{50, 150, "\"1\""};
    auto const part = [&](file_in_transfer const& file, std::string const& range,
                          std::string const& tag = "\"1\"") {
        return judge_file(206, file, [&](download_response& a) {
            a.content_range = range;
            a.etag = tag;
        });
    };
    CHECK(part(half, "bytes 50-149/150").next == action::resume);
    CHECK(part(half, "bytes 50-149/150").file.size == 150);
    // The size is known already.
    CHECK(part(half, "bytes 50-149/*").next == action::resume);
    for (char const* const range :
         {"", "bytes 5-104/150", "bytes 50-148/150", "bytes 50-149/149", "bytes 50-149/151",
          "bytes 50-149/300", "bytes 50-149/", "bytes 50-149", "bytes 149-50/150", "bytes 50-149/150/150",
          "bytes 50-149/-150", "bytes=50-149/150", "bits 50-149/150", "bytes */150",
          "bytes 50-149/99999999999999999999"}) {
        CAPTURE(std::string(range));
        download_decision const judged = part(half, range);
        CHECK(judged.next == action::restart);
        CHECK(judged.why.code() == condition::retryable);
    }
    // Another version of the file, or none that is named.
    for (char const* const tag : {"\"2\"", "", "W/\"1\"", "1"}) {
        CAPTURE(std::string(tag));
        CHECK(part(half, "bytes 50-149/150", tag).next == action::restart);
    }
    // Nobody has said where the file ends.
    CHECK(part({50, std::nullopt, "\"1\""}, "bytes 50-149/*").next == action::restart);
    CHECK(part({50, std::nullopt, "\"1\""}, "bytes 50-149/150").file.size == 150);
    // There is no more of it, or it is another.
    auto const beyond = [&](file_in_transfer const& file, std::string const& range) {
        return judge_file(416, file, [&](download_response& a) { a.content_range = range; }).next;
    };
    CHECK(beyond({150, std::nullopt, "\"1\""}, "bytes */150") == action::complete);
    CHECK(beyond({150, 150, "\"1\""}, "bytes */150") == action::complete);
    CHECK(beyond({150, 200, "\"1\""}, "bytes */150") == action::restart);
    CHECK(beyond(half, "bytes */40") == action::restart);
    CHECK(beyond(half, "") == action::restart);
}

TEST_CASE("a file is named by its strong tag, or by a date that is old enough")
{
    auto const named = [](std::string const& tag, std::string const& changed, std::string const& now) {
        return judge_file(200, {},
                          [&](download_response& a) {
                              a.etag = tag;
                              a.last_modified = changed;
                              a.date = now;
                          })
            .file.validator;
    };
    std::string const changed = "Sun, 06 Nov 1994 08:49:37 GMT";
    CHECK(named("\"1\"", changed, "Sun, 06 Nov 1994 08:51:37 GMT") == "\"1\"");
    CHECK(named("", changed, "Sun, 06 Nov 1994 08:51:37 GMT") == changed);
    CHECK(named("", changed, "Sun, 06 Nov 1994 08:50:36 GMT").empty());
    CHECK(named("", changed, "").empty());
    CHECK(named("", "yesterday", "Sun, 06 Nov 1994 08:51:37 GMT").empty());
    CHECK(named("W/\"1\"", changed, "Sun, 06 Nov 1994 08:51:37 GMT").empty());
}

TEST_CASE("what was said of a file's size binds as long as it is the same file")
{
    file_in_transfer const known{50, 150, "\"1\""};
    auto const size = [&](std::string const& tag, std::optional<std::uint64_t> length) {
        return judge_file(200, known,
                          [&](download_response& a) {
                              a.etag = tag;
                              a.content_length = length;
                          })
            .file.size;
    };
    CHECK(size("\"1\"", std::nullopt) == 150);
    CHECK(size("\"2\"", std::nullopt) == std::nullopt);
    CHECK(size("\"2\"", 70) == 70);
}

TEST_CASE("codings that mean nothing are none")
{
    for (char const* const coding : {"", "identity", "aws-chunked", "utf-8", "UTF-8", "binary", "none"})
        CHECK(judge_file(200, {}, [&](auto& a) { a.content_encoding = coding; }).next ==
              download_decision::action::from_start);
    for (char const* const coding :
         {"gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "compress", "aws-chunked, gzip"})
        CHECK(judge_file(200, {}, [&](auto& a) { a.content_encoding = coding; }).why.code() ==
              errc::bad_response);
}

TEST_CASE("redirects are told in every form that RFC 9110 knows")
{
    for (auto const& [location, leads_to] : std::initializer_list<std::pair<char const*, char const*>>{
             {"https://other/x", "https://other/x"},
             {"/x", "https://cdn.example/x"},
             {"x", "https://cdn.example/a/x"},
             {"../x?y=1", "https://cdn.example/x?y=1"},
             {"?sig=t", "https://cdn.example/a/v.mp4?sig=t"},
             {"//other/x", "https://other/x"},
             {" /a b ", "https://cdn.example/a%20b"}}) {
        CAPTURE(std::string(location));
        CHECK(judge_file(302, {}, [&](auto& a) { a.location = location; }).location == leads_to);
    }
}

TEST_CASE("links are taken as browsers take them")
{
    for (auto const& [given, taken] : std::initializer_list<std::pair<char const*, char const*>>{
             {" https://h/v.mp4\r\n", "https://h/v.mp4"},
             {"https://h/my video.mp4", "https://h/my%20video.mp4"},
             {"https://h/\xE7\x8C\xAB.mp4?q=\"a|b\"", "https://h/%E7%8C%AB.mp4?q=%22a%7Cb%22"},
             {"https://h/100%.mp4", "https://h/100%25.mp4"},
             {"https://h/a%20b?x=%2F&y=[1]", "https://h/a%20b?x=%2F&y=%5B1%5D"},
             {"https://[2001:db8::1]/v", "https://[2001:db8::1]/v"}}) {
        CAPTURE(std::string(given));
        CHECK(clean_link(given) == taken);
        CHECK(parse_request_url(clean_link(given)).has_value());
    }
    for (char const* const bad : {"https://h/a\r\nb", "https://h/a\tb", "https://h a/b", "https:///b", ""})
        CHECK_FALSE(parse_request_url(clean_link(bad)).has_value());
}

TEST_CASE("a link that is refused before its time is asked again with growing pauses, for some minutes")
{
    link_patience patience(180s);
    std::chrono::milliseconds all{0};
    std::chrono::milliseconds last{0};
    int asked = 0;
    while (auto const pause = patience.next()) {
        CHECK((*pause >= last || all + *pause == 180s));
        CHECK(*pause <= 30s);
        last = *pause;
        all += *pause;
        ++asked;
    }
    CHECK(all == 180s);
    CHECK(asked <= 12);
    CHECK_FALSE(link_patience(0ms).next().has_value());
}

TEST_CASE("no text is taken for a video, in whatever encoding")
{
    using namespace std::string_view_literals;
    for (std::string_view const video :
         {"\0\0\0\x20"
          "ftypisom"sv,
          "\0\0\0\x3C"
          "ftypmp42"sv,
          "\x1A\x45\xDF\xA3\x9F\x42\x86\x81"sv, "\x47\x40\x00\x10\x00\x00\xB0\x0D"sv, "\0\x3C\x12\x00mdat"sv,
          "RIFF\x10\0\0\0AVI LIST"sv}) {
        CAPTURE(video);
        CHECK_FALSE(is_text(video));
    }
    for (std::string_view const text :
         {""sv, "Not Found"sv, "  <?xml version"sv, "{\"error\":1}"sv, "[1]"sv, "\xEF\xBB\xBF<html>"sv,
          "\xFF\xFE<\0h\0t\0m\0l\0"sv, "\xFE\xFF\0<\0h\0t\0m\0l"sv, "<\0h\0t\0m\0l\0>\0"sv,
          "\0E\0r\0r\0o\0r\0!"sv, "E\0r\0r\0o\0r\0!\0"sv, "Th\xC3\xA9\x1B[1m"sv}) {
        CAPTURE(text);
        CHECK(is_text(text));
    }
}

TEST_CASE("a file appears under its name only when it is complete")
{
    auto const folder =
        std::filesystem::temp_directory_path() / ("apimart-part-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    auto const target = folder / "v.mp4";
    {
        partial_file file(target);
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
        partial_file again(target);
        REQUIRE_FALSE(again.open());
        CHECK(again.finish(false) == boost::system::errc::file_exists);
        again.remove();
    }
    CHECK(std::filesystem::file_size(target) == 3);
    partial_file nowhere(folder / "missing" / "v.mp4");
    CHECK(nowhere.open() == boost::system::errc::no_such_file_or_directory);
    std::filesystem::remove_all(folder);
}

TEST_CASE("a file in the making is one of its own, with the process's own permissions")
{
    namespace fs = std::filesystem;
    auto const folder = fs::temp_directory_path() / ("apimart-own-" + std::to_string(::getpid()));
    fs::create_directory(folder);
    auto const target = folder / "v.mp4";
    auto const part = folder / "v.mp4.part";
    auto const refused = [&] { return partial_file(target).open() == boost::system::errc::file_exists; };

    fs::create_symlink(folder / "elsewhere", part);
    CHECK(refused());
    CHECK(fs::is_symlink(part));
    CHECK_FALSE(fs::exists(folder / "elsewhere"));
    fs::remove(part);

    REQUIRE(::mkfifo(part.c_str(), 0600) == 0);
    CHECK(refused()); // and does not wait for a reader
    fs::remove(part);

    // A file that another process keeps open, or has a second name for, is left to it.
    std::ofstream(folder / "second") << "theirs";
    fs::create_hard_link(folder / "second", part);
    ::mode_t const before = ::umask(0027);
    {
        partial_file file(target);
        REQUIRE_FALSE(file.open());
        REQUIRE_FALSE(file.append("ours", 4));
        REQUIRE_FALSE(file.finish(false));
    }
    ::umask(before);
    CHECK(fs::file_size(folder / "second") == 6);
    CHECK(fs::status(target).permissions() == fs::perms(0640));

    for (char const last : {'a', 'b'}) {
        auto const longest = folder / (std::string(254, 'n') + last);
        partial_file file(longest);
        REQUIRE_FALSE(file.open());
        REQUIRE_FALSE(file.append("long", 4));
        REQUIRE_FALSE(file.finish(false));
        CHECK(fs::exists(longest));
    }
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
    CHECK(make_error_code(errc::connection_lost) == condition::retryable);
    CHECK(make_error_code(errc::connection_lost) == condition::transport);
    CHECK(make_error_code(errc::outcome_unknown) == condition::outcome_unknown);
    CHECK_FALSE(make_error_code(errc::outcome_unknown) == condition::retryable);
    CHECK_FALSE(make_error_code(errc::certificate_verify_failed) == condition::retryable);
    CHECK(make_error_code(api_errc::unavailable) == condition::retryable);
    CHECK_FALSE(make_error_code(api_errc::payment_required) == condition::retryable);
    error_info first(errc::connection_lost, "one");
    error_info const second = first;
    first.client_message("two");
    CHECK(second.client_message() == "one");
    CHECK_THROWS_AS(result<task>(second).value(), apimart::error);
}
