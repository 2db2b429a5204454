// The address of the service as people paste it.
#ifndef APIMART_EXAMPLES_BASE_URL_HPP
#define APIMART_EXAMPLES_BASE_URL_HPP

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace batch_submit {

// Scheme, host and path. `/v1` at the end is what other clients are given, and part of every path here. What is between
// `//` and `@`, and behind `?`, may be secret: it is refused without being shown. Throws std::invalid_argument.
inline std::string usable_base_url(std::string_view url)
{
    std::size_t const authority = url.find("://");
    if (authority != std::string_view::npos &&
        (url.substr(0, url.find('/', authority + 3)).find('@') != std::string_view::npos ||
         url.find_first_of("?#") != std::string_view::npos))
        throw std::invalid_argument(
            "the base URL must have no user, password, query or fragment; the key is taken "
            "from APIMART_API_KEY");
    auto const trim = [&] {
        while (url.ends_with('/') || url.ends_with(' '))
            url.remove_suffix(1);
    };
    trim();
    if (url.ends_with("/v1"))
        url.remove_suffix(3);
    trim();
    return std::string(url);
}

// A server on this machine, which has no real keys.
inline bool is_loopback(std::string_view url)
{
    for (std::string_view const host : {"https://127.0.0.1", "https://localhost"}) {
        if (!url.starts_with(host))
            continue;
        std::string_view const rest = url.substr(host.size());
        if (rest.empty() || rest.front() == '/' ||
            (rest.front() == ':' &&
             rest.find_first_not_of("0123456789", 1) >= std::min(rest.find('/'), rest.size())))
            return true;
    }
    return false;
}

} // namespace batch_submit

#endif
