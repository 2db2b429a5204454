// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_ITEM_SOURCE_HPP
#define APIMART_RUNTIME_ITEM_SOURCE_HPP

#include <apimart/batch_item.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace apimart::detail {

// Where the items of a batch come from, without its type: one of both functions is set.
class item_source
{
public:
    std::function<std::optional<batch_item>()> take;
    std::function<boost::asio::awaitable<std::optional<batch_item>>()> wait;
    std::optional<std::uint64_t> size;
};

template <class Source>
concept item_range = std::ranges::input_range<Source> && std::ranges::viewable_range<Source> &&
    std::convertible_to<std::ranges::range_reference_t<Source>, batch_item>;

template <class Source>
concept item_coroutine = requires(std::decay_t<Source>& source)
{
    {
        source()
        } -> std::same_as<boost::asio::awaitable<std::optional<batch_item>>>;
};

/// What a batch can read its items from.
template <class Source>
concept batch_source = item_range<Source> || item_coroutine<Source>;

// A range, and how far it was read. It is begun when the first item is taken.
template <class Range>
class range_reader
{
public:
    explicit range_reader(Range&& range) : range_(std::move(range)) {}

    std::optional<batch_item> operator()()
    {
        if (at_)
            ++*at_;
        else
            at_.emplace(std::ranges::begin(range_));
        if (*at_ == std::ranges::end(range_))
            return std::nullopt;
        return std::optional<batch_item>(std::in_place, **at_);
    }

private:
    Range range_;
    std::optional<std::ranges::iterator_t<Range>> at_;
};

template <batch_source Source>
item_source make_item_source(Source&& source)
{
    item_source out;
    if constexpr (item_range<Source>) {
        using view = std::views::all_t<Source>;
        if constexpr (std::ranges::sized_range<Source>)
            out.size = static_cast<std::uint64_t>(std::ranges::size(source));
        // Behind a pointer, because a generator cannot be copied, and a function must be able to.
        out.take = [reader = std::make_shared<range_reader<view>>(
                        std::views::all(std::forward<Source>(source)))] { return (*reader)(); };
    } else {
        out.wait = [read = std::make_shared<std::decay_t<Source>>(std::forward<Source>(source))] {
            return (*read)();
        };
    }
    return out;
}

} // namespace apimart::detail

#endif
