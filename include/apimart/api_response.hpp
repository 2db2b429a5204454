// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_API_RESPONSE_HPP
#define APIMART_API_RESPONSE_HPP

#include <string>
#include <utility>

namespace apimart {

/// The service's answer to a request of one's own.
class api_response
{
public:
    api_response() {}
    api_response(int status, std::string content_type, std::string body)
        : status_(status), content_type_(std::move(content_type)), body_(std::move(body))
    {}

    /// A success: any other status is an error of the operation.
    int status() const noexcept { return status_; }
    std::string const& content_type() const& noexcept { return content_type_; }
    std::string content_type() && { return std::move(content_type_); }
    /// As it came, but for an API key that it echoes.
    std::string const& body() const& noexcept { return body_; }
    std::string body() && { return std::move(body_); }

private:
    int status_ = 0;
    std::string content_type_;
    std::string body_;
};

} // namespace apimart

#endif
