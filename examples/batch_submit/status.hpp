// How far a batch is, by its journal, also while another process works on it.
#ifndef APIMART_EXAMPLES_STATUS_HPP
#define APIMART_EXAMPLES_STATUS_HPP

#include "checked_output.hpp"
#include "chosen_journal.hpp"
#include "line_result.hpp"
#include "shown_text.hpp"

#include <apimart/journal.hpp>

#include <CLI/CLI.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

namespace batch_submit {

// In UTC, to the second.
inline std::string time_text(std::chrono::system_clock::time_point when)
{
    std::time_t const seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

class status_command
{
public:
    status_command() {}

    // Throws CLI::ParseError.
    void read_command_line(CLI::App& app, int argc, char const* const* argv)
    {
        app.description("Tells how far a batch is, by its journal.");
        app.name("batch_submit status");
        app.add_option("JOURNAL", journal_, "file, or postgresql://...")->required();
        app.add_option("--batch", batch_, "name of the batch, in PostgreSQL");
        app.add_flag("--json", is_json_, "as one JSON object");
        app.add_flag("--watch", is_watching_, "tell it again every second until nothing is left to do");
        app.parse(argc, argv);
    }

    int run()
    {
        std::error_code ignored;
        if (!is_postgresql(journal_) && !std::filesystem::exists(journal_, ignored))
            throw std::invalid_argument("there is no journal " + shown(journal_));
        if (is_postgresql(journal_) && batch_.empty())
            throw std::invalid_argument("--batch must name the batch");
        boost::asio::io_context context(1);
        std::exception_ptr failed;
        boost::asio::co_spawn(context, tell(), [&](std::exception_ptr thrown) { failed = thrown; });
        context.run();
        if (failed)
            std::rethrow_exception(failed);
        return out_.failure() ? 1 : 0;
    }

private:
    using state = apimart::journal_state;

    boost::asio::awaitable<void> tell()
    {
        auto const executor = co_await boost::asio::this_coro::executor;
        apimart::journal_base books = open_journal(executor, journal_, batch_, std::nullopt);
        for (;;) {
            apimart::journal_counts const counts = co_await books.counts();
            std::vector<apimart::journal_record> unknown;
            for (state const each : {state::unknown, state::intended}) {
                apimart::journal_query query;
                query.only = each;
                std::vector<apimart::journal_record> const some = co_await books.list(query);
                unknown.insert(unknown.end(), some.begin(), some.end());
            }
            bool const over = counts[state::planned] + counts[state::intended] + counts[state::accepted] == 0;
            bool const again = is_watching_ && !over && !out_.failure();
            std::string const text = is_json_ ? json(counts, unknown) : table(counts, unknown);
            if (is_watching_ && ::isatty(STDOUT_FILENO) == 1)
                out_.write("\x1b[H\x1b[2J");
            out_.write(text);
            if (!again)
                co_return;
            boost::asio::steady_timer second(executor, std::chrono::seconds(1));
            co_await second.async_wait(boost::asio::use_awaitable);
        }
    }

    static std::string table(apimart::journal_counts const& counts,
                             std::vector<apimart::journal_record> const& unknown)
    {
        std::string text;
        for (std::size_t i = 0; i < apimart::journal_state_count; ++i) {
            auto const each = static_cast<state>(i);
            if (counts[each] == 0)
                continue;
            std::string name(to_string(each));
            name.resize(10, ' ');
            text += name + std::to_string(counts[each]) + "\n";
        }
        text += "total     " + std::to_string(counts.total()) + "\n";
        if (counts.held_by_others != 0)
            text += std::to_string(counts.held_by_others) + " of them in the hands of a process\n";
        if (counts.cost_micro_usd != 0)
            text += "$" + decimal(static_cast<double>(counts.cost_micro_usd) / 1e6, 6) + "\n";
        for (apimart::journal_record const& each : unknown)
            text += "line " + std::to_string(each.index + 1) + " " +
                    (each.state == state::unknown ? "may have been bought"
                                                  : "is being bought, or was when its process died") +
                    ": sent under Idempotency-Key " + each.idempotency_key + at(each) + "\n";
        return text;
    }

    static std::string at(apimart::journal_record const& of)
    {
        return of.intended ? " at " + time_text(*of.intended) : "";
    }

    static std::string json(apimart::journal_counts const& counts,
                            std::vector<apimart::journal_record> const& unknown)
    {
        std::string text = "{";
        for (std::size_t i = 0; i < apimart::journal_state_count; ++i) {
            auto const each = static_cast<state>(i);
            text += "\"" + std::string(to_string(each)) + "\":" + std::to_string(counts[each]) + ",";
        }
        text += "\"total\":" + std::to_string(counts.total()) +
                ",\"cost_usd\":" + decimal(static_cast<double>(counts.cost_micro_usd) / 1e6, 6) +
                ",\"unresolved\":[";
        for (std::size_t i = 0; i < unknown.size(); ++i)
            text += std::string(i == 0 ? "" : ",") + "{\"line\":" + std::to_string(unknown[i].index + 1) +
                    ",\"state\":\"" + std::string(to_string(unknown[i].state)) +
                    "\",\"idempotency_key\":" + json_text(unknown[i].idempotency_key) + ",\"intended\":" +
                    (unknown[i].intended ? json_text(time_text(*unknown[i].intended)) : "null") + "}";
        return text + "]}\n";
    }

    std::string journal_;
    std::string batch_;
    bool is_json_ = false;
    bool is_watching_ = false;
    checked_output out_{STDOUT_FILENO};
};

} // namespace batch_submit

#endif
