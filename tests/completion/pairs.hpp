// SPDX-License-Identifier: BSL-1.0
//
// What is completed: every kind of every model by its position in `known_models`, and storyboards before they are requests.
#pragma once

#include <apimart/models.hpp>
#include <apimart/request.hpp>

#include <cstddef>
#include <tuple>
#include <utility>

namespace completion {

template <class Models>
struct tuple_of;
template <class... Models>
struct tuple_of<apimart::model_list<Models...>>
{
    using type = std::tuple<Models...>;
};

template <std::size_t Position>
using model = std::tuple_element_t<Position, tuple_of<apimart::known_models>::type>;

template <std::size_t Position>
using draft = apimart::storyboard_draft<model<Position>, 1>;

} // namespace completion
