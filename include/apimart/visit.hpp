// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VISIT_HPP
#define APIMART_VISIT_HPP

#include <apimart/any_request.hpp>
#include <apimart/models.hpp>

namespace apimart {

namespace detail {

template <class Model, class... Kinds, class Visitor>
bool visit_kinds(kind_list<Kinds...>, Visitor& visitor, any_request const& any)
{
    auto visited = [&]<class Kind>(Kind) {
        if constexpr (offers<Model, Kind>) {
            if (auto const typed = any.as<request<Model, Kind>>()) {
                visitor(*typed);
                return true;
            }
        }
        return false;
    };
    return (visited(Kinds{}) || ...);
}

template <class... Models, class Visitor>
bool visit_models(model_list<Models...>, Visitor& visitor, any_request const& any)
{
    return (visit_kinds<Models>(all_kinds{}, visitor, any) || ...);
}

} // namespace detail

/// Calls `visitor` with the request as the typed one that it is: some `request<Model, Kind> const&`.
///
/// Returns false, without a call, if the model is none of `Models`.
template <class Models = known_models, class Visitor>
bool visit(Visitor&& visitor, any_request const& any)
{
    return detail::visit_models(Models{}, visitor, any);
}

} // namespace apimart

#endif
