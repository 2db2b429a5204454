// The command line.
#ifndef APIMART_EXAMPLES_SETTINGS_HPP
#define APIMART_EXAMPLES_SETTINGS_HPP

#include <apimart/version.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace batch_submit {

// "500ms", "90s", "15m", "2h"; a number alone is seconds. Throws std::invalid_argument.
inline std::chrono::milliseconds parse_duration(std::string const& option, std::string const& text)
{
    std::size_t end = 0;
    double value = 0;
    try {
        value = std::stod(text, &end);
    } catch (std::exception const&) {
        end = 0;
    }
    std::string const unit = text.substr(end);
    double const factor = unit == "ms"                  ? 1
                          : unit == "s" || unit.empty() ? 1e3
                          : unit == "m"                 ? 6e4
                          : unit == "h"                 ? 3.6e6
                                                        : 0;
    if (end == 0 || factor == 0 || !(value > 0) || value * factor > 1e12)
        throw std::invalid_argument(option + ": not a duration: " + text +
                                    " (examples: 500ms, 90s, 15m, 2h)");
    return std::chrono::milliseconds(static_cast<std::int64_t>(value * factor));
}

class settings
{
public:
    settings() {}

    std::string requests;
    std::string out = "results";
    std::string journal;
    std::string batch;
    std::chrono::milliseconds lease{};
    std::string report;
    bool replace_report = false;

    int max_in_flight = 64;
    int submit_concurrency = 16;
    double rate = 0;
    std::optional<double> spend_limit;
    std::optional<std::chrono::milliseconds> deadline;
    bool key_is_honoured = false;
    bool resubmit_unknown = false;
    std::vector<std::pair<std::size_t, std::string>>
        reconciled; // line and task id, empty where none was made
    bool retry_failed = false;

    std::string base_url;
    std::string ca_file;
    bool allow_fake_ip = false;
    bool emulator = false;
    double speed = 1;

    bool stream = false;
    bool skip_invalid = false;
    bool no_download = false;
    bool dry_run = false;
    bool quiet = false;
};

// Throws CLI::ParseError, also for --help and --version, and std::invalid_argument.
inline settings read_command_line(CLI::App& app, int argc, char const* const* argv)
{
    settings chosen;
    std::string deadline;
    std::string lease = "30s";
    std::string unknown = "list";
    std::string idempotency = "none";
    std::vector<std::string> reconciled;
    app.description(
        "Submits every request of a JSON Lines file to the APIMart service, waits for the videos and fetches "
        "them.\nWith APIMART_API_KEY set this is the real service and costs money; without it, a built-in "
        "emulator.\nStarted again with the same file it goes on: what was bought is not bought again.\n"
        "batch_submit status JOURNAL [--json] tells how far a batch is, also while it runs.");
    app.footer("Environment: APIMART_API_KEY, APIMART_BASE_URL, APIMART_CA_FILE; https_proxy or HTTPS_PROXY "
               "for a proxy, "
               "no_proxy or NO_PROXY for hosts without it; NO_COLOR, TERM=dumb.\n"
               "Exit codes: 0 all lines completed; 1 some did not; 2 nothing was begun; 128 and the signal's "
               "number where "
               "one ended it.");
    app.set_version_flag("--version", "batch_submit " APIMART_VERSION_STRING);
    app.add_option("REQUESTS", chosen.requests, "one request body per line; - reads standard input")
        ->required();
    app.add_option("--out", chosen.out, "folder for the videos")->capture_default_str();
    app.add_option("--journal", chosen.journal,
                   "keeps what was bought: a file, postgresql://... for several machines, or none [a file in "
                   "--out; for the "
                   "built-in emulator none]");
    app.add_option("--batch", chosen.batch,
                   "name of the batch, by which machines that share it find it [that of the file]");
    app.add_option("--lease", lease, "how long a machine that died keeps its lines from the others")
        ->capture_default_str();
    app.add_option("--report", chosen.report, "file for one JSON line per input line");
    app.add_flag("--replace-report", chosen.replace_report, "even if it holds the task ids of another batch");

    app.add_option("--max-in-flight", chosen.max_in_flight, "tasks at the service at one time")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    app.add_option("--submit-concurrency", chosen.submit_concurrency,
                   "submits under way at one time; a crash leaves no more than these unknown")
        ->check(CLI::Range(1, 1'000))
        ->capture_default_str();
    app.add_option("--rate", chosen.rate, "submits per second; 0 for as fast as the service takes them")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str();
    app.add_option("--spend-limit", chosen.spend_limit, "stop to submit when so many US dollars are spent")
        ->check(CLI::Range(0.0, 1e9));
    app.add_option("--deadline", deadline, "end the batch after this long, e.g. 90s, 15m, 2h");
    app.add_option(
           "--idempotency", idempotency,
           "honoured: the service takes a key once, so that a submit whose outcome is unknown is sent again")
        ->check(CLI::IsMember({"none", "honoured"}))
        ->capture_default_str();
    app.add_option("--unknown", unknown, "what becomes of lines that may have been bought by an earlier run")
        ->check(CLI::IsMember({"list", "resubmit-may-double-charge"}))
        ->capture_default_str();
    app.add_option("--reconcile", reconciled,
                   "what you found out at the service of an unknown line: LINE=TASK_ID, or LINE=none");
    app.add_flag("--retry-failed", chosen.retry_failed,
                 "buy again what the service refused or failed in an earlier run");

    app.add_option("--base-url", chosen.base_url, "another address of the service");
    app.add_option("--ca-file", chosen.ca_file, "PEM file of an additional certificate authority");
    app.add_flag("--allow-fake-ip", chosen.allow_fake_ip,
                 "behind a local proxy that answers every name with an address of 198.18.0.0/15");
    app.add_flag("--emulator", chosen.emulator, "use the built-in emulator even if APIMART_API_KEY is set");
    app.add_option("--speed", chosen.speed, "how many times faster than real time the emulator runs")
        ->check(CLI::Range(0.01, 100'000.0))
        ->capture_default_str();

    app.add_flag("--stream", chosen.stream, "send lines as they come, without judging all before");
    app.add_flag("--skip-invalid", chosen.skip_invalid, "send the valid lines even if others are not");
    app.add_flag("--no-download", chosen.no_download, "do not fetch the videos");
    app.add_flag("--dry-run", chosen.dry_run, "judge the requests and send nothing");
    app.add_flag("--quiet", chosen.quiet, "no progress, only the summary");
    app.parse(argc, argv);

    chosen.key_is_honoured = idempotency == "honoured";
    chosen.resubmit_unknown = unknown != "list";
    if (!deadline.empty())
        chosen.deadline = parse_duration("--deadline", deadline);
    chosen.lease = parse_duration("--lease", lease);
    for (std::string const& each : reconciled) {
        std::size_t const equals = each.find('=');
        std::size_t const digits = std::min(each.find_first_not_of("0123456789"), each.size());
        if (equals == std::string::npos || equals == 0 || digits != equals || equals > 15 ||
            equals + 1 == each.size())
            throw std::invalid_argument("--reconcile: must be LINE=TASK_ID or LINE=none (got " + each + ")");
        std::string const id = each.substr(equals + 1);
        chosen.reconciled.emplace_back(std::stoull(each.substr(0, equals)), id == "none" ? "" : id);
    }
    return chosen;
}

} // namespace batch_submit

#endif
