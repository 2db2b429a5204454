// Submits every request of a JSON Lines file, waits for all of them and fetches the videos.
// The main job of the library in one program: nothing is sent before every line was judged, no line is sent
// twice, and whatever happens, each line ends in a stated outcome.

#include "batch_submit/line_result.hpp"
#include "batch_submit/progress.hpp"
#include "batch_submit/request_lines.hpp"
#include "batch_submit/summary.hpp"

#include <apimart.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct settings
{
    std::string requests;
    std::string out = "results";
    int max_in_flight = 64;
    std::string base_url;
    std::string ca_file;
    bool allow_fake_ip = false;
    bool emulator = false;
    double speed = 1;
    bool no_download = false;
    bool dry_run = false;
    std::string report;
    std::optional<std::chrono::milliseconds> deadline;
    bool skip_invalid = false;
    bool quiet = false;
};

std::optional<std::chrono::milliseconds> parse_duration(std::string const& text)
{
    std::size_t end = 0;
    double value = 0;
    try {
        value = std::stod(text, &end);
    } catch (std::exception const&) {
        return std::nullopt;
    }
    std::string const unit = text.substr(end);
    double const factor = unit == "ms"                  ? 1
                          : unit == "s" || unit.empty() ? 1e3
                          : unit == "m"                 ? 6e4
                          : unit == "h"                 ? 3.6e6
                                                        : 0;
    if (factor == 0 || !(value > 0) || value * factor > 1e12)
        return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(value * factor));
}

// The service in the same process, on a thread of its own.
class in_process_emulator
{
public:
    explicit in_process_emulator(double speed) : service_(context_.get_executor(), options(speed))
    {
        service_.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    in_process_emulator(in_process_emulator const&) = delete;
    in_process_emulator& operator=(in_process_emulator const&) = delete;
    ~in_process_emulator()
    {
        service_.stop();
        context_.stop();
        thread_.join();
    }

    std::string base_url() const { return service_.base_url(); }
    std::string ca_pem() const { return service_.ca_pem(); }

private:
    static apimart::testing::emulator_options options(double speed)
    {
        apimart::testing::emulator_options chosen;
        chosen.speed = speed;
        return chosen;
    }

    asio::io_context context_{1};
    apimart::testing::emulator service_;
    std::thread thread_;
};

class batch_run
{
public:
    batch_run(asio::io_context& context, apimart::client& client, settings const& chosen,
              std::vector<batch::request_line> const& lines)
        : context_(context), client_(client), settings_(chosen), lines_(lines),
          progress_(std::cout, lines.size(), chosen.quiet), redraw_(context), first_done_(context),
          signals_(context, SIGINT, SIGTERM)
    {
        first_done_.expires_at(asio::steady_timer::time_point::max());
        results_.reserve(lines.size());
        if (!settings_.report.empty()) {
            report_.open(settings_.report);
            if (!report_)
                throw std::runtime_error("cannot write " + settings_.report);
        }
    }

    void start()
    {
        if (settings_.deadline)
            end_ = std::chrono::steady_clock::now() + *settings_.deadline;
        signals_.async_wait([this](boost::system::error_code code, int) {
            if (!code)
                interrupt();
        });
        draw_again();
        workers_ = std::min<std::size_t>(static_cast<std::size_t>(settings_.max_in_flight), lines_.size());
        for (std::size_t i = 0; i < workers_; ++i)
            asio::co_spawn(context_, work(), [this](std::exception_ptr failed) { worker_ended(failed); });
    }

    int finish()
    {
        progress_.erase();
        std::sort(results_.begin(), results_.end(),
                  [](auto const& a, auto const& b) { return a.line < b.line; });
        auto const m = client_.metrics();
        std::cout << '\n';
        batch::print_table(std::cout, results_);
        std::cout << '\n';
        batch::print_incomplete(std::cout, results_);
        auto const completed =
            static_cast<std::size_t>(std::count_if(results_.begin(), results_.end(), [](auto const& r) {
                return r.outcome == batch::outcome::completed;
            }));
        std::cout << completed << " of " << batch::plural(results_.size(), "line") << " completed in "
                  << batch::progress::seconds(progress_.elapsed()) << "; "
                  << (m.uploads_sent > 0 ? batch::plural(m.uploads_sent, "upload") + ", " : "")
                  << batch::plural(m.submits_sent, "submit") << ", " << batch::plural(m.polls_sent, "poll")
                  << ", " << batch::plural(m.connections_opened, "connection") << ", "
                  << m.bytes_downloaded / 1024 << " KiB of video";
        if (!settings_.no_download)
            std::cout << " in " << settings_.out;
        std::cout << std::endl;
        if (interrupted_)
            return 130;
        return completed == results_.size() ? 0 : 1;
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr int max_unknown_in_a_row = 3;

    asio::awaitable<void> work()
    {
        while (next_ < lines_.size()) {
            batch::request_line const& line = lines_[next_++];
            bool const sendable = line.problems.empty();
            // One line goes ahead alone: a wrong key or an unknown certificate is found out once.
            if (sendable && std::exchange(one_ahead_, true) && !first_known_)
                co_await first_done_.async_wait(asio::as_tuple(asio::use_awaitable));
            batch::line_result result = co_await process(line);
            if (sendable)
                release_the_others();
            if (report_)
                report_ << result.report_line() << std::endl; // a crash must not lose what is known already
            progress_.finished(result);
            results_.push_back(std::move(result));
        }
    }

    void release_the_others()
    {
        if (std::exchange(first_known_, true))
            return;
        first_done_.cancel();
    }

    asio::awaitable<batch::line_result> process(batch::request_line const& line)
    {
        batch::line_result r;
        r.line = line.number;
        r.model = line.model;
        auto const begun = clock::now();
        batch::stage now = batch::stage::queued;
        if (!line.problems.empty()) {
            r.outcome = batch::outcome::invalid;
            r.error = line.problems;
        } else if (!stop_reason_.empty()) {
            r.outcome = batch::outcome::cancelled;
            r.error = "not sent: " + stop_reason_;
        } else if (end_ && clock::now() >= *end_) {
            r.outcome = batch::outcome::timed_out;
            r.error = "not sent: the deadline passed";
        } else {
            co_await send_and_wait(line, r, now);
            r.seconds = std::chrono::duration<double>(clock::now() - begun).count();
        }
        progress_.move(now, batch::stage::done);
        co_return r;
    }

    asio::awaitable<void> send_and_wait(batch::request_line const& line, batch::line_result& r,
                                        batch::stage& now)
    {
        progress_.move(now, batch::stage::submitting);
        now = batch::stage::submitting;
        apimart::submit_options options;
        if (end_)
            options.timeout = remaining();
        apimart::any_request request = line.request();
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

        progress_.move(now, batch::stage::generating);
        now = batch::stage::generating;
        apimart::wait_options patience;
        if (end_)
            patience.timeout = remaining();
        apimart::result<apimart::task_result> done =
            co_await client_.wait(*accepted, patience, apimart::as_result());
        if (!done) {
            r.error = words_of(done.error());
            r.goes_on = true;
            r.outcome = done.error().code() == apimart::errc::wait_timeout    ? batch::outcome::timed_out
                        : done.error().code() == apimart::errc::shutting_down ? batch::outcome::cancelled
                                                                              : batch::outcome::unknown;
            co_return;
        }
        r.polls = done->poll_count();
        r.cost = done->cost();
        if (!done->succeeded()) {
            r.outcome = done->status() == apimart::task_status::cancelled ? batch::outcome::cancelled
                                                                          : batch::outcome::failed;
            r.error = "the service ended the task: " + done->error().text();
            co_return;
        }
        if (!settings_.no_download) {
            progress_.move(now, batch::stage::downloading);
            now = batch::stage::downloading;
            co_await fetch(*done, r);
        }
        if (r.error.empty())
            r.outcome = batch::outcome::completed;
    }

    void not_accepted(apimart::error_info const& why, batch::line_result& r)
    {
        r.submits =
            static_cast<int>(std::count_if(why.attempts().begin(), why.attempts().end(),
                                           [](auto const& tried) { return tried.phase() != "connecting"; }));
        r.error = words_of(why);
        bool const is_unsent = why.acceptance() == apimart::acceptance::not_sent ||
                               why.acceptance() == apimart::acceptance::none; // an upload buys nothing
        if (why.code() == apimart::condition::invalid_request && is_unsent)
            r.outcome = batch::outcome::invalid;
        else if (why.acceptance() == apimart::acceptance::rejected)
            r.outcome = batch::outcome::rejected;
        else if (why.acceptance() == apimart::acceptance::unknown)
            r.outcome = batch::outcome::unknown;
        else if (why.code() == apimart::errc::shutting_down)
            r.outcome = batch::outcome::cancelled;
        else if (why.code() == apimart::errc::deadline_exceeded)
            r.outcome = batch::outcome::timed_out;
        else
            r.outcome = batch::outcome::failed;
        if (why.acceptance() == apimart::acceptance::unknown)
            r.idempotency_key = why.idempotency_key();
        // What refuses one line for a reason of the account or the connection would refuse all of them.
        bool const hopeless = why.code() == apimart::api_errc::unauthorized ||
                              why.code() == apimart::api_errc::payment_required ||
                              (r.outcome == batch::outcome::failed && !any_accepted_);
        if (hopeless)
            stop("line " + std::to_string(r.line) + " showed that no other would be accepted");
        // Each of these may have been paid for; going on would only add to them.
        if (r.outcome != batch::outcome::unknown)
            unknown_in_a_row_ = 0;
        else if (++unknown_in_a_row_ == max_unknown_in_a_row)
            stop("the outcomes of the last submits are not known");
    }

    void stop(std::string reason)
    {
        if (!stop_reason_.empty())
            return;
        stop_reason_ = std::move(reason);
        progress_.erase();
        std::cerr << "no more lines are sent: " << stop_reason_ << std::endl;
    }

    // Without the task's id, which has a place of its own, so that equal failures read the same.
    static std::string words_of(apimart::error_info why) { return why.task_id({}).describe(); }

    asio::awaitable<void> fetch(apimart::task_result const& done, batch::line_result& r)
    {
        std::string const digits = std::to_string(lines_.back().number);
        std::string number = std::to_string(r.line);
        number.insert(0, digits.size() - number.size(), '0');
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
            r.outcome = batch::outcome::failed;
            r.error = "the video is ready at the service, but it was not fetched: " + words_of(size.error());
            r.goes_on = false;
        }
    }

    std::chrono::milliseconds remaining() const
    {
        return std::max(0ms, std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - clock::now()));
    }

    void interrupt()
    {
        interrupted_ = true;
        stop_reason_ = "interrupted";
        progress_.erase();
        std::cerr << "interrupted: nothing more is submitted; finishing what may have been accepted"
                  << std::endl;
        // A second signal ends the program at once.
        signals_.cancel();
        signals_.clear();
        client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
    }

    void draw_again()
    {
        redraw_.expires_after(progress_.interval());
        redraw_.async_wait([this](boost::system::error_code code) {
            if (code)
                return;
            progress_.draw();
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
        if (!interrupted_)
            client_.shutdown([](boost::system::error_code, apimart::shutdown_report) {});
    }

    asio::io_context& context_;
    apimart::client& client_;
    settings const& settings_;
    std::vector<batch::request_line> const& lines_;
    batch::progress progress_;
    asio::steady_timer redraw_;
    asio::steady_timer first_done_;
    asio::signal_set signals_;
    std::ofstream report_;
    std::vector<batch::line_result> results_;
    std::optional<clock::time_point> end_;
    std::string stop_reason_;
    std::size_t next_ = 0;
    std::size_t workers_ = 0;
    int unknown_in_a_row_ = 0;
    bool any_accepted_ = false;
    bool one_ahead_ = false;
    bool first_known_ = false;
    bool interrupted_ = false;
};

int run(settings const& chosen)
{
    bool const from_stdin = chosen.requests == "-";
    std::ifstream file;
    if (!from_stdin) {
        file.open(chosen.requests, std::ios::binary);
        if (!file) {
            std::cerr << "batch_submit: cannot read " << chosen.requests << '\n';
            return 2;
        }
    }
    std::string const name = from_stdin ? "<stdin>" : chosen.requests;
    batch::input const requests = batch::read_requests(from_stdin ? std::cin : file, name, std::cerr);
    if (requests.lines.empty()) {
        std::cerr << "batch_submit: " << name << " holds no request\n";
        return 2;
    }
    if (requests.invalid > 0 && !chosen.skip_invalid) {
        std::cerr << batch::plural(requests.invalid, "line") << " of " << requests.lines.size()
                  << " cannot be sent; nothing was submitted (--skip-invalid goes on with the rest)\n";
        return 2;
    }
    if (chosen.dry_run) {
        std::cout << batch::plural(requests.lines.size() - requests.invalid, "request")
                  << " would be sent; nothing was submitted\n";
        return requests.invalid == 0 ? 0 : 1;
    }

    char const* const secret = std::getenv("APIMART_API_KEY");
    bool const has_key = secret != nullptr && *secret != '\0';
    bool const emulated = chosen.emulator || (!has_key && chosen.base_url.empty());
    std::unique_ptr<in_process_emulator> service;
    std::optional<apimart::client_config> config;
    if (emulated) {
        service = std::make_unique<in_process_emulator>(chosen.speed);
        config.emplace(apimart::api_key("emulator"));
        config->base_url = service->base_url();
        config->tls.add_ca_pem(service->ca_pem());
        std::cout << "service: the built-in emulator at " << config->base_url << ", " << chosen.speed
                  << " times faster than real time"
                  << (chosen.emulator ? "" : " (APIMART_API_KEY is not set)") << std::endl;
    } else {
        if (has_key) {
            config = apimart::client_config::from_environment();
        } else if (chosen.base_url.starts_with("https://127.0.0.1") ||
                   chosen.base_url.starts_with("https://localhost")) {
            config.emplace(apimart::api_key("emulator")); // a test server has no real keys
        } else {
            std::cerr << "batch_submit: " << chosen.base_url
                      << " needs the environment variable APIMART_API_KEY\n";
            return 2;
        }
        if (!chosen.base_url.empty())
            config->base_url = chosen.base_url;
        std::cout << "service: " << config->base_url
                  << (has_key ? " (with APIMART_API_KEY)"
                              : " (APIMART_API_KEY is not set; sending a placeholder)")
                  << std::endl;
    }
    if (!chosen.ca_file.empty())
        config->tls.add_ca_file(chosen.ca_file);
    config->resolver.allow_fake_ip(chosen.allow_fake_ip);
    // A service that runs faster is asked more often.
    auto const scaled = [&](std::chrono::milliseconds usual) {
        return std::max(20ms, std::chrono::milliseconds(static_cast<std::int64_t>(
                                  static_cast<double>(usual.count()) / chosen.speed)));
    };
    config->poll.initial_delay = scaled(config->poll.initial_delay);
    config->poll.min_interval = scaled(config->poll.min_interval);
    config->poll.max_interval = scaled(config->poll.max_interval);
    config->poll.requests_per_second *= std::clamp(chosen.speed, 1.0, 10.0);

    if (!chosen.no_download)
        std::filesystem::create_directories(chosen.out);
    asio::io_context context(1);
    apimart::client client(context, std::move(*config));
    batch_run job(context, client, chosen, requests.lines);
    job.start();
    context.run();
    return job.finish();
}

} // namespace

int main(int argc, char** argv)
{
    settings chosen;
    std::string deadline;
    CLI::App app("Submits every request of a JSON Lines file to the APIMart service, waits for the videos "
                 "and fetches them.\n"
                 "With APIMART_API_KEY set this is the real service and costs money; without it, a built-in "
                 "emulator.");
    app.add_option("REQUESTS", chosen.requests, "one request body per line; - reads standard input")
        ->required();
    app.add_option("--out", chosen.out, "folder for the videos")->capture_default_str();
    app.add_option("--max-in-flight", chosen.max_in_flight, "tasks at the service at one time")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    app.add_option("--base-url", chosen.base_url, "another address of the service");
    app.add_option("--ca-file", chosen.ca_file, "PEM file of an additional certificate authority");
    app.add_flag("--allow-fake-ip", chosen.allow_fake_ip,
                 "behind a local proxy that answers every name with an address of 198.18.0.0/15");
    app.add_flag("--emulator", chosen.emulator, "use the built-in emulator even if APIMART_API_KEY is set");
    app.add_option("--speed", chosen.speed, "how many times faster than real time the emulator runs")
        ->check(CLI::Range(0.01, 100'000.0))
        ->capture_default_str();
    app.add_flag("--no-download", chosen.no_download, "do not fetch the videos");
    app.add_flag("--dry-run", chosen.dry_run, "judge the requests and send nothing");
    app.add_option("--report", chosen.report, "file for one JSON line per input line");
    app.add_option("--deadline", deadline, "end the batch after this long, e.g. 90s, 15m, 2h");
    app.add_flag("--skip-invalid", chosen.skip_invalid, "send the valid lines even if others are not");
    app.add_flag("--quiet", chosen.quiet, "no progress, only the summary");
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (!deadline.empty()) {
        chosen.deadline = parse_duration(deadline);
        if (!chosen.deadline) {
            std::cerr << "--deadline: not a duration: " << deadline << " (examples: 500ms, 90s, 15m, 2h)\n";
            return 2;
        }
    }
    try {
        return run(chosen);
    } catch (apimart::error const& e) {
        std::cerr << "batch_submit: " << e.what() << '\n';
        return 2;
    } catch (std::exception const& e) {
        std::cerr << "batch_submit: " << e.what() << '\n';
        return 1;
    }
}
