// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNAL_IPP
#define APIMART_JOURNAL_IPP

#include <apimart/journal.hpp>
#include <apimart/journals/memory_store.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace apimart::detail {

APIMART_INLINE std::shared_ptr<journal_store> make_memory_store(boost::asio::any_io_executor const& on)
{
    return std::make_shared<memory_store>(on);
}

} // namespace apimart::detail

#endif
