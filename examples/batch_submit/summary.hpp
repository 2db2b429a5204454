// The end of a batch: a table of the models, and every line that did not complete with what is known of it.
#ifndef APIMART_EXAMPLES_SUMMARY_HPP
#define APIMART_EXAMPLES_SUMMARY_HPP

#include "line_result.hpp"
#include "shown_text.hpp"

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace batch_submit {

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

// Sums up results as they come; of those that completed nothing is kept but their sums.
class summary
{
public:
    summary() {}

    void add(line_result const& r)
    {
        for (row* const each : {&models_[r.model.empty() ? std::string("(none)") : r.model], &total_}) {
            ++each->lines;
            each->files += r.files.size();
            if (r.outcome == outcome::completed) {
                ++each->completed;
                each->seconds += r.seconds;
            }
            each->cost += r.cost.value_or(0);
            each->priced = each->priced || r.cost;
        }
        if (r.outcome == outcome::completed)
            return;
        group& equal = groups_[{r.outcome, r.error}];
        equal.lines.push_back(r.line);
        if (!r.task_id.empty())
            equal.facts.emplace_back(r.line, "is task " + shown(r.task_id, 256) +
                                                 (r.goes_on ? ", which goes on at the service" : ""));
        if (!r.idempotency_key.empty())
            equal.facts.emplace_back(r.line, "was sent under Idempotency-Key " + r.idempotency_key);
    }

    std::size_t lines() const { return total_.lines; }
    std::size_t completed() const { return total_.completed; }

    void print_table(std::ostream& out) const
    {
        out << std::left << std::setw(28) << "model" << std::right << std::setw(7) << "lines" << std::setw(11)
            << "completed" << std::setw(7) << "files" << std::setw(14) << "mean seconds" << std::setw(11)
            << "cost USD" << '\n';
        for (auto const& [model, sums] : models_)
            print(out, model, sums);
        print(out, "total", total_);
    }

    // One refusal that hits many lines is told once.
    void print_incomplete(std::ostream& out) const
    {
        for (auto const& [what, equal] : groups_) {
            out << (equal.lines.size() == 1 ? "line " : "lines ") << line_ranges(equal.lines) << ": "
                << name_of(what.first) << ": " << what.second << '\n';
            for (auto const& [line, fact] : equal.facts)
                out << "    line " << line << " " << fact << '\n';
        }
    }

private:
    class row
    {
    public:
        row() {}

        std::size_t lines = 0;
        std::size_t completed = 0;
        std::size_t files = 0;
        double seconds = 0;
        double cost = 0;
        bool priced = false;
    };
    class group
    {
    public:
        group() {}

        std::vector<std::size_t> lines;
        std::vector<std::pair<std::size_t, std::string>> facts;
    };

    static void print(std::ostream& out, std::string const& name, row const& sums)
    {
        out << std::left << std::setw(28) << name << std::right << std::setw(7) << sums.lines << std::setw(11)
            << sums.completed << std::setw(7) << sums.files << std::fixed << std::setprecision(1)
            << std::setw(14)
            << (sums.completed == 0 ? 0.0 : sums.seconds / static_cast<double>(sums.completed))
            << std::setprecision(3) << std::setw(11);
        if (sums.priced)
            out << sums.cost << '\n';
        else
            out << "-" << '\n';
    }

    std::map<std::string, row> models_;
    row total_;
    std::map<std::pair<outcome, std::string>, group> groups_;
};

} // namespace batch_submit

#endif
