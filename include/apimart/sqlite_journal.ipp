// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SQLITE_JOURNAL_IPP
#define APIMART_SQLITE_JOURNAL_IPP

#include <apimart/journals/sqlite_store.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/sqlite_journal.hpp>

#include <memory>
#include <string>

namespace apimart::detail {

APIMART_INLINE std::shared_ptr<journal_store> make_sqlite_store(boost::asio::any_io_executor const& on,
                                                                std::string const& path, bool read_only)
{
    return std::make_shared<sqlite_store>(on, path, read_only);
}

} // namespace apimart::detail

#endif
