// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POSTGRESQL_JOURNAL_IPP
#define APIMART_POSTGRESQL_JOURNAL_IPP

#include <apimart/journals/postgresql_store.hpp>
#include <apimart/postgresql_journal.hpp>
#include <apimart/separate_compilation.hpp>

#include <memory>
#include <string>
#include <utility>

namespace apimart::detail {

APIMART_INLINE std::shared_ptr<journal_store> make_postgresql_store(boost::asio::any_io_executor const& on,
                                                                    std::string const& address,
                                                                    std::string batch,
                                                                    postgresql_journal_options const& options)
{
    return std::make_shared<postgresql_store>(on, address, std::move(batch), options);
}

} // namespace apimart::detail

#endif
