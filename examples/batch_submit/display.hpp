// What is seen while a batch runs: two rows redrawn in place on a terminal, plain lines elsewhere.
#ifndef APIMART_EXAMPLES_DISPLAY_HPP
#define APIMART_EXAMPLES_DISPLAY_HPP

#include "checked_output.hpp"
#include "line_result.hpp"
#include "shown_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace batch_submit {

// Where a batch stands, as far as it is shown.
class standing
{
public:
    standing() {}

    std::size_t total = 0; // zero where the end of the input is not known yet
    std::size_t waiting = 0;
    std::size_t submitting = 0;
    std::size_t generating = 0;
    std::size_t downloading = 0;
    std::size_t elsewhere = 0; // in the hands of other machines
    std::array<std::size_t, outcome_names.size()> outcomes{};
    double spent_usd = 0;
    double per_second = 0;                       // lines that end
    std::optional<std::chrono::seconds> left{};  // expected
    std::optional<std::chrono::seconds> quiet{}; // until the service is asked for more

    std::size_t done() const
    {
        std::size_t sum = 0;
        for (std::size_t const each : outcomes)
            sum += each;
        return sum;
    }
};

// "2.4 s", "1 m 05 s", "3 h 20 m"
inline std::string duration_text(double seconds)
{
    if (seconds < 60)
        return decimal(seconds, 1) + " s";
    auto const whole = static_cast<long long>(seconds);
    auto const two = [](long long n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    if (whole < 3600)
        return std::to_string(whole / 60) + " m " + two(whole % 60) + " s";
    return std::to_string(whole / 3600) + " h " + two(whole / 60 % 60) + " m";
}

class display
{
public:
    using clock = std::chrono::steady_clock;

    display(checked_output& out, std::size_t total, bool quiet)
        : out_(out), total_(total), quiet_(quiet), terminal_(is_capable_terminal()),
          colours_(terminal_ && !is_set("NO_COLOR")), begun_(clock::now())
    {}

    // How long until `draw` is worth calling again. Nobody reads a log of hours by the second.
    std::chrono::milliseconds interval() const
    {
        using namespace std::chrono_literals;
        if (terminal_)
            return 100ms;
        return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>((clock::now() - begun_) / 10),
                          std::chrono::milliseconds(2s), std::chrono::milliseconds(60s));
    }

    void draw(standing const& now)
    {
        if (quiet_)
            return;
        if (!terminal_) {
            if (!line_by_line() && now.done() + now.submitting + now.generating + now.downloading != 0)
                out_.write(count(now) + " " + states(now) + ", " + duration_text(elapsed()) + pace(now) +
                           "\n");
            return;
        }
        winsize size{};
        bool const known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
        // The last column stays free: some terminals begin a new line when it is written to.
        std::size_t const columns = known && size.ws_col > 1 ? size.ws_col - 1 : 79;
        std::size_t const rows = known && size.ws_row > 0 ? size.ws_row : 24;
        std::string text = removal(columns + 1);
        std::string first = progress(now, columns);
        drawn_ = {first.size()};
        text += first;
        if (rows > 1) {
            std::string second = states(now).substr(0, columns);
            drawn_[1] = second.size();
            text += "\n" + second;
            rows_ = 2;
        } else {
            rows_ = 1;
        }
        out_.write(text);
    }

    void finished(line_result const& r, standing const& now)
    {
        // What happened to all that were not begun is told once, in the summary.
        if (quiet_ || (r.outcome == outcome::cancelled && r.task_id.empty()))
            return;
        bool const good = r.outcome == outcome::completed;
        if (good ? terminal_ || !line_by_line() : ++failures_ > most_failures)
            return;
        std::string text = "line " + std::to_string(r.line) + " " + r.model + ": ";
        text += colours_ ? (good ? "\x1b[32m" : "\x1b[31m") : "";
        text += name_of(r.outcome);
        text += colours_ ? "\x1b[0m" : "";
        text += " after " + decimal(r.seconds, 1) + " s";
        if (!good)
            text += ": " + r.error;
        else if (!r.files.empty())
            text += ", " + shown(r.files.front());
        if (!good && failures_ == most_failures)
            text += " (the next are only counted until the end)";
        erase();
        out_.write((terminal_ ? "" : count(now) + " ") + text + "\n");
    }

    // Removes the rows, so that what follows stands alone.
    void erase()
    {
        winsize size{};
        bool const known = terminal_ && rows_ != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
        if (rows_ != 0)
            out_.write(removal(known && size.ws_col != 0 ? size.ws_col : 80));
        rows_ = 0;
    }

    double elapsed() const { return std::chrono::duration<double>(clock::now() - begun_).count(); }

private:
    static constexpr std::size_t most_single_lines = 100;
    static constexpr std::size_t most_failures = 50;

    static bool is_set(char const* name)
    {
        char const* const value = std::getenv(name);
        return value != nullptr && *value != '\0';
    }

    static bool is_capable_terminal()
    {
        char const* const kind = std::getenv("TERM");
        return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && *kind != '\0' &&
               std::string_view(kind) != "dumb";
    }

    // A short batch is told line by line; a long one would only scroll.
    bool line_by_line() const { return total_ != 0 && total_ <= most_single_lines; }

    // A terminal that has become narrower has wrapped what was drawn.
    std::string removal(std::size_t columns) const
    {
        if (rows_ == 0)
            return {};
        std::size_t up = rows_ - 1;
        for (std::size_t i = 0; i < rows_; ++i)
            up += drawn_[i] == 0 ? 0 : (drawn_[i] - 1) / columns;
        return "\r" + (up == 0 ? std::string() : "\x1b[" + std::to_string(up) + "A") + "\x1b[J";
    }

    std::string count(standing const& now) const
    {
        return "[" + std::to_string(now.done()) + (now.total == 0 ? "" : "/" + std::to_string(now.total)) +
               "]";
    }

    static std::string pace(standing const& now)
    {
        std::string text;
        if (now.per_second > 0)
            text += ", " + decimal(now.per_second, now.per_second < 10 ? 2 : 0) + "/s";
        if (now.left)
            text += ", about " + duration_text(static_cast<double>(now.left->count())) + " left";
        return text;
    }

    std::string progress(standing const& now, std::size_t columns) const
    {
        constexpr std::size_t widest = 40;
        constexpr std::size_t narrowest = 8;
        std::string text = std::to_string(now.done()) +
                           (now.total == 0 ? "" : "/" + std::to_string(now.total)) + "  " +
                           duration_text(elapsed()) + pace(now);
        if (now.total != 0 && text.size() + narrowest + 3 <= columns) {
            std::size_t const width = std::min(widest, columns - text.size() - 3);
            std::size_t const filled = std::min(width, now.done() * width / now.total);
            text = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " + text;
        }
        return text.substr(0, columns);
    }

    std::string states(standing const& now) const
    {
        std::string text;
        auto const add = [&](std::size_t count, std::string_view what) {
            if (count != 0)
                text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(what);
        };
        // What went wrong comes first: a narrow terminal cuts the end.
        for (std::size_t i = now.outcomes.size(); i-- > 0;)
            if (i != static_cast<std::size_t>(outcome::completed))
                add(now.outcomes[i], outcome_names[i]);
        add(now.submitting, "submitting");
        add(now.generating, "generating");
        add(now.downloading, "downloading");
        if (now.spent_usd > 0)
            text += (text.empty() ? "" : ", ") + ("$" + decimal(now.spent_usd, 2));
        if (now.quiet)
            text += (text.empty() ? "" : ", ") +
                    ("next submit in " + duration_text(static_cast<double>(now.quiet->count())));
        add(now.elsewhere, "elsewhere");
        add(now.waiting, "to submit");
        add(now.outcomes[static_cast<std::size_t>(outcome::completed)], "completed");
        return text.empty() ? "nothing is under way" : text;
    }

    checked_output& out_;
    std::size_t total_;
    bool quiet_;
    bool terminal_;
    bool colours_;
    clock::time_point begun_;
    std::size_t rows_ = 0;
    std::array<std::size_t, 2> drawn_{}; // columns of each row
    std::size_t failures_ = 0;
};

} // namespace batch_submit

#endif
