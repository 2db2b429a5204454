// Submits every request of a JSON Lines file, waits for all of them and fetches the videos.
// The main job of the library in one program: nothing is sent before every line was judged, no line is bought twice, and
// whatever happens, each line ends in a stated outcome.

#include "batch_submit/batch_run.hpp"
#include "batch_submit/checked_output.hpp"
#include "batch_submit/report_file.hpp"
#include "batch_submit/request_source.hpp"
#include "batch_submit/results_folder.hpp"
#include "batch_submit/service.hpp"
#include "batch_submit/settings.hpp"

#include <apimart.hpp>

#include <boost/asio/io_context.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using namespace batch_submit;

int run(settings const& chosen)
{
    boost::asio::io_context context(1);
    request_source requests(chosen.requests, chosen.stream && !chosen.dry_run, context.get_executor());
    judgement found;
    if (!chosen.stream || chosen.dry_run) {
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
        std::cout << plural(found.lines - found.invalid, "request") << " would be sent; nothing was submitted\n";
        return found.invalid == 0 ? 0 : 1;
    }

    service const where(chosen);
    check_results_folder(chosen.out);
    std::optional<report_file> report;
    if (!chosen.report.empty())
        report.emplace(chosen.report, chosen.requests,
                       chosen.replace_report ? report_file::older::replaced : report_file::older::kept);
    checked_output out(STDOUT_FILENO);
    out.write("service: " + where.words() + "\n");
    apimart::client client(context, where.config());
    batch_run job(context, client, chosen, requests, found.lines, report ? &*report : nullptr, out);
    job.start();
    context.run();
    return job.finish();
}

} // namespace

int main(int argc, char** argv)
{
    // What they would end is told by the write that fails.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    CLI::App app;
    try {
        return run(read_command_line(app, argc, argv));
    } catch (CLI::ParseError const& e) {
        return app.exit(e) == 0 ? 0 : 2;
    } catch (std::exception const& e) {
        std::cerr << "batch_submit: " << e.what() << '\n';
        return 2;
    }
}
