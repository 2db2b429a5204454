// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_VOCABULARY_HPP
#define APIMART_PARAMETER_VOCABULARY_HPP

#include <cstdint>
#include <string_view>

namespace apimart::detail {

#define APIMART_PARAMETER(tag, words) tag,
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
enum class parameter_index : std::uint8_t
{
#include <apimart/parameter/list.hpp>
    count
};

} // namespace apimart::detail

/// Tags of the parameters, named exactly as the JSON fields they stand for.
///
/// Example: `static_assert(apimart::accepts<M, kind::text_to_video, parameter::seed>);`
namespace apimart::parameter {

#define APIMART_PARAMETER(tag, words)                                                                        \
    struct tag                                                                                               \
    {                                                                                                        \
        static constexpr std::string_view name = #tag;                                                       \
        static constexpr std::string_view description = words;                                               \
        static constexpr detail::parameter_index index = detail::parameter_index::tag;                       \
    };
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>

} // namespace apimart::parameter

/// The words that tables are written in, and the models written in them.
namespace apimart::tables {

#define APIMART_PARAMETER(tag, words) inline constexpr parameter::tag tag{};
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>

} // namespace apimart::tables

#endif
