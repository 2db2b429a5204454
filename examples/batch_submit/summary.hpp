// The end of a batch in a table, and every line that did not complete with what is known of it.
#ifndef APIMART_EXAMPLES_SUMMARY_HPP
#define APIMART_EXAMPLES_SUMMARY_HPP

#include "line_result.hpp"

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace batch {

inline std::string plural(std::size_t count, std::string const& noun)
{
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// "3, 5-9, 12"
inline std::string line_ranges(std::vector<std::size_t> lines)
{
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (std::size_t i = 0; i < lines.size();) {
        std::size_t j = i;
        while (j + 1 < lines.size() && lines[j + 1] == lines[j] + 1)
            ++j;
        text += (text.empty() ? "" : ", ") + std::to_string(lines[i]);
        if (j > i)
            text += (j == i + 1 ? ", " : "-") + std::to_string(lines[j]);
        i = j + 1;
    }
    return text;
}

class model_row
{
public:
    model_row() {}

    std::size_t lines = 0;
    std::size_t completed = 0;
    std::size_t files = 0;
    double seconds = 0;
    double cost = 0;
    bool priced = false;
};

inline void print_table(std::ostream& out, std::vector<line_result> const& results)
{
    std::map<std::string, model_row> rows;
    for (line_result const& r : results) {
        for (std::string const& name :
             {r.model.empty() ? std::string("(none)") : r.model, std::string("~")}) {
            model_row& row = rows[name];
            ++row.lines;
            row.files += r.files.size();
            if (r.outcome == outcome::completed) {
                ++row.completed;
                row.seconds += r.seconds;
            }
            row.cost += r.cost.value_or(0);
            row.priced = row.priced || r.cost;
        }
    }
    out << std::left << std::setw(28) << "model" << std::right << std::setw(7) << "lines" << std::setw(11)
        << "completed" << std::setw(7) << "files" << std::setw(14) << "mean seconds" << std::setw(11)
        << "cost USD" << '\n';
    for (auto const& [name, row] : rows) {
        bool const total = name == "~";
        out << std::left << std::setw(28) << (total ? "total" : name) << std::right << std::setw(7)
            << row.lines << std::setw(11) << row.completed << std::setw(7) << row.files << std::fixed
            << std::setprecision(1) << std::setw(14)
            << (row.completed == 0 ? 0.0 : row.seconds / static_cast<double>(row.completed))
            << std::setprecision(3) << std::setw(11);
        if (row.priced)
            out << row.cost << '\n';
        else
            out << "-" << '\n';
    }
}

// One refusal that hits many lines is told once.
inline void print_incomplete(std::ostream& out, std::vector<line_result> const& results)
{
    std::map<std::pair<outcome, std::string>, std::vector<line_result const*>> groups;
    for (line_result const& r : results) {
        if (r.outcome != outcome::completed)
            groups[{r.outcome, r.error}].push_back(&r);
    }
    for (auto const& [key, members] : groups) {
        std::vector<std::size_t> lines;
        for (line_result const* r : members)
            lines.push_back(r->line);
        out << (lines.size() == 1 ? "line " : "lines ") << line_ranges(lines) << ": " << name_of(key.first)
            << ": " << key.second << '\n';
        for (line_result const* r : members) {
            if (!r->task_id.empty())
                out << "    line " << r->line << " is task " << r->task_id
                    << (r->goes_on ? ", which goes on at the service" : "") << '\n';
            if (!r->idempotency_key.empty())
                out << "    line " << r->line << " was sent under Idempotency-Key " << r->idempotency_key
                    << '\n';
        }
    }
}

} // namespace batch

#endif
