// The journal that a name on the command line stands for.
#ifndef APIMART_EXAMPLES_CHOSEN_JOURNAL_HPP
#define APIMART_EXAMPLES_CHOSEN_JOURNAL_HPP

#include "settings.hpp"

#include <apimart/journal.hpp>
#include <apimart/sqlite_journal.hpp>
#ifdef APIMART_EXAMPLES_WITH_POSTGRESQL
#include <apimart/postgresql_journal.hpp>
#endif

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace batch_submit {

inline bool is_postgresql(std::string_view name)
{
    return name.starts_with("postgresql://") || name.starts_with("postgres://");
}

// A batch is known by the name of its file, and kept beside its results.
inline std::string batch_name(settings const& chosen)
{
    if (!chosen.batch.empty())
        return chosen.batch;
    return chosen.requests == "-" ? "stdin" : std::filesystem::path(chosen.requests).filename().string();
}

inline std::string journal_name(settings const& chosen)
{
    if (!chosen.journal.empty())
        return chosen.journal;
    return (std::filesystem::path(chosen.out) / (batch_name(chosen) + ".journal")).string();
}

// For looking only without a lease. `none` is a journal that ends with the process. Throws `apimart::error` where another process has it, or it is none.
inline apimart::journal_base open_journal(boost::asio::any_io_executor const& on, std::string const& name,
                                          [[maybe_unused]] std::string const& batch,
                                          [[maybe_unused]] std::optional<std::chrono::milliseconds> lease)
{
    if (name == "none")
        return apimart::memory_journal(on);
    if (is_postgresql(name)) {
#ifdef APIMART_EXAMPLES_WITH_POSTGRESQL
        apimart::postgresql_journal_options options;
        options.lease = lease.value_or(options.lease);
        options.read_only = !lease;
        return apimart::postgresql_journal(on, name, batch, options);
#else
        throw std::invalid_argument("this batch_submit was built without PostgreSQL");
#endif
    }
    apimart::sqlite_journal_options options;
    options.read_only = !lease;
    return apimart::sqlite_journal(on, name, options);
}

} // namespace batch_submit

#endif
