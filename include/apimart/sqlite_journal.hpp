// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SQLITE_JOURNAL_HPP
#define APIMART_SQLITE_JOURNAL_HPP

#include <apimart/journal.hpp>

#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <memory>
#include <string>

namespace apimart {

namespace detail {

std::shared_ptr<journal_store> make_sqlite_store(boost::asio::any_io_executor const& on,
                                                 std::string const& path, bool read_only);

} // namespace detail

struct sqlite_journal_options
{
    /// For looking only, also while another process writes; every step is refused with `errc::journal_conflict`.
    bool read_only = false;
};

/// A journal in a file, for one process at a time. It needs SQLite: the CMake target `apimart::sqlite_journal`, or
/// `-lsqlite3` and, with APIMART_SEPARATE_COMPILATION, one source file that includes `apimart/sqlite_journal.ipp`.
///
/// `intend`, `settle`, `resolve` and `resubmit` are on the disk when they complete; those that wait at one time share one sync.
/// The file and those that SQLite
/// puts beside it (`-wal`, `-shm`) belong together; it is made with mode 0600. Read it with the shell:
/// `sqlite3 trailers.journal 'select * from status'`.
///
/// Errors, beside those of `journal_base`: the constructor throws `error` with `errc::journal_in_use` where another process
/// or another object writes it, `errc::journal_unusable` where the file is no journal of this version or is damaged,
/// `errc::journal_failed` where it cannot be opened or made. After an I/O error each further operation ends with
/// `errc::journal_failed` until the file is opened anew; after a full disk, the next one may succeed.
/// Lifetime: as `journal_base`. The end of the last copy waits until what was asked for is written; the end of the execution
/// context waits for what is being written. In a forked child, operations end with `errc::used_after_fork`.
/// Thread safety: as `journal_base`. It has one thread of its own. The constructor blocks, for as long as reading the whole
/// file takes. Memory: what waits at one time, and what SQLite keeps of a file, a few megabytes.
class sqlite_journal : public journal_base
{
public:
    sqlite_journal(executor_type const& executor, std::string const& path,
                   sqlite_journal_options options = {})
        : journal_base(detail::make_sqlite_store(executor, path, options.read_only))
    {}
    /// The same on the executor of an execution context.
    template <std::derived_from<boost::asio::execution_context> Context>
    sqlite_journal(Context& context, std::string const& path, sqlite_journal_options options = {})
        : sqlite_journal(executor_type(context.get_executor()), path, options)
    {}
};

static_assert(journal<sqlite_journal>);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/sqlite_journal.ipp>
#endif

#endif
