// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_ELEMENT_HPP
#define APIMART_PARAMETER_ELEMENT_HPP

#include <apimart/parameter/compile_time_rule.hpp>
#include <apimart/parameter/image_file.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

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

namespace detail {

constexpr bool begins_like_a_url(std::string_view text) noexcept
{
    return text.starts_with("https://") || text.starts_with("http://");
}

// The URL of a picture, or a local one; a literal is judged while compiling.
class element_picture
{
public:
    template <std::size_t Size>
    consteval element_picture(char const (&literal)[Size]) : url_(literal, Size - 1)
    {
        if (!begins_like_a_url(url_))
            compile_time_rule::picture_must_be_an_http_or_https_url_or_an_image_file();
    }
    template <std::convertible_to<std::string_view> Text>
        requires(!std::is_array_v<Text>)
    constexpr element_picture(Text const& url) : url_(url) {}
    element_picture(image_file const& file) : url_(file.path()), is_file_(true) {}

    constexpr std::string_view url() const noexcept { return url_; }
    constexpr bool is_file() const noexcept { return is_file_; }

private:
    std::string_view url_; // or path
    bool is_file_ = false;
};

class element_entry
{
public:
    boost::json::object const& json() const noexcept { return entry_; }
    std::vector<std::string> const& local_files() const noexcept { return files_; }

protected:
    element_entry(std::string_view name, std::string_view description)
    {
        entry_.reserve(3);
        entry_[boost::json::string_view(element_field::name)] = boost::json::string_view(name);
        entry_[boost::json::string_view(element_field::description)] = boost::json::string_view(description);
        entry_[boost::json::string_view(element_field::pictures)].emplace_array();
    }

    void add(element_picture picture)
    {
        std::string_view text = picture.url();
        if (picture.is_file())
            text = files_.emplace_back(local_file_text(text));
        entry_[boost::json::string_view(element_field::pictures)].get_array().emplace_back(
            boost::json::string_view(text));
    }

private:
    boost::json::object entry_;
    std::vector<std::string> files_;
};

template <class Numbers>
class element_with;
template <std::size_t... Number>
class element_with<std::index_sequence<Number...>> : public element_entry
{
    template <std::size_t>
    using picture = element_picture;

public:
    element_with(std::string_view name, std::string_view description, picture<Number>... pictures)
        : element_entry(name, description)
    {
        (add(pictures), ...);
    }
};

} // namespace detail

/// Somebody or something that the prompt refers to as `@name` (api-reference.md 3.4).
///
/// `element("element_dog", "a brown corgi", front, side)`: the first picture is the frontal view. The number
/// of pictures is part of the type and is judged while compiling, and so are URLs that are literals; made from a
/// range of URLs, both are judged at run time.
template <std::size_t Pictures = std::dynamic_extent>
class element : public detail::element_with<std::make_index_sequence<Pictures>>
{
public:
    using detail::element_with<std::make_index_sequence<Pictures>>::element_with;
};

template <>
class element<std::dynamic_extent> : public detail::element_entry
{
public:
    template <detail::range_of_texts Urls>
    element(std::string_view name, std::string_view description, Urls const& urls)
        : element_entry(name, description)
    {
        for (auto&& url : urls)
            add(std::string_view(url));
    }
    template <detail::range_of_image_files Files>
    element(std::string_view name, std::string_view description, Files const& files)
        : element_entry(name, description)
    {
        for (image_file const& file : files)
            add(file);
    }

    /// An element whose number of pictures is known is also one whose number is known only at run time.
    template <std::size_t Known>
        requires(Known != std::dynamic_extent)
    element(element<Known> const& other) : element_entry(static_cast<detail::element_entry const&>(other)) {}
};

template <class... Urls>
    requires((std::convertible_to<Urls const&, std::string_view> || std::same_as<Urls, image_file>)&&...)
element(std::string_view, std::string_view, Urls const&...)
->element<sizeof...(Urls)>;

template <detail::range_of_texts Urls>
element(std::string_view, std::string_view, Urls const&) -> element<std::dynamic_extent>;

template <detail::range_of_image_files Files>
element(std::string_view, std::string_view, Files const&) -> element<std::dynamic_extent>;

} // namespace apimart

#endif
