// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_REQUIRED_PARAMETERS_HPP
#define APIMART_VALIDATION_REQUIRED_PARAMETERS_HPP

#include <apimart/validation/request_body.hpp>

namespace apimart {

template <class Model, std::size_t Count>
class storyboard_draft;

/// What a request needs; the compiler says its name where something of it is missing.
template <class... Parameters>
struct needs
{
    static constexpr std::size_t count = sizeof...(Parameters);
};

namespace detail {

template <class Done, class... Rest>
struct last_tag;
template <class... Done, class Last>
struct last_tag<tag_list<Done...>, Last>
{
    using leading = tag_list<Done...>;
    using last = Last;
};
template <class... Done, class First, class Second, class... Rest>
struct last_tag<tag_list<Done...>, First, Second, Rest...>
    : last_tag<tag_list<Done..., First>, Second, Rest...>
{};

template <class Tags>
struct last_of;
template <>
struct last_of<tag_list<>>
{
    using leading = tag_list<>;
    using last = void;
};
template <class... Tags>
struct last_of<tag_list<Tags...>> : last_tag<tag_list<>, Tags...>
{};

template <class Model, class Kind>
using constructor_tags =
    typename std::remove_cvref_t<decltype(Kind::template table_of<Model>())>::constructor_tags;

template <class... Tags>
needs<Tags...> needs_for(tag_list<Tags...>);

template <class Model, class Kind>
using needs_of = decltype(needs_for(constructor_tags<Model, Kind>{}));

template <class Model>
using shots_parameter = typename last_of<constructor_tags<Model, kind::storyboard>>::last;

// What the last required parameter is decides what a constructor looks like.
enum class last_part
{
    value,
    list,
    shots
};

template <class Model, class Kind>
constexpr last_part last_part_of() noexcept
{
    last_part result = last_part::value;
    for (parameter_spec const& one : Kind::template table_of<Model>().rows)
        if (one.constructs())
            result = one.values.kind == value_kind::urls ? last_part::list
                     : one.values.kind == value_kind::shots || one.values.kind == value_kind::shot_script
                         ? last_part::shots
                         : last_part::value;
    return result;
}

// The constructors of a request, made from the required rows of its table: the parameters in the order of the table.
template <class Model, class Kind, class Tags, last_part Last>
class required_parameters;

template <class Model, class Kind, class... Parameters>
class required_parameters<Model, Kind, tag_list<Parameters...>, last_part::value> : public request_body
{
public:
    explicit required_parameters(argument<Model, Kind, Parameters>... parts)
        : request_body(Model::id, Kind::template table_of<Model>().rows)
    {
        (this->store(Parameters::name, parts), ...);
    }

protected:
    required_parameters(from_json_tag tag, boost::json::object body, beside_body beside)
        : request_body(tag, std::move(body), std::move(beside))
    {}
};

template <class Model, class Kind, class Leading, class List>
class parts_before_list;

template <class Model, class Kind, class... Parameters, class List>
class parts_before_list<Model, Kind, tag_list<Parameters...>, List> : public request_body
{
    template <std::size_t Position>
    using entry = list_entry<Model, Kind, List, Position>;

public:
    explicit parts_before_list(argument<Model, Kind, Parameters>... parts, entry<0> first,
                               entry<1> second = {}, entry<2> third = {}, entry<3> fourth = {},
                               entry<4> fifth = {}, entry<5> sixth = {}, entry<6> seventh = {},
                               entry<7> eighth = {})
        : request_body(Model::id, Kind::template table_of<Model>().rows)
    {
        (this->store(Parameters::name, parts), ...);
        this->store_list(List::name, {first, second, third, fourth, fifth, sixth, seventh, eighth});
    }

    /// The same with a list whose length is known only at run time.
    template <class Range>
        requires accepts_range<Model, Kind, List, Range>
    explicit parts_before_list(argument<Model, Kind, Parameters>... parts, Range const& entries)
        : request_body(Model::id, Kind::template table_of<Model>().rows)
    {
        (this->store(Parameters::name, parts), ...);
        this->store_range(List::name, entries);
    }

protected:
    parts_before_list(from_json_tag tag, boost::json::object body, beside_body beside)
        : request_body(tag, std::move(body), std::move(beside))
    {}
};

template <class Model, class Kind, class Tags>
class required_parameters<Model, Kind, Tags, last_part::list>
    : public parts_before_list<Model, Kind, typename last_of<Tags>::leading, typename last_of<Tags>::last>
{
    using base =
        parts_before_list<Model, Kind, typename last_of<Tags>::leading, typename last_of<Tags>::last>;

public:
    using base::base;
};

template <class Model, class Kind, class Tags>
class required_parameters<Model, Kind, Tags, last_part::shots> : public request_body
{
public:
    /// Takes the shots of a storyboard that was checked while compiling.
    template <std::size_t Count>
    required_parameters(storyboard_draft<Model, Count> const& draft)
        : request_body(Model::id, Kind::template table_of<Model>().rows)
    {
        this->store_shots(place(), parameter::duration::name, draft.shots());
    }

    /// Takes shots that are known only at run time.
    template <class Shots>
        requires range_of_shots<Shots>
    explicit required_parameters(Shots const& shots)
        : request_body(Model::id, Kind::template table_of<Model>().rows)
    {
        this->store_shots(place(), parameter::duration::name, shots);
    }

protected:
    required_parameters(from_json_tag tag, boost::json::object body, beside_body beside)
        : request_body(tag, std::move(body), std::move(beside))
    {}

private:
    static parameter_spec const& place() noexcept
    {
        return row_of<Model, Kind, typename last_of<Tags>::last>;
    }
};

template <class Model, class Kind>
using parts_of = required_parameters<Model, Kind, constructor_tags<Model, Kind>, last_part_of<Model, Kind>()>;

} // namespace detail
} // namespace apimart

#endif
