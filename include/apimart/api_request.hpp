// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_API_REQUEST_HPP
#define APIMART_API_REQUEST_HPP

#include <string>
#include <string_view>

namespace apimart {

enum class http_method
{
    get,
    post,
    put,
    patch,
    del,
};

constexpr std::string_view to_string(http_method method) noexcept
{
    switch (method) {
    case http_method::get:
        return "GET";
    case http_method::post:
        return "POST";
    case http_method::put:
        return "PUT";
    case http_method::patch:
        return "PATCH";
    case http_method::del:
        return "DELETE";
    }
    return "GET";
}

/// A request that the library does not model, such as `{.path = "/v1/models"}`.
struct api_request
{
    http_method method = http_method::get;
    /// Below the base address, with the query: begins with a slash, and is percent-encoded.
    std::string path{};
    /// JSON; not sent with GET.
    std::string body{};
};

} // namespace apimart

#endif
