// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_REQUEST_BODY_HPP
#define APIMART_VALIDATION_REQUEST_BODY_HPP

#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/element.hpp>
#include <apimart/parameter/shot.hpp>
#include <apimart/parameter/static_list.hpp>
#include <apimart/parameter/table.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {
namespace detail {

inline constexpr std::string_view model_field = "model";

struct from_json_tag
{};

// What a request knows beside its body.
class beside_body
{
public:
    beside_body() {}
    beside_body(std::vector<std::string> extras, std::vector<std::string> files)
        : extra_fields(std::move(extras)), local_files(std::move(files))
    {}

    // Names of the fields that no table knows and that are sent on purpose.
    std::vector<std::string> extra_fields;
    // Texts of the body that name a local file by the caller's own word. The same text that came with somebody's JSON does
    // not: whoever fills in a form must not choose which files leave this machine.
    std::vector<std::string> local_files;
};

// The part of a request that does not depend on the model: the JSON body and how values get into it.
class request_body
{
public:
    /// The JSON object that would be sent; `model` comes first.
    boost::json::object const& body() const noexcept { return body_; }

    /// The JSON text that would be sent.
    std::string serialize() const;

    /// Names that were added with `extra_field`.
    std::span<std::string const> extra_fields() const noexcept;

protected:
    boost::json::object body_copy() const;
    beside_body beside_copy() const;
    boost::json::object take_body() &&;
    beside_body take_beside() &&;

    request_body(from_json_tag, boost::json::object body, beside_body beside);
    request_body(std::string_view model, static_list<parameter_spec> rows);

    void store(std::string_view name, argument_value const& value);
    void store(std::string_view name, constant const& value);
    boost::json::array& store_empty_list(std::string_view name);
    void store_list(std::string_view name, std::initializer_list<argument_value> entries);
    void store_extra(std::string_view name, boost::json::value value);

    // Numbers the shots and computes their total, so that the two cannot disagree.
    template <class Shots>
    void store_shots(parameter_spec const& place, std::string_view length_name, Shots const& shots)
    {
        shot_writer writer(*this, place);
        for (auto const& one : shots)
            writer.add(one.text(), one.duration().count());
        writer.finish(length_name);
    }

    void append(boost::json::array& list, std::string_view url);
    void append(boost::json::array& list, image_file const& file);
    void append(boost::json::array& list, element_entry const& entry);

    // Stores a range of URLs, local files or elements whose length is known only at run time.
    template <class Range>
    void store_range(std::string_view name, Range const& items)
    {
        boost::json::array& list = store_empty_list(name);
        for (auto const& one : items)
            if constexpr (std::convertible_to<decltype(one), std::string_view>)
                append(list, std::string_view(one));
            else
                append(list, one);
    }

private:
    class shot_writer
    {
    public:
        shot_writer(request_body& request, parameter_spec const& place);
        void add(std::string_view text, std::int64_t seconds);
        void finish(std::string_view length_name);

    private:
        request_body& request_;
        parameter_spec const& place_;
        boost::json::array* list_ = nullptr;
        std::string script_;
        std::int64_t count_ = 0;
        std::int64_t total_ = 0;
    };

    boost::json::object body_;
    beside_body beside_;
};

template <class Range>
concept range_of_shots = requires(Range const& shots)
{
    {
        (*std::begin(shots)).text()
        } -> std::convertible_to<std::string_view>;
    {
        (*std::begin(shots)).duration()
        } -> std::convertible_to<std::chrono::seconds>;
    std::end(shots);
};

template <class T>
concept run_time_element = std::convertible_to<T, element<>>;

template <class Range>
concept range_of_elements = requires(Range const& elements)
{
    {
        *std::begin(elements)
        } -> run_time_element;
    std::end(elements);
};

} // namespace detail

/// Whether each element of a list parameter may have so many pictures.
template <class Model, class Kind, class Parameter, std::size_t Pictures>
concept accepts_pictures_per_element = detail::allows_pictures(detail::row_of<Model, Kind, Parameter>.values,
                                                               Pictures);

/// Whether `Range` is a range of entries of that list parameter.
template <class Model, class Kind, class Parameter, class Range>
concept accepts_range = (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::urls &&
                         (detail::range_of_texts<Range> ||
                          (detail::takes_picture(Parameter::name) && detail::range_of_image_files<Range>))) ||
                        (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::elements &&
                         detail::range_of_elements<Range>);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/validation/request_body.ipp>
#endif

#endif
