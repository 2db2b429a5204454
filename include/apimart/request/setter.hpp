// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_REQUEST_SETTER_HPP
#define APIMART_REQUEST_SETTER_HPP

#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/standing.hpp>
#include <apimart/validation/request_body.hpp>

#include <cstddef>
#include <utility>

// A request has one base for each parameter that it accepts, with the setter, so that an editor offers these and no other;
// and one for each parameter that it does not accept, with a private function of the same name, so that the compiler says
// why not, and a `requires` says no.
namespace apimart {

template <class Model, class Kind>
class request;

/// Where a parameter is set that cannot be set, the compiler says that its setter is a private member of this.
template <class Model, class Kind, class Parameter, class Reason>
class not_accepted;

#define APIMART_PARAMETER(tag, words)                                                                        \
    template <class Model, class Kind, class Reason>                                                         \
    class not_accepted<Model, Kind, parameter::tag, Reason>                                                  \
    {                                                                                                        \
        template <class... Given>                                                                            \
        request<Model, Kind>&& tag(Given const&...);                                                         \
    };
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>

namespace detail {

#define APIMART_PARAMETER(tag, words) , parameter::tag
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
template <class, class... Tags>
struct tags_after
{
    using type = tag_list<Tags...>;
};
using all_parameters = tags_after<void
#include <apimart/parameter/list.hpp>
                                  >::type;

#define APIMART_ENTRIES                                                                                      \
    entry<0> first, entry<1> second = {}, entry<2> third = {}, entry<3> fourth = {}, entry<4> fifth = {},    \
                             entry<5> sixth = {}, entry<6> seventh = {}, entry<7> eighth = {}

// Setters of a request: of one that stays, and of a temporary.
namespace of_request {

template <class Made, class Model, class Kind, class Parameter>
class setter;

#define APIMART_SETTER(tag)                                                                                  \
    Made& tag(argument<Model, Kind, parameter::tag> tag)&                                                    \
    {                                                                                                        \
        static_cast<Made&>(*this).store(parameter::tag::name, tag);                                          \
        return static_cast<Made&>(*this);                                                                    \
    }                                                                                                        \
    Made&& tag(argument<Model, Kind, parameter::tag> tag)&&                                                  \
    {                                                                                                        \
        static_cast<Made&>(*this).store(parameter::tag::name, tag);                                          \
        return static_cast<Made&&>(*this);                                                                   \
    }
#define APIMART_LIST_SETTER(tag)                                                                             \
    Made& tag(APIMART_ENTRIES)&                                                                              \
    {                                                                                                        \
        static_cast<Made&>(*this).store_list(parameter::tag::name,                                           \
                                             {first, second, third, fourth, fifth, sixth, seventh, eighth}); \
        return static_cast<Made&>(*this);                                                                    \
    }                                                                                                        \
    Made&& tag(APIMART_ENTRIES)&&                                                                            \
    {                                                                                                        \
        static_cast<Made&>(*this).store_list(parameter::tag::name,                                           \
                                             {first, second, third, fourth, fifth, sixth, seventh, eighth}); \
        return static_cast<Made&&>(*this);                                                                   \
    }                                                                                                        \
    template <class Range>                                                                                   \
    requires accepts_range<Model, Kind, parameter::tag, Range> Made& tag(Range const& entries)&              \
    {                                                                                                        \
        static_cast<Made&>(*this).store_range(parameter::tag::name, entries);                                \
        return static_cast<Made&>(*this);                                                                    \
    }                                                                                                        \
    template <class Range>                                                                                   \
        requires accepts_range<Model, Kind, parameter::tag, Range> Made && tag(Range const& entries) && {    \
            static_cast<Made&>(*this).store_range(parameter::tag::name, entries);                            \
            return static_cast<Made&&>(*this);                                                               \
        }
#include <apimart/request/setters.inc>

} // namespace of_request

// Setters of a storyboard that was checked while compiling: they make a request of it.
namespace of_draft {

template <class Made, class Model, class Kind, class Parameter>
class setter;

#define APIMART_SETTER(tag)                                                                                  \
    request<Model, Kind> tag(argument<Model, Kind, parameter::tag> tag) const                                \
    {                                                                                                        \
        return request<Model, Kind>(static_cast<Made const&>(*this)).tag(tag);                               \
    }
#define APIMART_LIST_SETTER(tag)                                                                             \
    request<Model, Kind> tag(APIMART_ENTRIES) const                                                          \
    {                                                                                                        \
        return request<Model, Kind>(static_cast<Made const&>(*this))                                         \
            .tag(first, second, third, fourth, fifth, sixth, seventh, eighth);                               \
    }                                                                                                        \
    template <class Range>                                                                                   \
        requires accepts_range<Model, Kind, parameter::tag, Range> request<Model, Kind> tag(                 \
            Range const& entries)                                                                            \
    const                                                                                                    \
    {                                                                                                        \
        return request<Model, Kind>(static_cast<Made const&>(*this)).tag(entries);                           \
    }
#include <apimart/request/setters.inc>

} // namespace of_draft

#undef APIMART_ENTRIES

template <class Model, class Kind, class Parameter>
inline constexpr standing_of parameter_standing =
    standings<Model, Kind>[static_cast<std::size_t>(Parameter::index)];

// The base for one parameter: the setter of the kind that is asked for, or the reason why there is none.
template <standing What>
struct base_for
{
    template <template <class, class, class, class> class Setter, class Made, class Model, class Kind,
              class Parameter>
    using type =
        not_accepted<Model, Kind, Parameter,
                     typename reason_for<What, parameter_standing<Model, Kind, Parameter>.which>::type>;
};
template <>
struct base_for<standing::settable>
{
    template <template <class, class, class, class> class Setter, class Made, class Model, class Kind,
              class Parameter>
    using type = Setter<Made, Model, Kind, Parameter>;
};

template <template <class, class, class, class> class Setter, class Made, class Model, class Kind,
          class Parameter>
using setter_or_reason =
    typename base_for<parameter_standing<Model, Kind, Parameter>.what>::template type<Setter, Made, Model,
                                                                                      Kind, Parameter>;

template <template <class, class, class, class> class Setter, class Made, class Model, class Kind,
          class Parameters = all_parameters>
class setters;
template <template <class, class, class, class> class Setter, class Made, class Model, class Kind,
          class... Parameters>
class setters<Setter, Made, Model, Kind, tag_list<Parameters...>>
    : public setter_or_reason<Setter, Made, Model, Kind, Parameters>...
{};

} // namespace detail
} // namespace apimart

#endif
