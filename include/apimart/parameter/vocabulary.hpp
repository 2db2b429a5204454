// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_VOCABULARY_HPP
#define APIMART_PARAMETER_VOCABULARY_HPP

#include <string_view>

/// Tags of the parameters, named exactly as the JSON fields they stand for.
///
/// Example: `static_assert(apimart::accepts<M, kind::text_to_video, parameter::seed>);`
namespace apimart::parameter {

#define APIMART_PARAMETER(tag, words)                                                                        \
    struct tag {                                                                                             \
        static constexpr std::string_view name = #tag;                                                       \
        static constexpr std::string_view description = words;                                               \
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
