#ifndef APIMART_DETAIL_AUTHORIZATION_HPP
#define APIMART_DETAIL_AUTHORIZATION_HPP

#include <apimart/api_key.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace apimart::detail {

// The only place that reads an API key: it writes the header of a request to the API's origin, and takes the
// key out of answers that echo it.
class authorization {
public:
    explicit authorization(api_key key) : key_(std::move(key)) {}

    void append_header(std::string& request) const
    {
        request += "Authorization: Bearer ";
        request += key_.secret_;
        request += "\r\n";
    }

    void redact(std::string& text) const
    {
        for (std::size_t at = text.find(key_.secret_); at != std::string::npos; at = text.find(key_.secret_, at))
            text.replace(at, key_.secret_.size(), "[redacted]");
    }

private:
    api_key key_;
};

} // namespace apimart::detail

#endif
