// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_ITEM_HPP
#define APIMART_BATCH_ITEM_HPP

#include <apimart/any_request.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace apimart {

/// One request of a batch, with what the caller calls it.
///
/// Thread safety: distinct objects safe, shared objects unsafe.
class batch_item
{
public:
    batch_item() {}
    template <class Request>
        requires(std::convertible_to<Request&&, any_request> &&
                 !std::same_as<std::remove_cvref_t<Request>, batch_item>)
    batch_item(Request&& what, std::string called = {})
        : request(std::forward<Request>(what)), reference(std::move(called))
    {}

    any_request request;
    /// Comes back with the outcome; of any form.
    std::string reference;
    /// Its place in the batch, which a journal knows it by. Each may occur once, and all items of a batch have one of their
    /// own or none has; without, they are counted from zero.
    std::optional<std::uint64_t> index;
};

} // namespace apimart

#endif
