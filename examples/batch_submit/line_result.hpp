// What became of one input line, as it is shown and reported.
#ifndef APIMART_EXAMPLES_LINE_RESULT_HPP
#define APIMART_EXAMPLES_LINE_RESULT_HPP

#include <apimart/text/utf8.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace batch_submit {

enum class outcome
{
    completed,
    failed,
    cancelled,
    rejected,
    unknown,
    timed_out,
    invalid
};

inline constexpr std::array<std::string_view, 7> outcome_names{
    "completed", "failed", "cancelled", "rejected", "unknown", "timed_out", "invalid"};

inline std::string_view name_of(outcome o)
{
    return outcome_names[static_cast<std::size_t>(o)];
}

// Plain decimals, as `2.5` for 2.5 and `0` for nothing.
inline std::string decimal(double value, int places)
{
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", places, value);
    std::string shown(text.data());
    if (shown.find('.') != std::string::npos) {
        shown.erase(shown.find_last_not_of('0') + 1);
        if (shown.back() == '.')
            shown.pop_back();
    }
    return shown;
}

// A JSON string. A path can be any bytes, and JSON holds UTF-8 only.
inline std::string json_text(std::string_view text)
{
    std::string sound;
    sound.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const length = apimart::detail::utf8_sequence(text, at);
        sound += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length);
        at += length == 0 ? 1 : length;
    }
    return boost::json::serialize(boost::json::string(sound));
}

class line_result
{
public:
    line_result() {}

    std::size_t line = 0;
    std::string model;
    batch_submit::outcome outcome = outcome::cancelled;
    std::string task_id;
    std::vector<std::string> files;
    int submits = 0;
    int polls = 0;
    double seconds = 0;
    std::optional<double> cost;
    std::string error;
    std::string idempotency_key; // where the outcome of the submit is not known
    bool goes_on = false;        // the task is alive at the service though nobody waits for it here

    std::string report_line() const
    {
        auto const text = [](std::string const& s) { return s.empty() ? "null" : json_text(s); };
        std::string paths;
        for (std::string const& file : files)
            paths += (paths.empty() ? "" : ",") + json_text(file);
        return "{\"line\":" + std::to_string(line) + ",\"model\":" + text(model) + ",\"outcome\":\"" +
               std::string(name_of(outcome)) + "\",\"task_id\":" + text(task_id) + ",\"files\":[" + paths +
               "],\"submits\":" + std::to_string(submits) + ",\"polls\":" + std::to_string(polls) +
               ",\"seconds\":" + decimal(seconds, 3) + ",\"cost\":" + (cost ? decimal(*cost, 6) : "null") +
               ",\"error\":" + text(error) + ",\"idempotency_key\":" + text(idempotency_key) + "}";
    }
};

} // namespace batch_submit

#endif
