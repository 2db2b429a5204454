// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_API_REQUEST_HPP
#define APIMART_API_REQUEST_HPP

#include <boost/beast/http/verb.hpp>

#include <ostream> // which Boost 1.81 needs here, and does not include
#include <string>
#include <utility>

namespace apimart {

/// A request that the library does not model, such as `api_request("/v1/models")`.
class api_request
{
public:
    using verb = boost::beast::http::verb;

    api_request() {}
    /// A GET. A path is below the base address, with the query: it begins with a slash, and is percent-encoded.
    explicit api_request(std::string path) : path_(std::move(path)) {}
    /// One of GET, POST, PUT, PATCH and DELETE. The body is JSON; with GET none is sent.
    api_request(verb method, std::string path, std::string body = {})
        : method_(method), path_(std::move(path)), body_(std::move(body))
    {}

    verb method() const noexcept { return method_; }
    std::string const& path() const& noexcept { return path_; }
    std::string path() && { return std::move(path_); }
    std::string const& body() const& noexcept { return body_; }
    std::string body() && { return std::move(body_); }

private:
    verb method_ = verb::get;
    std::string path_;
    std::string body_;
};

} // namespace apimart

#endif
