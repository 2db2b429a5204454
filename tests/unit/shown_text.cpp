// One rule for all text that is shown, whichever way it takes.
#include <apimart/any_request.hpp>
#include <apimart/errors/validation_result.hpp>
#include <apimart/models.hpp>
#include <apimart/text/printable.hpp>

#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace apimart;
using apimart::detail::printable;
using apimart::detail::redact_urls;

namespace {

// The three ways: words of the service, a value that a rule refuses, the pointer to it.
std::string as_words(std::string_view text)
{
    return printable(text, 60);
}

std::string as_value(std::string_view text)
{
    boost::json::object body{{"model", "kling-v3"}, {"prompt", "x"}, {"mode", text}};
    return any_request::from_json(std::move(body)).error().describe();
}

std::string as_pointer(std::string_view text)
{
    return violation(severity::error, "/" + std::string(text), "is unknown", "").describe();
}

} // namespace

TEST_CASE("shown text: what steers is spelt out on every way")
{
    struct row
    {
        char const* name;
        std::string_view character;
        std::string_view spelt;
    };
    row const rows[] = {
        {"escape", "\x1b", "\\x1b"},
        {"line feed", "\n", "\\x0a"},
        {"delete", "\x7f", "\\x7f"},
        {"next line, a C1 control", "\xc2\x85", "\\xc2\\x85"},
        {"control sequence introducer", "\xc2\x9b", "\\xc2\\x9b"},
        {"Arabic letter mark", "\xd8\x9c", "\\xd8\\x9c"},
        {"left-to-right mark", "\xe2\x80\x8e", "\\xe2\\x80\\x8e"},
        {"right-to-left mark", "\xe2\x80\x8f", "\\xe2\\x80\\x8f"},
        {"line separator", "\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
        {"paragraph separator", "\xe2\x80\xa9", "\\xe2\\x80\\xa9"},
        {"first embedding", "\xe2\x80\xaa", "\\xe2\\x80\\xaa"},
        {"last override", "\xe2\x80\xae", "\\xe2\\x80\\xae"},
        {"first isolate", "\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
        {"last isolate", "\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
        {"last format control", "\xe2\x81\xaf", "\\xe2\\x81\\xaf"},
        {"no UTF-8", "\xff", "\\xff"},
        {"a sequence that was cut", "\xe2\x80", "\\xe2\\x80"},
    };
    for (row const& each : rows) {
        CAPTURE(each.name);
        std::string const text = "a" + std::string(each.character) + "b";
        std::string const shown = "a" + std::string(each.spelt) + "b";
        CHECK(as_words(text) == shown);
        CHECK(as_value(text).find("(got \"" + shown + "\")") != std::string::npos);
        CHECK(as_pointer(text) == "/" + shown + ": is unknown");
    }
}

TEST_CASE("shown text: what is harmless stays as it is on every way")
{
    for (std::string const harmless : {
             "plain",
             "\xc2\xa0",         // the first behind the C1 controls
             "\xe2\x80\x8d",     // joins the parts of a family of emoji
             "\xe2\x80\x90",     // hyphen
             "\xe2\x80\xa6",     // ellipsis
             "\xe2\x80\xaf",     // narrow no-break space
             "\xe2\x81\xb0",     // superscript zero, behind the format controls
             "\xe6\x97\xa5",     // a Han character
             "\xf0\x9f\x90\x95", // a dog
         }) {
        CAPTURE(harmless);
        CHECK(as_words(harmless) == harmless);
        CHECK(as_value(harmless).find("(got \"" + harmless + "\")") != std::string::npos);
        CHECK(as_pointer(harmless) == "/" + harmless + ": is unknown");
    }
}

TEST_CASE("shown text: what is secret in a URL is dropped on every way, and what is long is cut")
{
    std::string const url = "https://user:SECRET@h.example/v?sig=SECRET#SECRET";
    std::string const shown = "https://[redacted]@h.example/v?[redacted]";
    CHECK(as_words(url) == shown);
    CHECK(as_value(url).find("(got \"" + shown + "\")") != std::string::npos);
    CHECK(as_value("see " + url).find("(got \"see " + shown + "\")") != std::string::npos);
    CHECK(as_pointer(url) == "/" + shown + ": is unknown");
    for (char const* const character : {"x", "\xc3\xa4", "\xe6\x97\xa5", "\xf0\x9f\x90\x95"}) {
        auto const times = [&](int count) {
            std::string all;
            for (int i = 0; i != count; ++i)
                all += character;
            return all;
        };
        CHECK(as_words(times(60)) == times(60));
        CHECK(as_words(times(61)) == times(60) + "...");
        CHECK(as_value(times(61)).find("(got \"" + times(60) + "...\")") != std::string::npos);
        CHECK(as_pointer(times(120)) == "/" + times(119) + "...: is unknown");
    }
}

TEST_CASE("shown text: URLs are found in prose, in JSON and in HTML")
{
    struct row
    {
        std::string_view text;
        std::string_view shown;
    };
    row const rows[] = {
        {"", ""},
        {"no URL: is it 5 # 6? yes", "no URL: is it 5 # 6? yes"},
        {"https://h/p", "https://h/p"},
        {"https://h/? https://h/#", "https://h/? https://h/#"},
        {"ends in https://", "ends in https://"},
        {"GET https://h/v?a=1 HTTP/1.1", "GET https://h/v?[redacted] HTTP/1.1"},
        {"h.example/v?sig=1 h.example/v#1 why?because", "h.example/v?[redacted] h.example/v#1 why?because"},
        {"a?b=1,https://u:p@h/", "a?[redacted]"},
        {"https://u:p@a,https://u:p@b/x@y", "https://[redacted]@a,https://[redacted]@b/x@y"},
        {"https://a@b@c", "https://[redacted]@c"},
        {R"({"url":"https:\/\/u:p@h\/v?a=1","b":"https:\/\/h\/v#x"})",
         R"({"url":"https:\/\/[redacted]@h\/v?[redacted]","b":"https:\/\/h\/v#[redacted]"})"},
        {"<a href=https://u:p@h/v?a=1&amp;b=2>v</a>", "<a href=https://[redacted]@h/v?[redacted]>v</a>"},
    };
    for (row const& each : rows) {
        CAPTURE(each.text);
        CHECK(redact_urls(each.text) == each.shown);
    }
    CHECK(redact_urls(std::string(5000, 'u') + " https://" + std::string(5000, 'u') + "@h/") ==
          std::string(5000, 'u') + " https://[redacted]@h/");
    // What is one URL is one with the blanks that it should not have.
    CHECK(as_value("https://h/v?a=1 b=SECRET").find("SECRET") == std::string::npos);
}

TEST_CASE("shown text: text made to be looked at again and again takes no longer")
{
    std::string hostile;
    for (std::string_view const piece : {"://", ":\\/\\/", "?", "#", "@", "\xe2\x80\x8e"})
        for (int i = 0; i != 300'000; ++i)
            hostile += piece;
    CHECK(redact_urls(hostile).size() <= hostile.size());
    CHECK(printable(hostile, 64).size() == 67);
}
