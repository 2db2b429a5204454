// SPDX-License-Identifier: BSL-1.0
// Requests as the service sees them and replies as it gives them; no sockets.
#ifndef APIMART_TESTING_NETWORK_HTTP_MESSAGE_HPP
#define APIMART_TESTING_NETWORK_HTTP_MESSAGE_HPP

#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/service/service_clock.hpp>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// A request that was read completely. Refers to the connection's memory.
class request_view
{
public:
    using field = boost::beast::http::field;

    request_view(boost::beast::http::verb method, std::string_view target,
                 boost::beast::http::fields const& header_fields, std::string_view content)
        : verb(method), path(target.substr(0, target.find('?'))), body(content), fields_(&header_fields)
    {
        if (path.size() < target.size())
            query = target.substr(path.size() + 1);
    }

    /// A header's value; nothing when it is absent.
    std::optional<std::string_view> header(std::string_view name) const
    {
        auto const found = fields_->find(boost::beast::string_view(name.data(), name.size()));
        if (found == fields_->end())
            return std::nullopt;
        return std::string_view(found->value().data(), found->value().size());
    }

    /// The bearer key; empty when there is none.
    std::string_view bearer() const
    {
        auto const given = header("Authorization").value_or("");
        constexpr std::string_view scheme = "bearer ";
        if (!boost::beast::iequals(given.substr(0, scheme.size()), scheme))
            return {};
        return given.substr(scheme.size());
    }

    /// The value of a query parameter as it stands; nothing when it is absent.
    std::optional<std::string_view> parameter(std::string_view name) const
    {
        for (std::string_view rest = query; !rest.empty();) {
            auto const end = rest.find('&');
            auto const pair = rest.substr(0, end);
            if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
                return pair.substr(name.size() + 1);
            rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
        }
        return std::nullopt;
    }

    boost::beast::http::verb verb;
    std::string_view path;
    std::string_view query;
    std::string_view body;

private:
    boost::beast::http::fields const* fields_;
};

/// A reply before it is written.
class reply
{
public:
    reply(unsigned http_status, std::string content, std::string_view type = "application/json")
        : status(http_status), body(std::move(content)), content_type(type)
    {}

    void add_header(std::string_view name, std::string_view value)
    {
        headers.append(name).append(": ").append(value).append("\r\n");
    }

    unsigned status;
    std::string body;
    std::string_view content_type;
    /// Further header lines, each with its line end.
    std::string headers;
    /// For HEAD: the length that the body would have.
    std::optional<std::uint64_t> length_only;
    /// Whether the connection ends after it.
    bool close = false;
};

/// The reply as bytes.
///
/// One flat string instead of a serializer: head and body then travel in one TLS record, and a reply that a
/// fault cuts off is a shorter string.
inline std::string bytes_of(reply const& answer, bool keep_alive, std::int64_t unix_now)
{
    auto const reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(answer.status));
    std::string out;
    out.reserve(256 + answer.headers.size() + answer.body.size());
    out.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
    out.append(reason.data(), reason.size());
    out.append("\r\nDate: ").append(utc_text(unix_now, "%a, %d %b %Y %H:%M:%S GMT"));
    out.append("\r\nServer: apimart-emulator\r\nContent-Type: ").append(answer.content_type);
    out.append("\r\nContent-Length: ");
    out.append(std::to_string(answer.length_only.value_or(answer.body.size())));
    out.append(keep_alive && !answer.close ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n");
    out.append(answer.headers).append("\r\n");
    if (!answer.length_only)
        out.append(answer.body);
    return out;
}

/// A path segment with its percent escapes resolved; nothing when an escape is broken.
inline std::optional<std::string> percent_decoded(std::string_view segment)
{
    std::string out;
    out.reserve(segment.size());
    auto const value = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    for (std::size_t i = 0; i < segment.size(); ++i) {
        if (segment[i] != '%') {
            out += segment[i];
            continue;
        }
        if (i + 2 >= segment.size() || value(segment[i + 1]) < 0 || value(segment[i + 2]) < 0)
            return std::nullopt;
        out += static_cast<char>(value(segment[i + 1]) * 16 + value(segment[i + 2]));
        i += 2;
    }
    return out;
}

/// Where links to uploaded images lead, below the service's address.
inline constexpr std::string_view uploads_folder = "/f/image/";

/// What a request is for, as far as its first line tells.
inline operation operation_of(boost::beast::http::verb method, std::string_view target)
{
    using boost::beast::http::verb;
    auto const path = target.substr(0, target.find('?'));
    constexpr std::string_view tasks = "/v1/tasks/";
    if (method == verb::post) {
        if (path == "/v1/videos/generations")
            return operation::submit;
        if (path == "/v1/tasks/batch")
            return operation::batch;
        if (path == "/v1/uploads/images")
            return operation::upload;
        return operation::unknown;
    }
    if ((path.starts_with("/files/") || path.starts_with(uploads_folder)) &&
        (method == verb::get || method == verb::head))
        return operation::download;
    if (method != verb::get)
        return operation::unknown;
    if (path.starts_with(tasks) && path.size() > tasks.size() && path.find('/', tasks.size()) == path.npos)
        return operation::poll;
    if (path == "/v1/balance" || path == "/v1/user/balance" || path == "/balance" || path == "/user/balance")
        return operation::balance;
    if (path == "/v1/usage" || path == "/usage")
        return operation::usage;
    if (path == "/v1/models" || path.starts_with("/v1/models/") || path == "/v1/model-schema" ||
        path == "/v1/model-docs")
        return operation::models;
    if (path == "/__emulator/books" || path == "/__emulator/requests")
        return operation::books;
    return operation::unknown;
}

} // namespace apimart::testing::emulation

#endif
