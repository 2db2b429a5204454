// How long a service asks to be left alone, in the forms in which services say it.
#include <apimart/policy/backoff.hpp>
#include <apimart/protocol/retry_after.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

// Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::chrono::sys_seconds now{784'111'777s};

std::string as_http_date(std::chrono::sys_seconds when)
{
    static constexpr std::array<char const*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static constexpr std::array<char const*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    auto const day = std::chrono::floor<std::chrono::days>(when);
    std::chrono::year_month_day const date(day);
    std::chrono::hh_mm_ss const time(when - day);
    auto const two = [](auto number) {
        std::string const text = std::to_string(number);
        return text.size() < 2 ? "0" + text : text;
    };
    return std::string(days[std::chrono::weekday(day).c_encoding()]) + ", " +
           two(static_cast<unsigned>(date.day())) + " " + months[static_cast<unsigned>(date.month()) - 1] +
           " " + std::to_string(static_cast<int>(date.year())) + " " + two(time.hours().count()) + ":" +
           two(time.minutes().count()) + ":" + two(time.seconds().count()) + " GMT";
}

} // namespace

// S79: what stands in Retry-After in practice.
TEST_CASE("a pause is read from seconds and from a date in the future, and from nothing else")
{
    struct row
    {
        std::string_view value;
        std::optional<std::chrono::seconds> pause;
    };
    std::string const zero("1\0", 2);
    for (row const& each : {
             row{"0", 0s},
             row{"1", 1s},
             row{"120", 120s},
             row{"007", 7s},
             row{" \t7\t ", 7s},
             row{"Sun, 06 Nov 1994 08:49:38 GMT", 1s},
             row{"Mon, 07 Nov 1994 08:49:37 GMT", 86'400s},
             row{"Tue, 29 Feb 2000 00:00:00 GMT",
                 std::chrono::sys_days{std::chrono::year(2000) / 2 / 29} - now},
             row{"Sat, 31 Dec 1994 23:59:60 GMT",
                 std::chrono::sys_days{std::chrono::year(1995) / 1 / 1} - now},
             // The service knows its calendar; the day of the week tells nothing.
             row{"Tue, 06 Nov 1994 08:49:38 GMT", 1s},
             row{"", {}},
             row{" ", {}},
             row{"-1", {}},
             row{"+1", {}},
             row{"1.5", {}},
             row{"1e9", {}},
             row{"0x10", {}},
             row{"abc", {}},
             row{"1 second", {}},
             row{"1, 2", {}},
             row{"1;2", {}},
             row{zero, {}},
             row{"Sun, 06 Nov 1994 08:49:37 GMT", {}}, // now
             row{"Sun, 06 Nov 1994 08:49:36 GMT", {}}, // past
             row{"Thu, 01 Jan 1970 00:00:00 GMT", {}},
             row{"Sunday, 06-Nov-94 08:50:37 GMT", {}}, // forms that must no longer be sent
             row{"Sun Nov  6 08:50:37 1994", {}},
             row{"Sun, 06 Nov 1994 08:50:37", {}},
             row{"Sun, 06 Nov 1994 08:50:37 UTC", {}},
             row{"Sun, 06 Nov 1994 08:50:37 +0000", {}},
             row{"Sun, 31 Feb 1995 08:49:37 GMT", {}},
             row{"Sun, 00 Nov 1995 08:49:37 GMT", {}},
             row{"Sun, 06 Nox 1995 08:49:37 GMT", {}},
             row{"Sun, 06 nov 1995 08:49:37 GMT", {}},
             row{"Sun, 06 Nov 1995 24:00:00 GMT", {}},
             row{"Sun, 06 Nov 1995 23:60:00 GMT", {}},
             row{"Sun, 06 Nov 1995 23:00:61 GMT", {}},
             row{"Sun, 06 Nov 1995 -1:00:00 GMT", {}},
             row{"Sun, -6 Nov 1995 01:00:00 GMT", {}},
             row{"Sun, 06 Nov -995 01:00:00 GMT", {}},
             row{"Sun; 06 Nov 1995 01:00:00 GMT", {}},
             row{"Sun, 06-Nov-1995 01:00:00 GMT", {}},
             row{"Sun, 06 Nov 1995T01:00:00 GMT", {}},
             row{"Sun, 06 Nov 1995 01.00.00 GMT", {}},
         }) {
        CAPTURE(each.value);
        CHECK(parse_retry_after(each.value, now) == each.pause);
    }
}

TEST_CASE("a pause beyond all measure is kept as one that nobody waits for")
{
    for (char const* const value :
         {"9223372036854775807", "9223372036854775808", "99999999999999999999999999", "1099511627777",
          "Fri, 31 Dec 9999 23:59:59 GMT"}) {
        CAPTURE(value);
        auto const pause = parse_retry_after(value, now);
        REQUIRE(pause.has_value());
        CHECK(*pause > 24h * 365);
        CHECK(std::chrono::milliseconds(*pause) > 0ms); // fits where it is used
    }
}

TEST_CASE("every date comes back as the pause until it")
{
    jitter random(11);
    for (int i = 0; i < 5000; ++i) {
        auto const pause = std::chrono::seconds(1 + static_cast<std::int64_t>(random.draw() * 7e9));
        auto const text = as_http_date(now + pause);
        CAPTURE(text);
        REQUIRE(parse_retry_after(text, now) == pause);
    }
}

TEST_CASE("a date with any one character changed is no later than it can say, or is ignored")
{
    std::string const date = as_http_date(now + 100h);
    for (std::size_t at = 0; at < date.size(); ++at) {
        for (int c = 0; c < 256; ++c) {
            std::string changed = date;
            changed[at] = static_cast<char>(c);
            auto const pause = parse_retry_after(changed, now);
            if (pause)
                REQUIRE((*pause > 0s && *pause < 24h * 366 * 9000));
        }
    }
}
