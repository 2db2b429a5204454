// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_ELEMENT_HPP
#define APIMART_PARAMETER_ELEMENT_HPP

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace apimart {

namespace detail {

template <class Range>
concept range_of_texts = !std::convertible_to<Range const&, std::string_view> && requires(Range const& texts)
{
    {
        *std::begin(texts)
        } -> std::convertible_to<std::string_view>;
    std::end(texts);
};

} // namespace detail

namespace detail::subject_field {

// Members of one entry of the subject list.
inline constexpr std::string_view name = "name";
inline constexpr std::string_view description = "description";
inline constexpr std::string_view pictures = "element_input_urls";

} // namespace detail::subject_field

/// Somebody or something that the prompt refers to as `@name` (api-reference.md 3.4).
///
/// `subject("element_dog", "a brown corgi", front, side)`: the first picture is the frontal view. The number
/// of pictures is part of the type and is judged while compiling; made from a range of URLs, it is judged at
/// run time.
template <std::size_t Pictures = std::dynamic_extent>
class subject
{
public:
    template <std::convertible_to<std::string_view>... Urls>
        requires(Pictures == sizeof...(Urls))
    subject(std::string_view name, std::string_view description, Urls const&... urls)
    {
        begin(name, description);
        (add(std::string_view(urls)), ...);
    }

    template <detail::range_of_texts Urls>
        requires(Pictures == std::dynamic_extent)
    subject(std::string_view name, std::string_view description, Urls const& urls)
    {
        begin(name, description);
        for (auto&& url : urls)
            add(std::string_view(url));
    }

    /// A subject whose number of pictures is known is also one whose number is known only at run time.
    template <std::size_t Known>
        requires(Pictures == std::dynamic_extent && Known != std::dynamic_extent)
    subject(subject<Known> const& other) : entry_(other.json()) {}

    boost::json::object const& json() const noexcept { return entry_; }

private:
    void begin(std::string_view name, std::string_view description)
    {
        entry_.reserve(3);
        entry_[boost::json::string_view(detail::subject_field::name)] = boost::json::string_view(name);
        entry_[boost::json::string_view(detail::subject_field::description)] =
            boost::json::string_view(description);
        entry_[boost::json::string_view(detail::subject_field::pictures)].emplace_array();
    }
    void add(std::string_view url)
    {
        entry_[boost::json::string_view(detail::subject_field::pictures)].get_array().emplace_back(
            boost::json::string_view(url));
    }

    boost::json::object entry_;
};

template <class... Urls>
    requires(std::convertible_to<Urls const&, std::string_view>&&...)
subject(std::string_view, std::string_view, Urls const&...)
->subject<sizeof...(Urls)>;

template <detail::range_of_texts Urls>
subject(std::string_view, std::string_view, Urls const&) -> subject<std::dynamic_extent>;

} // namespace apimart

#endif
