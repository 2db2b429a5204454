// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POSTGRESQL_JOURNAL_OPTIONS_HPP
#define APIMART_POSTGRESQL_JOURNAL_OPTIONS_HPP

#include <chrono>

namespace apimart {

struct postgresql_journal_options
{
    /// How long an item stays this process's after its last sign of life, which it gives three times as often. The items of a
    /// process that has died are taken by others after that.
    std::chrono::milliseconds lease = std::chrono::seconds(30);
    /// How long an operation waits for a server that has been reached before and is gone; then it ends with
    /// `errc::journal_failed`.
    std::chrono::milliseconds patience = std::chrono::seconds(30);
    /// For looking only: nothing is made in the database, and every step is refused with `errc::journal_conflict`.
    bool read_only = false;
};

} // namespace apimart

#endif
