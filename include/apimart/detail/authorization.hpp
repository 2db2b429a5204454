// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_AUTHORIZATION_HPP
#define APIMART_DETAIL_AUTHORIZATION_HPP

#include <apimart/api_key.hpp>
#include <apimart/error.hpp>

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
    explicit authorization(api_key key) : key_(std::move(key)) {}

    void append_header(std::string& request) const
    {
        request += "Authorization: Bearer ";
        request += key_.secret_;
        request += "\r\n";
    }

    // Only for texts that are shown: a short key can occur in an answer's own words.
    std::string redacted(std::string text) const
    {
        static constexpr std::string_view mark = "[redacted]";
        for (std::size_t at = text.find(key_.secret_); at != std::string::npos;
             at = text.find(key_.secret_, at + mark.size()))
            text.replace(at, key_.secret_.size(), mark);
        return text;
    }

    failure redacted(failure why) const
    {
        service_message const& words = why.service();
        if (!words.empty())
            why.service(
                service_message(redacted(words.code()), redacted(words.type()), redacted(words.text())));
        if (!why.request_id().empty())
            why.request_id(redacted(why.request_id()));
        return why;
    }

private:
    api_key key_;
};

} // namespace apimart::detail

#endif
