// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_AUTHORIZATION_HPP
#define APIMART_RUNTIME_AUTHORIZATION_HPP

#include <apimart/config/api_key.hpp>
#include <apimart/error.hpp>
#include <apimart/text/secret_redactor.hpp>
#include <apimart/text/secret_string.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// The only place that reads an API key: it writes the header of a request to the API's origin, and takes the
// key out of answers that echo it.
class authorization
{
public:
    explicit authorization(api_key key) : key_(std::move(key)), redactor_(key_.secret_) {}

    void append_header(secret_string& request) const
    {
        request += "Authorization: Bearer ";
        request += key_.secret_;
        request += "\r\n";
    }

    bool occurs_in(std::string_view text) const { return redactor_.occurs_in(text); }
    // Only for texts that are shown: a short key can occur in an answer's own words.
    std::string redacted(std::string_view text) const { return redactor_.redact(text); }

    error_info redacted(error_info why) const
    {
        server_message const& words = why.server_message();
        if (!words.empty())
            why.server_message(
                server_message(redacted(words.code()), redacted(words.type()), redacted(words.text())));
        if (!why.client_message().empty())
            why.client_message(redacted(why.client_message()));
        if (!why.request_id().empty())
            why.request_id(redacted(why.request_id()));
        return why;
    }

private:
    api_key key_;
    secret_redactor redactor_;
};

} // namespace apimart::detail

#endif
