// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_REQUEST_REQUEST_BODY_HPP
#define APIMART_DETAIL_REQUEST_REQUEST_BODY_HPP

#include <apimart/detail/request/shot_script.hpp>
#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/shot.hpp>
#include <apimart/parameter/subject.hpp>
#include <apimart/parameter/table.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {
namespace detail {

inline constexpr std::string_view model_field = "model";

struct restored
{};

inline boost::json::value json_of(constant const& value)
{
    switch (value.holds()) {
    case constant::type::number:
        return value.number();
    case constant::type::boolean:
        return value.flag();
    case constant::type::text:
        return boost::json::string_view(value.text());
    case constant::type::nothing:
        break;
    }
    return nullptr;
}

// The part of a request that does not depend on the model: the JSON body and how values get into it.
class request_body
{
public:
    /// The JSON object that would be sent; `model` comes first.
    boost::json::object const& body() const noexcept { return body_; }

    /// The JSON text that would be sent.
    std::string serialize() const { return boost::json::serialize(body_); }

    /// Names that were added with `extra`.
    std::span<std::string const> extras() const noexcept { return extras_; }

    boost::json::object body_copy() const { return body_; }
    std::vector<std::string> extras_copy() const { return extras_; }
    boost::json::object take_body() && { return std::move(body_); }
    std::vector<std::string> take_extras() && { return std::move(extras_); }

protected:
    request_body(restored, boost::json::object body, std::vector<std::string> extras)
        : body_(std::move(body)), extras_(std::move(extras))
    {}

    request_body(std::string_view model, std::span<row const> rows)
    {
        body_.reserve(8);
        body_[boost::json::string_view(model_field)] = boost::json::string_view(model);
        for (row const& one : rows)
            if (one.how == need::implied)
                store(one.name, one.fixed);
    }

    void store(std::string_view name, argument_value const& value) { value.store_in(body_, name); }

    void store(std::string_view name, constant const& value)
    {
        body_[boost::json::string_view(name)] = json_of(value);
    }

    boost::json::array& store_empty_list(std::string_view name)
    {
        return body_[boost::json::string_view(name)].emplace_array();
    }

    void store_extra(std::string_view name, boost::json::value value)
    {
        body_[boost::json::string_view(name)] = std::move(value);
        for (std::string const& known : extras_)
            if (known == name)
                return;
        extras_.emplace_back(name);
    }

    // Numbers the shots and computes their total, so that the two cannot disagree.
    template <class Shots>
    void store_shots(row const& place, std::string_view length_name, Shots const& shots)
    {
        shot_writer writer(*this, place);
        for (auto const& one : shots)
            writer.add(one.text(), one.length().count());
        writer.finish(length_name);
    }

    static void append(boost::json::array& list, std::string_view url)
    {
        list.emplace_back(boost::json::string_view(url));
    }
    template <std::size_t Pictures>
    static void append(boost::json::array& list, subject<Pictures> const& one)
    {
        list.emplace_back(one.json());
    }

private:
    class shot_writer
    {
    public:
        shot_writer(request_body& request, row const& place) : request_(request), place_(place)
        {
            if (place_.values.kind == value_kind::shots)
                list_ = &request_.store_empty_list(place_.name);
        }

        void add(std::string_view text, std::int64_t seconds)
        {
            ++count_;
            total_ += seconds;
            if (list_ == nullptr) {
                append_shot(script_, static_cast<std::size_t>(count_), seconds, text);
                return;
            }
            boost::json::object& entry = list_->emplace_back(boost::json::object_kind).get_object();
            entry.reserve(3);
            entry[boost::json::string_view(shot_field::index)] = count_;
            entry[boost::json::string_view(shot_field::prompt)] = boost::json::string_view(text);
            entry[boost::json::string_view(shot_field::duration)] = seconds;
        }

        void finish(std::string_view length_name)
        {
            if (list_ == nullptr)
                request_.body_[boost::json::string_view(place_.name)] = script_;
            request_.body_[boost::json::string_view(length_name)] = total_;
        }

    private:
        request_body& request_;
        row const& place_;
        boost::json::array* list_ = nullptr;
        std::string script_;
        std::int64_t count_ = 0;
        std::int64_t total_ = 0;
    };

    boost::json::object body_;
    std::vector<std::string> extras_;
};

template <class Range>
concept range_of_texts =
    std::ranges::input_range<Range const> && !std::convertible_to<Range const&, std::string_view> &&
    std::convertible_to<std::ranges::range_reference_t<Range const>, std::string_view>;

template <class Range>
concept range_of_shots = std::ranges::input_range<Range const> && requires(Range const& shots)
{
    {
        (*std::ranges::begin(shots)).text()
        } -> std::convertible_to<std::string_view>;
    {
        (*std::ranges::begin(shots)).length()
        } -> std::convertible_to<std::chrono::seconds>;
};

template <class T>
inline constexpr bool is_subject = false;
template <std::size_t Pictures>
inline constexpr bool is_subject<subject<Pictures>> = true;

template <class T>
concept run_time_subject = std::convertible_to<T, subject<>>;

template <class Range>
concept range_of_subjects =
    std::ranges::input_range<Range const> && run_time_subject<std::ranges::range_reference_t<Range const>>;

template <class T>
inline constexpr std::size_t picture_count = std::dynamic_extent;
template <std::size_t Pictures>
inline constexpr std::size_t picture_count<subject<Pictures>> = Pictures;

constexpr bool allows_pictures(value_rule const& rule, std::size_t count) noexcept
{
    return count == std::dynamic_extent || (static_cast<std::int64_t>(count) >= rule.item_smallest &&
                                            static_cast<std::int64_t>(count) <= rule.item_largest);
}

} // namespace detail

/// Whether each subject of a list parameter may have so many pictures.
template <class Model, class Kind, class Parameter, std::size_t Pictures>
concept accepts_pictures_per_subject = detail::allows_pictures(detail::row_of<Model, Kind, Parameter>.values,
                                                               Pictures);

/// Whether `Item` is an entry of that list parameter: a URL of a list of URLs, a subject of a list of
/// subjects.
template <class Model, class Kind, class Parameter, class Item>
concept accepts_item = (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::urls &&
                        std::convertible_to<Item const&, std::string_view>) ||
                       (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::subjects &&
                        detail::is_subject<Item>);

/// Whether `Range` is a range of entries of that list parameter.
template <class Model, class Kind, class Parameter, class Range>
concept accepts_range = (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::urls &&
                         detail::range_of_texts<Range>) ||
                        (detail::row_of<Model, Kind, Parameter>.values.kind == value_kind::subjects &&
                         detail::range_of_subjects<Range>);

} // namespace apimart

#endif
