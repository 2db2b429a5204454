// One batch from its beginning to its end: lines in, outcomes to the screen, to the report and into the summary.
#ifndef APIMART_EXAMPLES_BATCH_RUN_HPP
#define APIMART_EXAMPLES_BATCH_RUN_HPP

#include "checked_output.hpp"
#include "display.hpp"
#include "line_result.hpp"
#include "report_file.hpp"
#include "request_source.hpp"
#include "settings.hpp"
#include "summary.hpp"

#include <apimart/batch.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace batch_submit {

// What the batch is to do, by the command line. A file of `lines` lines has names of equal length for its results.
inline apimart::batch_options options_of(settings const& chosen, std::size_t lines)
{
    apimart::batch_options options;
    options.max_in_flight = static_cast<std::size_t>(chosen.max_in_flight);
    options.timeout = chosen.deadline;
    options.spend_limit = chosen.spend_limit;
    options.retry_failed = chosen.retry_failed;
    options.on_unknown =
        chosen.resubmit_unknown ? apimart::on_unknown::resubmit_may_double_charge : apimart::on_unknown::list;
    // Every line has a stated end; but nobody waits for what a pipe may still bring.
    options.read_on_after_stop = !chosen.stream;
    if (!chosen.no_download)
        options.folder = chosen.out;
    options.file_name = [digits = std::to_string(lines).size()](apimart::batch_outcome const& of) {
        std::string number = std::to_string(of.index + 1);
        number.insert(0, digits - std::min(digits, number.size()), '0');
        return number + "-" + of.task_id + ".mp4";
    };
    return options;
}

class batch_run
{
public:
    batch_run(boost::asio::io_context& context, apimart::client& client, apimart::batch& job,
              request_source& requests, std::size_t lines, settings const& chosen, report_file* report,
              checked_output& out)
        : client_(client), job_(job), requests_(requests), lines_(lines), out_folder_(chosen.out),
          report_(report), out_(out), display_(out, lines, chosen.quiet), redraw_(context), signals_(context)
    {
        watch_signals();
    }
    batch_run(batch_run const&) = delete;
    batch_run& operator=(batch_run const&) = delete;
    // Everything is told. A signal that comes now has nothing to end but what puts things away.
    ~batch_run()
    {
        signals_.clear();
        for (int const each : end_signals)
            std::signal(each, SIG_IGN);
    }

    boost::asio::awaitable<void> run()
    {
        draw_again();
        job_.start([this] { return next_item(); });
        while (std::optional<apimart::batch_outcome> const outcome = co_await job_.next())
            ended(result_of(*outcome), outcome->from_journal);
        stop_told();
        redraw_.cancel();
        signals_.cancel();
        if (signal_ == 0)
            client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
    }

    // Prints the summary and gives the exit code.
    int finish()
    {
        display_.erase();
        std::ostringstream text;
        text << '\n';
        summary_.print_table(text);
        text << '\n';
        summary_.print_incomplete(text);
        auto const m = client_.metrics();
        // After an interrupt, the rest of the input was not looked at.
        std::size_t const all = std::max(lines_, summary_.lines());
        if (all > summary_.lines())
            text << plural(all - summary_.lines(), "line") << " more had no turn\n";
        text << summary_.completed() << " of " << plural(all, "line") << " completed";
        if (std::uint64_t const before = job_.progress().from_journal; before != 0)
            text << ", " << before << " by earlier runs,";
        text << " in " << duration_text(display_.elapsed()) << "; ";
        std::string counts;
        auto const add = [&](std::size_t count, std::string const& what) {
            if (count != 0)
                counts += (counts.empty() ? "" : ", ") + plural(count, what);
        };
        add(m.uploads_sent, "upload");
        add(m.submits_sent, "submit");
        add(m.polls_sent + m.status_requests_sent, "poll");
        add(m.connections_opened, "connection");
        text << (counts.empty() ? "nothing was sent" : counts);
        if (m.bytes_downloaded != 0)
            text << ", " << (m.bytes_downloaded + 1023) / 1024 << " KiB of video in " << shown(out_folder_);
        text << '\n';
        out_.write(text.str());
        if (out_.failure())
            std::cerr << text.str() << "batch_submit: standard output: " << out_.failure().message()
                      << std::endl;
        bool const is_reported = report_ == nullptr || !report_->failure();
        if (!is_reported)
            std::cerr << "batch_submit: " << shown(report_->path())
                      << " is not complete: " << report_->failure().message() << std::endl;
        if (signal_ != 0)
            return 128 + signal_;
        return is_reported && !out_.failure() && summary_.completed() == all ? 0 : 1;
    }

private:
    static constexpr std::array end_signals{SIGINT, SIGTERM, SIGHUP};

    // The next line that can be sent; what cannot has its result at once.
    boost::asio::awaitable<std::optional<apimart::batch_item>> next_item()
    {
        while (std::optional<request_line> line = co_await requests_.next()) {
            if (line->request) {
                apimart::batch_item item(std::move(*line->request));
                item.index = line->index();
                co_return item;
            }
            line_result r;
            r.line = line->number;
            r.outcome = outcome::invalid;
            r.error = line->found.describe();
            ended(r, false);
        }
        co_return std::nullopt;
    }

    line_result result_of(apimart::batch_outcome const& of) const
    {
        line_result r;
        r.line = of.index + 1;
        r.model = of.model;
        r.outcome = outcome_of(of);
        r.task_id = of.task_id;
        r.files = of.files;
        r.submits = of.submits;
        r.polls = of.polls;
        r.seconds = std::chrono::duration<double>(of.elapsed).count();
        r.cost = of.cost;
        r.error = of.describe();
        if (of.error.client_message().starts_with("not sent: "))
            r.error = "not sent: " + stop_words();
        if (of.end == apimart::batch_end::goes_on && of.error.code() == boost::asio::error::operation_aborted)
            r.error = "not waited for any longer";
        if (of.end == apimart::batch_end::unknown)
            r.idempotency_key = of.idempotency_key;
        r.goes_on = of.end == apimart::batch_end::goes_on;
        return r;
    }

    // Why nothing more is sent, without the failure that showed it: that is told with its line.
    std::string stop_words() const
    {
        auto const stopped = job_.progress().stopped;
        if (!stopped)
            return {};
        std::string words = stopped->words;
        std::string const failure = ": " + stopped->error.describe();
        if (stopped->error.code() && words.ends_with(failure))
            words.resize(words.size() - failure.size());
        return shown(words, 1000) +
               (stopped->index ? ", as line " + std::to_string(*stopped->index + 1) + " showed" : "");
    }

    outcome outcome_of(apimart::batch_outcome const& of) const
    {
        using apimart::batch_end;
        auto const stopped = job_.progress().stopped;
        bool const is_late = stopped && stopped->cause == apimart::stop_cause::timeout;
        switch (of.end) {
        case batch_end::succeeded:
            return outcome::completed;
        case batch_end::failed:
        case batch_end::not_stored:
            return outcome::failed;
        case batch_end::cancelled:
            return outcome::cancelled;
        case batch_end::rejected:
            return outcome::rejected;
        case batch_end::invalid:
            return outcome::invalid;
        case batch_end::not_sent:
            return is_late ? outcome::timed_out : outcome::cancelled;
        case batch_end::goes_on:
            return is_late || of.error.code() == apimart::errc::wait_timeout ? outcome::timed_out
                   : stopped                                                 ? outcome::cancelled
                                                                             : outcome::unknown;
        case batch_end::unknown:
            break;
        }
        return outcome::unknown;
    }

    void ended(line_result const& result, bool by_an_earlier_run)
    {
        stop_told();
        ++ended_[static_cast<std::size_t>(result.outcome)];
        // What an earlier run has told is told again only where nobody has kept it.
        if (report_ != nullptr && (!by_an_earlier_run || report_->was_empty()))
            report_->write(result.report_line());
        // What stops the batch has been told by the stop, and the summary is near after a signal.
        if (!by_an_earlier_run && result.line != stopped_by_ && signal_ == 0)
            display_.finished(result, now());
        summary_.add(result);
        if (report_ != nullptr && report_->failure())
            job_.stop("the report cannot be written: " + report_->failure().message());
        look_at_output();
    }

    standing now() const
    {
        apimart::batch_progress const p = job_.progress();
        standing s;
        s.submitting = p.uploading + p.submitting;
        s.generating = p.generating;
        s.downloading = p.downloading;
        s.waiting = p.waiting;
        s.elsewhere = p.elsewhere;
        if (p.quiet_for && *p.quiet_for >= std::chrono::seconds(1))
            s.quiet = std::chrono::ceil<std::chrono::seconds>(*p.quiet_for);
        s.outcomes = ended_;
        if (lines_ != 0) {
            s.total = lines_;
            std::size_t const begun = s.done() + s.submitting + s.generating + s.downloading + s.elsewhere;
            s.waiting = lines_ - std::min(lines_, begun);
        }
        s.spent_usd = static_cast<double>(p.spent_micro_usd) / 1e6;
        s.per_second = p.per_minute / 60;
        if (lines_ != 0 && s.per_second > 0)
            s.left = std::chrono::seconds(
                static_cast<std::int64_t>(static_cast<double>(lines_ - s.done()) / s.per_second));
        return s;
    }

    void stop_told()
    {
        if (is_stop_told_ || signal_ != 0)
            return;
        auto const stopped = job_.progress().stopped;
        if (!stopped)
            return;
        is_stop_told_ = true;
        if (stopped->index)
            stopped_by_ = *stopped->index + 1;
        display_.erase();
        std::cerr << "no more lines are sent: " << stop_words() << std::endl;
    }

    void look_at_output()
    {
        if (out_.failure() && signal_ == 0)
            interrupt(SIGPIPE, "standard output: " + out_.failure().message());
    }

    void watch_signals()
    {
        for (int const each : end_signals) {
            struct sigaction now
            {};
            // Under nohup the terminal's end is nobody's business.
            if (::sigaction(each, nullptr, &now) == 0 && now.sa_handler != SIG_IGN)
                signals_.add(each);
        }
        next_signal();
    }

    void next_signal()
    {
        signals_.async_wait([this](boost::system::error_code code, int which) {
            if (!code)
                interrupt(which, "interrupted");
        });
    }

    // The first time, what may have been accepted is read to its end; the second time it is cut. A third signal ends the
    // program where it is.
    void interrupt(int which, std::string const& why)
    {
        // A terminal that goes away is told by a write as well as by a signal.
        bool const again = signal_ != 0 && signal_ != SIGPIPE;
        signal_ = which;
        display_.erase();
        if (again) {
            std::cerr << "interrupted again: nothing is waited for" << std::endl;
            signals_.cancel();
            signals_.clear();
            for (int step = 0; step < 2; ++step)
                client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
            return;
        }
        std::cerr << why << ": nothing more is submitted; finishing what may have been accepted" << std::endl;
        next_signal();
        job_.stop(why);
        job_.cancel();
    }

    void draw_again()
    {
        redraw_.expires_after(display_.interval());
        redraw_.async_wait([this](boost::system::error_code code) {
            if (code)
                return;
            stop_told();
            display_.draw(now());
            look_at_output();
            draw_again();
        });
    }

    apimart::client& client_;
    apimart::batch& job_;
    request_source& requests_;
    std::size_t const lines_;
    std::string const out_folder_;
    report_file* const report_;
    checked_output& out_;
    display display_;
    summary summary_;
    boost::asio::steady_timer redraw_;
    boost::asio::signal_set signals_;
    std::array<std::size_t, outcome_names.size()> ended_{};
    std::size_t stopped_by_ = 0; // a line
    bool is_stop_told_ = false;
    int signal_ = 0;
};

} // namespace batch_submit

#endif
