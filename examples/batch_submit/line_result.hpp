// What became of one input line, as it is shown and reported.
#ifndef APIMART_EXAMPLES_LINE_RESULT_HPP
#define APIMART_EXAMPLES_LINE_RESULT_HPP

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace batch {

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

class line_result
{
public:
    line_result() {}

    std::size_t line = 0;
    std::string model;
    batch::outcome outcome = outcome::cancelled;
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
        namespace json = boost::json;
        json::array paths;
        for (std::string const& file : files)
            paths.emplace_back(file);
        auto const text = [](std::string const& s) { return s.empty() ? json::value() : json::value(s); };
        json::object o;
        o["line"] = line;
        o["model"] = text(model);
        o["outcome"] = name_of(outcome);
        o["task_id"] = text(task_id);
        o["files"] = std::move(paths);
        o["submits"] = submits;
        o["polls"] = polls;
        o["seconds"] = seconds;
        o["cost"] = cost ? json::value(*cost) : json::value();
        o["error"] = text(error);
        return json::serialize(o);
    }
};

} // namespace batch

#endif
