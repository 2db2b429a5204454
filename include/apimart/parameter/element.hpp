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

namespace detail::element_field {

// Members of one entry of the element list.
inline constexpr std::string_view name = "name";
inline constexpr std::string_view description = "description";
inline constexpr std::string_view pictures = "element_input_urls";

} // namespace detail::element_field

/// Somebody or something that the prompt refers to as `@name` (api-reference.md 3.4).
///
/// `element("element_dog", "a brown corgi", front, side)`: the first picture is the frontal view. The number
/// of pictures is part of the type and is judged while compiling; made from a range of URLs, it is judged at
/// run time.
template <std::size_t Pictures = std::dynamic_extent>
class element
{
public:
    template <std::convertible_to<std::string_view>... Urls>
        requires(Pictures == sizeof...(Urls))
    element(std::string_view name, std::string_view description, Urls const&... urls)
    {
        begin(name, description);
        (add(std::string_view(urls)), ...);
    }

    template <detail::range_of_texts Urls>
        requires(Pictures == std::dynamic_extent)
    element(std::string_view name, std::string_view description, Urls const& urls)
    {
        begin(name, description);
        for (auto&& url : urls)
            add(std::string_view(url));
    }

    /// An element whose number of pictures is known is also one whose number is known only at run time.
    template <std::size_t Known>
        requires(Pictures == std::dynamic_extent && Known != std::dynamic_extent)
    element(element<Known> const& other) : entry_(other.json()) {}

    boost::json::object const& json() const noexcept { return entry_; }

private:
    void begin(std::string_view name, std::string_view description)
    {
        entry_.reserve(3);
        entry_[boost::json::string_view(detail::element_field::name)] = boost::json::string_view(name);
        entry_[boost::json::string_view(detail::element_field::description)] =
            boost::json::string_view(description);
        entry_[boost::json::string_view(detail::element_field::pictures)].emplace_array();
    }
    void add(std::string_view url)
    {
        entry_[boost::json::string_view(detail::element_field::pictures)].get_array().emplace_back(
            boost::json::string_view(url));
    }

    boost::json::object entry_;
};

template <class... Urls>
    requires(std::convertible_to<Urls const&, std::string_view>&&...)
element(std::string_view, std::string_view, Urls const&...)
->element<sizeof...(Urls)>;

template <detail::range_of_texts Urls>
element(std::string_view, std::string_view, Urls const&) -> element<std::dynamic_extent>;

} // namespace apimart

#endif
