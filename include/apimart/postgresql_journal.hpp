// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POSTGRESQL_JOURNAL_HPP
#define APIMART_POSTGRESQL_JOURNAL_HPP

#include <apimart/journal.hpp>
#include <apimart/postgresql_journal_options.hpp>

#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <utility>

namespace apimart {

namespace detail {

std::shared_ptr<journal_store> make_postgresql_store(boost::asio::any_io_executor const& on,
                                                     std::string const& address, std::string batch,
                                                     postgresql_journal_options const& options);

} // namespace detail

/// A journal in a PostgreSQL database, which any number of processes and machines share: each item is in the hands of one of
/// them at a time, and when that one dies, another gets it. It needs libpq: the CMake target `apimart::postgresql_journal`, or
/// `-lpq` and, with APIMART_SEPARATE_COMPILATION, one source file that includes `apimart/postgresql_journal.ipp`.
///
/// `address` is a connection string or URI of libpq; its passwords are never shown. `batch` is the caller's name for the
/// batch, the same in all processes. The tables, named `apimart_...`, are made by whoever comes first. Read them with
/// `psql -c 'select * from apimart_status'`. The requests' JSON is kept there until their videos exist.
///
/// Errors, beside those of `journal_base`: the constructor throws `error` with `errc::invalid_configuration` for an address
/// that is none. The connection is made by the first operation; while none was ever made, operations end with
/// `errc::journal_failed` at once, later they wait for the server for `postgresql_journal_options::patience`. A step whose
/// answer was lost with the connection is made again, which changes nothing where it was made before.
/// `errc::journal_unusable` where the tables are another version's or somebody else's.
/// Lifetime: as `journal_base`. While this process holds an item that is planned, intended or accepted, it renews its lease,
/// and the execution context has work: `release` what will not go on. With the last copy, all is given back and the
/// connection closed, as long as the execution context runs. In a forked child, operations end with `errc::used_after_fork`.
/// Thread safety: as `journal_base`; no thread of its own. The name of the server is looked up by libpq, which blocks; give
/// `hostaddr` where that matters.
class postgresql_journal : public journal_base
{
public:
    postgresql_journal(executor_type const& executor, std::string const& address, std::string batch,
                       postgresql_journal_options options = {})
        : journal_base(detail::make_postgresql_store(executor, address, std::move(batch), options))
    {}
    /// The same on the executor of an execution context.
    template <std::derived_from<boost::asio::execution_context> Context>
    postgresql_journal(Context& context, std::string const& address, std::string batch,
                       postgresql_journal_options options = {})
        : postgresql_journal(executor_type(context.get_executor()), address, std::move(batch), options)
    {}
};

static_assert(journal<postgresql_journal>);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/postgresql_journal.ipp>
#endif

#endif
