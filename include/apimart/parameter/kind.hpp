// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_KIND_HPP
#define APIMART_PARAMETER_KIND_HPP

#include <concepts>
#include <string_view>

namespace apimart {

// The order is the order in which a JSON body is tried: a kind that leaves its mark in the body comes before
// one that is recognised by the absence of all marks.
#define APIMART_KINDS(X)                                                                                     \
    X(image_to_video)                                                                                        \
    X(image_reference)                                                                                       \
    X(storyboard)                                                                                            \
    X(intelligent_storyboard)                                                                                \
    X(motion_control)                                                                                        \
    X(text_to_video)

/// Tags of the kinds of generation. A model that offers a kind has a static member of the same name: its
/// table.
namespace kind {

#define APIMART_KIND(tag)                                                                                    \
    struct tag {                                                                                             \
        static constexpr std::string_view name = #tag;                                                       \
        template <class Model> static constexpr bool offered_by = requires { Model::tag; };                  \
        template <class Model> static constexpr auto const& table_of() noexcept { return Model::tag; }       \
    };
APIMART_KINDS(APIMART_KIND)
#undef APIMART_KIND

} // namespace kind

/// A model: a type with an `id` and one table per kind of generation it offers.
template <class T>
concept video_model = requires {
    { T::id } -> std::convertible_to<std::string_view>;
};

/// Whether `Model` offers generations of `Kind`.
template <class Model, class Kind>
concept offers = video_model<Model> && Kind::template offered_by<Model>;

namespace detail {

template <class... Kinds>
struct kind_list {};

#define APIMART_KIND(tag) , kind::tag
template <class, class... Kinds>
struct kinds_after
{
    using type = kind_list<Kinds...>;
};
using all_kinds = kinds_after<void APIMART_KINDS(APIMART_KIND)>::type;
#undef APIMART_KIND

} // namespace detail
} // namespace apimart

#undef APIMART_KINDS

#endif
