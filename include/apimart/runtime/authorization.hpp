// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_AUTHORIZATION_HPP
#define APIMART_RUNTIME_AUTHORIZATION_HPP

#include <apimart/config/api_key.hpp>
#include <apimart/error.hpp>
#include <apimart/text/redact.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// The only place that reads an API key: it writes the header of a request to the API's origin, and takes the
// key out of answers that echo it.
class authorization
{
public:
    explicit authorization(api_key key) : key_(std::move(key))
    {
        // As JSON may spell it, in a body that was no JSON in the end.
        for (char const c : key_.secret_)
            escaped_.append(c == '/' || c == '"' || c == '\\' ? "\\" : "").append(1, c);
        if (escaped_ == key_.secret_)
            escaped_.clear();
    }

    void append_header(std::string& request) const
    {
        request += "Authorization: Bearer ";
        request += key_.secret_;
        request += "\r\n";
    }

    // Whether there is anything to redact in a text; quick, because there hardly ever is.
    bool may_occur_in(std::string_view text) const noexcept
    {
        return !escaped_.empty() ||
               text.find(std::string_view(key_.secret_).substr(0, telling)) != std::string_view::npos;
    }

    // Only for texts that are shown: a short key can occur in an answer's own words.
    std::string redacted(std::string text) const
    {
        replace(text, key_.secret_);
        if (!escaped_.empty())
            replace(text, escaped_);
        // A text that was cut short can end in the beginning of a key.
        std::size_t const end = text.ends_with("...") ? text.size() - 3 : text.size();
        for (std::size_t size = std::min(end, key_.secret_.size()); size >= telling; --size) {
            if (std::string_view(text).substr(end - size, size) ==
                std::string_view(key_.secret_).substr(0, size))
                return text.replace(end - size, size, redaction_mark);
        }
        return text;
    }

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
    static constexpr std::size_t telling = 4; // so many characters of a key tell more than chance would

    static void replace(std::string& text, std::string const& secret)
    {
        for (std::size_t at = text.find(secret); at != std::string::npos;
             at = text.find(secret, at + redaction_mark.size()))
            text.replace(at, secret.size(), redaction_mark);
    }

    api_key key_;
    std::string escaped_;
};

} // namespace apimart::detail

#endif
