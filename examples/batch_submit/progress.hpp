// The progress display: a few lines redrawn in place on a terminal, plain lines elsewhere.
#ifndef APIMART_EXAMPLES_PROGRESS_HPP
#define APIMART_EXAMPLES_PROGRESS_HPP

#include "line_result.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace batch {

enum class stage
{
    queued,
    submitting,
    generating,
    downloading,
    done
};

class progress
{
public:
    using clock = std::chrono::steady_clock;

    progress(std::ostream& out, std::size_t total, bool quiet)
        : out_(out), total_(total), quiet_(quiet), terminal_(::isatty(STDOUT_FILENO) == 1),
          begun_(clock::now())
    {
        counts_[static_cast<std::size_t>(stage::queued)] = total;
    }

    void move(stage from, stage to)
    {
        --counts_[static_cast<std::size_t>(from)];
        ++counts_[static_cast<std::size_t>(to)];
    }

    void finished(line_result const& r)
    {
        ++outcomes_[static_cast<std::size_t>(r.outcome)];
        if (r.outcome == outcome::cancelled)
            return; // nothing happened that the summary does not tell once for all
        last_ = "line " + std::to_string(r.line) + " " + r.model + ": " + std::string(name_of(r.outcome)) +
                " after " + seconds(r.seconds);
        if (!r.files.empty())
            last_ += ", " + r.files.front();
        // A short batch is told line by line; a long one would only scroll.
        if (!quiet_ && !terminal_ && total_ <= max_single_lines)
            out_ << '[' << done() << '/' << total_ << "] " << last_ << std::endl;
    }

    // How often `draw` is worth calling.
    std::chrono::milliseconds interval() const { return std::chrono::milliseconds(terminal_ ? 100 : 2000); }

    void draw()
    {
        if (quiet_)
            return;
        if (!terminal_) {
            if (total_ > max_single_lines)
                out_ << '[' << done() << '/' << total_ << "] " << states() << std::endl;
            return;
        }
        erase();
        show(bar());
        show(states());
        show(last_.empty() ? "nothing finished yet" : "last: " + last_);
        out_.flush();
    }

    // Removes the display, so that the summary stands alone.
    void erase()
    {
        if (!terminal_ || drawn_ == 0)
            return;
        out_ << "\x1b[" << drawn_ << "A\x1b[J";
        drawn_ = 0;
    }

    double elapsed() const { return std::chrono::duration<double>(clock::now() - begun_).count(); }

    static std::string seconds(double s)
    {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.1f s", s);
        return text.data();
    }

private:
    static constexpr std::size_t max_single_lines = 100;

    std::size_t count(stage s) const { return counts_[static_cast<std::size_t>(s)]; }
    std::size_t done() const { return count(stage::done); }

    std::string bar() const
    {
        constexpr std::size_t width = 40;
        std::size_t const filled = total_ == 0 ? width : done() * width / total_;
        return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " +
               std::to_string(done()) + "/" + std::to_string(total_) + "  " + seconds(elapsed());
    }

    std::string states() const
    {
        std::string text = std::to_string(count(stage::queued)) + " to submit, " +
                           std::to_string(count(stage::submitting)) + " submitting, " +
                           std::to_string(count(stage::generating)) + " generating, " +
                           std::to_string(count(stage::downloading)) + " downloading";
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            if (outcomes_[i] != 0)
                text += ", " + std::to_string(outcomes_[i]) + " " + std::string(outcome_names[i]);
        }
        return text;
    }

    void show(std::string text)
    {
        winsize size{};
        std::size_t const columns =
            ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
        // A wrapped line could not be erased by counting lines.
        if (text.size() >= columns)
            text.resize(columns - 1);
        out_ << text << '\n';
        ++drawn_;
    }

    std::ostream& out_;
    std::size_t total_;
    bool quiet_;
    bool terminal_;
    clock::time_point begun_;
    std::array<std::size_t, 5> counts_{};
    std::array<std::size_t, outcome_names.size()> outcomes_{};
    std::string last_;
    int drawn_ = 0;
};

} // namespace batch

#endif
