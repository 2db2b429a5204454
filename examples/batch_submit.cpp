// Submits every request of a JSON Lines file, waits for all of them and fetches the videos.
// The main job of the library in one program: nothing is sent before every line was judged, no line is bought twice, and
// whatever happens, each line ends in a stated outcome.

#include "batch_submit/batch_run.hpp"
#include "batch_submit/checked_output.hpp"
#include "batch_submit/chosen_journal.hpp"
#include "batch_submit/report_file.hpp"
#include "batch_submit/request_source.hpp"
#include "batch_submit/results_folder.hpp"
#include "batch_submit/service.hpp"
#include "batch_submit/settings.hpp"
#include "batch_submit/status.hpp"

#include <apimart.hpp>
#include <apimart/batch.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace batch_submit;

// From the journal to the summary; gives the exit code.
boost::asio::awaitable<void> buy(boost::asio::io_context& context, settings const& chosen,
                                 service const& where, request_source& requests, judgement const& found,
                                 int& code)
{
    // What the built-in emulator was ordered ends with it.
    std::string const journal = where.is_emulator() && chosen.journal.empty() ? "none" : journal_name(chosen);
    apimart::journal_base books =
        open_journal(context.get_executor(), journal, batch_name(chosen), chosen.lease);
    co_await books.bind(where.config().base_url);
    apimart::journal_counts const known = co_await books.counts();
    std::optional<report_file> report;
    if (!chosen.report.empty())
        report.emplace(chosen.report, chosen.requests, journal,
                       chosen.replace_report || where.is_emulator() ? report_file::older::replaced
                       : known.total() != 0                         ? report_file::older::continued
                                                                    : report_file::older::kept);
    for (auto const& [line, id] : chosen.reconciled) {
        std::optional<std::string> task_id;
        if (!id.empty())
            task_id = id;
        co_await books.resolve(line - 1, task_id);
    }
    checked_output out(STDOUT_FILENO);
    out.write("service: " + where.words() + "\n");
    if (out.failure())
        throw std::system_error(out.failure(), "nothing was begun: standard output");
    apimart::client client(context, where.config());
    apimart::batch job(client, books, options_of(chosen, found.lines));
    batch_run one(context, client, job, requests, found.lines, chosen, report ? &*report : nullptr, out);
    co_await one.run();
    code = one.finish();
}

int run(settings const& chosen)
{
    boost::asio::io_context context(1);
    bool const is_judged_first = !chosen.stream || chosen.dry_run;
    request_source requests(chosen.requests, !is_judged_first, context.get_executor());
    judgement found;
    if (is_judged_first) {
        found = requests.judge(std::cerr);
        if (found.lines == 0)
            throw unusable_input(requests.name() + " holds no request");
        if (found.invalid > 0 && !chosen.skip_invalid) {
            std::cerr << plural(found.invalid, "line") << " of " << found.lines
                      << " cannot be sent; nothing was submitted (--skip-invalid goes on with the rest)\n";
            return 2;
        }
    }
    if (chosen.dry_run) {
        std::cout << plural(found.lines - found.invalid, "request")
                  << " would be sent; nothing was submitted\n";
        return found.invalid == 0 ? 0 : 1;
    }
    service const where(chosen);
    check_results_folder(chosen.out);
    int code = 1;
    std::exception_ptr failed;
    boost::asio::co_spawn(context, buy(context, chosen, where, requests, found, code),
                          [&](std::exception_ptr thrown) { failed = thrown; });
    context.run();
    if (failed)
        std::rethrow_exception(failed);
    return code;
}

} // namespace

int main(int argc, char** argv)
{
    // What they would end is told by the write that fails.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    CLI::App app;
    try {
        if (argc > 1 && std::string_view(argv[1]) == "status") {
            status_command status;
            status.read_command_line(app, argc - 1, argv + 1);
            return status.run();
        }
        return run(read_command_line(app, argc, argv));
    } catch (CLI::ParseError const& e) {
        return app.exit(e) == 0 ? 0 : 2;
    } catch (std::exception const& e) {
        std::cerr << "batch_submit: " << e.what() << '\n';
        return 2;
    }
}
