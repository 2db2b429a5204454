// One batch from its beginning to its end.
#ifndef APIMART_EXAMPLES_BATCH_RUN_HPP
#define APIMART_EXAMPLES_BATCH_RUN_HPP

#include "checked_output.hpp"
#include "display.hpp"
#include "line_result.hpp"
#include "report_file.hpp"
#include "request_source.hpp"
#include "settings.hpp"
#include "summary.hpp"

#include <apimart.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace batch_submit {

class batch_run
{
public:
    batch_run(boost::asio::io_context& context, apimart::client& client, settings const& chosen,
              request_source& requests, std::size_t total, report_file* report, checked_output& out)
        : context_(context), client_(client), settings_(chosen), requests_(requests), report_(report), out_(out),
          display_(out, total, chosen.quiet), redraw_(context), first_done_(context), signals_(context)
    {
        now_.total = now_.waiting = total;
        digits_ = std::to_string(total).size();
        first_done_.expires_at(boost::asio::steady_timer::time_point::max());
    }

    void start()
    {
        if (settings_.deadline)
            end_ = clock::now() + *settings_.deadline;
        watch_signals();
        draw_again();
        workers_ = static_cast<std::size_t>(settings_.max_in_flight);
        for (std::size_t i = workers_; i > 0; --i)
            boost::asio::co_spawn(context_, work(), [this](std::exception_ptr failed) { worker_ended(failed); });
    }

    int finish()
    {
        display_.erase();
        std::ostringstream text;
        text << '\n';
        summary_.print_table(text);
        text << '\n';
        summary_.print_incomplete(text);
        auto const m = client_.metrics();
        text << summary_.completed() << " of " << plural(summary_.lines(), "line") << " completed in "
             << duration_text(display_.elapsed()) << "; ";
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
            text << ", " << (m.bytes_downloaded + 1023) / 1024 << " KiB of video in " << shown(settings_.out);
        text << '\n';
        out_.write(text.str());
        if (out_.failure())
            std::cerr << text.str() << "batch_submit: standard output: " << out_.failure().message() << std::endl;
        if (report_ != nullptr && report_->failure())
            std::cerr << "batch_submit: " << shown(report_->path()) << " is not complete: "
                      << report_->failure().message() << std::endl;
        if (signal_ != 0)
            return 128 + signal_;
        bool const kept = !out_.failure() && (report_ == nullptr || !report_->failure());
        return kept && summary_.completed() == summary_.lines() ? 0 : 1;
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr int max_unknown_in_a_row = 3;

    boost::asio::awaitable<void> work()
    {
        for (;;) {
            std::optional<request_line> line;
            // One at a time, so that lines are taken in order.
            line = co_await requests_.next();
            if (!line)
                co_return;
            bool const sendable = line->request.has_value();
            // One line goes ahead alone: a wrong key or an unknown certificate is found out once.
            if (sendable && std::exchange(one_ahead_, true) && !first_known_)
                co_await first_done_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
            line_result result = co_await process(*line);
            if (sendable)
                release_the_others();
            ended(result);
        }
    }

    void ended(line_result const& result)
    {
        ++now_.outcomes[static_cast<std::size_t>(result.outcome)];
        now_.spent_usd += result.cost.value_or(0);
        if (report_ != nullptr)
            report_->write(result.report_line());
        display_.finished(result, now_);
        summary_.add(result);
        if (report_ != nullptr && report_->failure())
            stop("the report cannot be written: " + report_->failure().message());
        if (out_.failure() && signal_ == 0)
            interrupt(SIGPIPE, "standard output: " + out_.failure().message());
    }

    void release_the_others()
    {
        if (std::exchange(first_known_, true))
            return;
        first_done_.cancel();
    }

    boost::asio::awaitable<line_result> process(request_line const& line)
    {
        line_result r;
        r.line = line.number;
        auto const begun = clock::now();
        if (!line.request) {
            r.outcome = outcome::invalid;
            r.error = line.found.describe();
        } else if (r.model = std::string(line.request->model()); !stop_reason_.empty()) {
            r.error = "not sent: " + stop_reason_;
        } else if (end_ && clock::now() >= *end_) {
            r.outcome = outcome::timed_out;
            r.error = "not sent: the deadline passed";
        } else {
            std::size_t* stage = &now_.waiting;
            co_await send_and_wait(line, r, stage);
            r.seconds = std::chrono::duration<double>(clock::now() - begun).count();
            --*stage;
            co_return r;
        }
        --now_.waiting;
        co_return r;
    }

    static void move(std::size_t*& from, std::size_t& to)
    {
        --*from;
        from = &to;
        ++to;
    }

    boost::asio::awaitable<void> send_and_wait(request_line const& line, line_result& r, std::size_t*& stage)
    {
        move(stage, now_.submitting);
        apimart::submit_options options;
        if (end_)
            options.timeout = remaining();
        apimart::any_request request = *line.request;
        if (!request.local_images().empty()) {
            apimart::upload_options upload;
            upload.timeout = options.timeout;
            apimart::result<apimart::any_request> linked =
                co_await client_.upload_files(request, upload, apimart::as_result());
            if (!linked) {
                not_accepted(linked.error(), r);
                co_return;
            }
            request = std::move(*linked);
            if (end_)
                options.timeout = remaining();
        }
        apimart::result<apimart::task> accepted =
            co_await client_.submit(std::move(request), options, apimart::as_result());
        if (!accepted) {
            not_accepted(accepted.error(), r);
            co_return;
        }
        unknown_in_a_row_ = 0;
        any_accepted_ = true;
        r.task_id = accepted->id();
        r.submits = accepted->submit_attempts();
        release_the_others();

        move(stage, now_.generating);
        apimart::wait_options patience;
        if (end_)
            patience.timeout = remaining();
        apimart::result<apimart::task_result> done =
            co_await client_.wait(*accepted, patience, apimart::as_result());
        if (!done) {
            r.error = words_of(done.error());
            r.goes_on = true;
            r.outcome = done.error().code() == apimart::errc::wait_timeout    ? outcome::timed_out
                        : done.error().code() == apimart::errc::shutting_down ? outcome::cancelled
                                                                              : outcome::unknown;
            co_return;
        }
        r.polls = done->poll_count();
        r.cost = done->cost();
        if (!done->succeeded()) {
            r.outcome =
                done->status() == apimart::task_status::cancelled ? outcome::cancelled : outcome::failed;
            r.error = "the service ended the task: " + shown(done->error().text());
            co_return;
        }
        if (!settings_.no_download) {
            move(stage, now_.downloading);
            co_await fetch(*done, r);
        }
        if (r.error.empty())
            r.outcome = outcome::completed;
    }

    void not_accepted(apimart::error_info const& why, line_result& r)
    {
        r.submits =
            static_cast<int>(std::count_if(why.attempts().begin(), why.attempts().end(),
                                           [](auto const& tried) { return tried.phase() != "connecting"; }));
        r.error = words_of(why);
        bool const is_unsent = why.acceptance() == apimart::acceptance::not_sent ||
                               why.acceptance() == apimart::acceptance::none; // an upload buys nothing
        if (why.code() == apimart::condition::invalid_request && is_unsent)
            r.outcome = outcome::invalid;
        else if (why.acceptance() == apimart::acceptance::rejected)
            r.outcome = outcome::rejected;
        else if (why.acceptance() == apimart::acceptance::unknown)
            r.outcome = outcome::unknown;
        else if (why.code() == apimart::errc::shutting_down)
            r.outcome = outcome::cancelled;
        else if (why.code() == apimart::errc::deadline_exceeded)
            r.outcome = outcome::timed_out;
        else
            r.outcome = outcome::failed;
        if (why.acceptance() == apimart::acceptance::unknown)
            r.idempotency_key = why.idempotency_key();
        // What refuses one line for a reason of the account or the connection would refuse all of them.
        bool const hopeless =
            why.code() == apimart::api_errc::unauthorized || why.code() == apimart::api_errc::payment_required ||
            why.code() == apimart::api_errc::not_found ||
            (why.code() == apimart::api_errc::forbidden && why.server_message().empty()) ||
            (r.outcome == outcome::failed && !any_accepted_);
        if (hopeless)
            stop("line " + std::to_string(r.line) + " showed that no other would be accepted");
        // Each of these may have been paid for; going on would only add to them.
        if (r.outcome != outcome::unknown)
            unknown_in_a_row_ = 0;
        else if (++unknown_in_a_row_ == max_unknown_in_a_row)
            stop("the outcomes of the last submits are not known");
    }

    void stop(std::string reason)
    {
        if (!stop_reason_.empty())
            return;
        stop_reason_ = std::move(reason);
        display_.erase();
        std::cerr << "no more lines are sent: " << stop_reason_ << std::endl;
    }

    // Without the task's id, which has a place of its own, so that equal failures read the same.
    static std::string words_of(apimart::error_info why) { return why.task_id({}).describe(); }

    boost::asio::awaitable<void> fetch(apimart::task_result const& done, line_result& r)
    {
        std::string number = std::to_string(r.line);
        number.insert(0, digits_ - std::min(digits_, number.size()), '0');
        for (apimart::video_file const& video : done.videos()) {
            std::string name = number + "-" + done.id();
            if (done.videos().size() > 1)
                name += "-" + std::to_string(video.index() + 1);
            std::filesystem::path const path = std::filesystem::path(settings_.out) / (name + ".mp4");
            apimart::download_options options;
            options.overwrite = true; // the name belongs to this task alone
            auto const size = co_await client_.download(video, path, options, apimart::as_result());
            if (size) {
                r.files.push_back(path.string());
                continue;
            }
            r.outcome = outcome::failed;
            r.error = "the video is ready at the service, but it was not fetched: " + words_of(size.error());
        }
    }

    std::chrono::milliseconds remaining() const
    {
        return std::max(std::chrono::milliseconds(0),
                        std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - clock::now()));
    }

    void watch_signals()
    {
        for (int const each : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction now{};
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

    // The first time, what may have been accepted is finished; the second time it is cut. A third signal ends the program
    // where it is.
    void interrupt(int which, std::string const& why)
    {
        bool const again = signal_ != 0;
        signal_ = which;
        display_.erase();
        if (again) {
            std::cerr << "interrupted again: nothing is waited for" << std::endl;
            signals_.cancel();
            signals_.clear();
        } else {
            stop_reason_ = why;
            std::cerr << why << ": nothing more is submitted; finishing what may have been accepted" << std::endl;
            next_signal();
        }
        requests_.stop();
        client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
    }

    void draw_again()
    {
        redraw_.expires_after(display_.interval());
        redraw_.async_wait([this](boost::system::error_code code) {
            if (code)
                return;
            display_.draw(now_);
            if (out_.failure() && signal_ == 0)
                interrupt(SIGPIPE, "standard output: " + out_.failure().message());
            draw_again();
        });
    }

    void worker_ended(std::exception_ptr failed)
    {
        if (failed)
            std::rethrow_exception(failed);
        if (--workers_ > 0)
            return;
        redraw_.cancel();
        signals_.cancel();
        if (signal_ == 0)
            client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
    }

    boost::asio::io_context& context_;
    apimart::client& client_;
    settings const& settings_;
    request_source& requests_;
    report_file* report_;
    checked_output& out_;
    display display_;
    standing now_;
    summary summary_;
    boost::asio::steady_timer redraw_;
    boost::asio::steady_timer first_done_;
    boost::asio::signal_set signals_;
    std::optional<clock::time_point> end_;
    std::string stop_reason_;
    std::size_t digits_ = 1;
    std::size_t workers_ = 0;
    int unknown_in_a_row_ = 0;
    int signal_ = 0;
    bool any_accepted_ = false;
    bool one_ahead_ = false;
    bool first_known_ = false;
};

} // namespace batch_submit

#endif
