// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_FILE_URL_HPP
#define APIMART_TEXT_FILE_URL_HPP

#include <boost/url/encode.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// How a local file stands in a request until it is uploaded: `file:dog.png`, `file:///home/me/dog.png`. A name can have
// bytes that no JSON text may have, which is why it is encoded.
namespace apimart::detail {

inline constexpr std::string_view file_scheme = "file:";

inline std::string file_url(std::string_view path)
{
    std::string url(path.starts_with('/') ? "file://" : file_scheme);
    boost::urls::encode(path, boost::urls::unreserved_chars + '/', {},
                        boost::urls::string_token::append_to(url));
    return url;
}

// Takes names that nobody has encoded, too: what begins no escape stands for itself. A file of another machine is none.
inline std::optional<std::string> path_of_file_url(std::string_view url)
{
    using boost::urls::grammar::hexdig_value;
    if (!url.starts_with(file_scheme))
        return std::nullopt;
    url.remove_prefix(file_scheme.size());
    if (url.starts_with("///"))
        url.remove_prefix(2);
    else if (url.starts_with("//localhost/"))
        url.remove_prefix(std::string_view("//localhost").size());
    else if (url.empty() || url.starts_with("//"))
        return std::nullopt;
    std::string path;
    for (std::size_t i = 0; i < url.size(); ++i) {
        int const high = url[i] == '%' && i + 2 < url.size() ? hexdig_value(url[i + 1]) : -1;
        int const low = high >= 0 ? hexdig_value(url[i + 2]) : -1;
        path += low < 0 ? url[i] : static_cast<char>(high * 16 + low);
        i += low < 0 ? 0 : 2;
    }
    if (path.find('\0') != std::string::npos)
        return std::nullopt;
    return path;
}

} // namespace apimart::detail

#endif
