// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_MEDIA_TEXT_HPP
#define APIMART_VALIDATION_MEDIA_TEXT_HPP

#include <apimart/text/base64_picture.hpp>

#include <boost/url/grammar/alnum_chars.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace apimart::detail {

inline bool is_absolute_http_url(std::string_view text)
{
    auto const url = boost::urls::parse_uri(boost::core::string_view(text));
    if (!url)
        return false;
    // Boost.URL 1.81 lets a path follow the authority without a slash, as in "https://host:x".
    if (!url->encoded_path().empty() && !url->encoded_path().starts_with('/'))
        return false;
    boost::urls::scheme const scheme = url->scheme_id();
    return (scheme == boost::urls::scheme::http || scheme == boost::urls::scheme::https) &&
           url->has_authority() && !url->encoded_host().empty();
}

// A name in a file system, where an address was wanted: "dog.png", "/tmp/dog.png", "C:\\dog.png".
inline bool looks_like_a_path(std::string_view text) noexcept
{
    if (text.size() < 3 || text.find("://") != std::string_view::npos || text.starts_with("data:"))
        return false;
    if (text.starts_with('/') || text.starts_with('.') || text.starts_with('~') ||
        text.substr(1).starts_with(":\\"))
        return true;
    std::size_t const dot = text.rfind('.');
    if (dot == std::string_view::npos || dot == 0)
        return false;
    std::string_view const extension = text.substr(dot + 1);
    return extension.size() >= 2 && extension.size() <= 4 &&
           std::all_of(extension.begin(), extension.end(),
                       [](char c) { return boost::urls::grammar::alnum_chars(c); });
}

inline std::string picture_size_rule(std::int64_t bytes)
{
    return "must be a picture of at most " + std::to_string(bytes) + " bytes";
}

} // namespace apimart::detail

#endif
