// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_MODEL_INFO_HPP
#define APIMART_PARAMETER_MODEL_INFO_HPP

#include <apimart/parameter/kind.hpp>
#include <apimart/parameter/static_list.hpp>
#include <apimart/parameter/table.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace apimart {

/// One kind of generation of one model, as seen at run time.
struct kind_info
{
    std::string_view name;
    static_list<parameter_spec> rows; ///< in the order of the documentation
    bool has_discriminator = false;   ///< the kind writes values of its own, which tell it from others
    bool writes_script = false;       ///< the kind writes its shots into a text

    /// The row of a parameter, those of all models included, or null.
    constexpr parameter_spec const* find(std::string_view parameter) const noexcept
    {
        for (parameter_spec const& one : rows)
            if (one.name == parameter)
                return &one;
        for (parameter_spec const& one : tables::common_parameters.rows)
            if (one.name == parameter)
                return &one;
        return nullptr;
    }
};

/// One model, as seen at run time. Refers to static storage.
struct model_info
{
    std::string_view id;
    static_list<kind_info> kinds;

    /// The kind of that name, or null.
    constexpr kind_info const* find(std::string_view kind) const noexcept
    {
        for (kind_info const& one : kinds)
            if (one.name == kind)
                return &one;
        return nullptr;
    }

    /// Whether some kind of this model has a row for the parameter.
    constexpr bool knows(std::string_view parameter) const noexcept
    {
        for (kind_info const& one : kinds)
            if (one.find(parameter) != nullptr)
                return true;
        return false;
    }
};

namespace detail {

constexpr kind_info describe_kind(std::string_view name, static_list<parameter_spec> rows) noexcept
{
    kind_info result{name, rows};
    for (parameter_spec const& one : rows) {
        result.has_discriminator = result.has_discriminator || one.requirement == requirement::discriminator;
        result.writes_script = result.writes_script || one.values.kind == value_kind::shot_script;
    }
    return result;
}

template <class Model, class... Kinds>
constexpr auto kinds_of(kind_list<Kinds...>) noexcept
{
    std::array<kind_info, (std::size_t{offers<Model, Kinds>} + ... + 0)> result{};
    kind_info* at = result.data();
    auto add = [&at]<class Kind>(Kind) {
        if constexpr (offers<Model, Kind>)
            *at++ = describe_kind(Kind::name, Kind::template table_of<Model>().rows);
    };
    (add(Kinds{}), ...);
    return result;
}

template <class Model>
inline constexpr auto kind_infos = kinds_of<Model>(all_kinds{});

} // namespace detail

/// The run-time view of a model.
template <video_model Model>
    requires(detail::kind_infos<Model>.size() != 0)
inline constexpr model_info info_of{Model::id, detail::kind_infos<Model>};

} // namespace apimart

#endif
