// SPDX-License-Identifier: BSL-1.0
// POST /v1/uploads/images: the one file of a multipart body, and the answer to it.
#ifndef APIMART_TESTING_FILES_IMAGE_UPLOAD_HPP
#define APIMART_TESTING_FILES_IMAGE_UPLOAD_HPP

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// The file part of a multipart/form-data body.
class uploaded_file
{
public:
    uploaded_file(std::string_view file_name, std::string_view bytes) : name(file_name), content(bytes) {}

    std::string name;
    std::string_view content;
};

/// The image type that the first bytes of a file tell; empty for everything that the service does not take.
/// The declared type does not count.
inline std::string_view image_type(std::string_view bytes) noexcept
{
    using namespace std::string_view_literals;
    if (bytes.starts_with("\xff\xd8\xff"sv))
        return "image/jpeg";
    if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv))
        return "image/png";
    if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv))
        return "image/gif";
    if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv)
        return "image/webp";
    return {};
}

/// The value of a parameter in a header such as `form-data; name="file"`; empty when it is absent.
inline std::string_view header_parameter(std::string_view header, std::string_view name) noexcept
{
    for (auto at = header.find(';'); at != header.npos; at = header.find(';', at)) {
        ++at;
        while (at < header.size() && header[at] == ' ')
            ++at;
        auto const rest = header.substr(at);
        if (!rest.starts_with(name) || !rest.substr(name.size()).starts_with('='))
            continue;
        auto const value = rest.substr(name.size() + 1);
        if (value.starts_with('"'))
            return value.substr(1, value.find('"', 1) - 1);
        return value.substr(0, value.find_first_of("; "));
    }
    return {};
}

/// Finds the part named `file`; nothing when the body is not a form or has no such part.
inline std::optional<uploaded_file> file_part(std::string_view content_type, std::string_view body)
{
    auto const mark = header_parameter(content_type, "boundary");
    if (!content_type.starts_with("multipart/form-data") || mark.empty())
        return std::nullopt;
    std::string const opening = "--" + std::string(mark);
    std::string const closing = "\r\n" + opening;
    for (auto at = body.find(opening); at != body.npos; at = body.find(opening, at)) {
        at += opening.size();
        auto const head_end = body.find("\r\n\r\n", at);
        if (head_end == body.npos)
            return std::nullopt;
        auto const end = body.find(closing, head_end + 2);
        if (end == body.npos)
            return std::nullopt;
        std::string lower(body.substr(at, head_end - at));
        std::transform(lower.begin(), lower.end(), lower.begin(), boost::urls::grammar::to_lower);
        auto const line = lower.find("content-disposition:");
        if (line != std::string::npos) {
            auto disposition = body.substr(at, head_end - at).substr(line);
            disposition = disposition.substr(0, disposition.find("\r\n"));
            if (header_parameter(disposition, "name") == "file") {
                auto const start = head_end + 4;
                return uploaded_file(header_parameter(disposition, "filename"),
                                     body.substr(start, end > start ? end - start : 0));
            }
        }
        at = end;
    }
    return std::nullopt;
}

/// The documented answer to the `n`-th upload. Nothing is kept: no request of the emulator fetches images.
///
/// Its errors have an envelope of their own, without code and request id.
inline reply upload_reply(request_view const& request, std::uint64_t n, std::int64_t unix_now)
{
    auto const refuse = [](unsigned status, std::string const& message) {
        return reply(status, R"({"error":{"message":)" + json_quoted(message) +
                                 R"(,"type":"invalid_request_error"}})");
    };
    auto const file = file_part(request.header("Content-Type").value_or(""), request.body);
    if (!file)
        return refuse(400, "missing or invalid file field: http: no such file");
    constexpr std::size_t largest = 20'971'520;
    if (file->content.size() > largest)
        return refuse(413, "file size " + std::to_string(file->content.size()) + " exceeds maximum " +
                               std::to_string(largest) + " bytes");
    auto const type = image_type(file->content);
    if (type.empty())
        return refuse(400, "unsupported image type: application/octet-stream, allowed: jpeg, png, gif, webp");
    std::string const address = "https://upload.apimart.ai/f/image/" + std::to_string(9'990'000'000'000 + n) +
                                '-' + hex(sha256(file->content), 4) + '-' + file->name;
    return reply(200, R"({"url":)" + json_quoted(address) + R"(,"filename":)" + json_quoted(file->name) +
                          R"(,"content_type":")" + std::string(type) + R"(","bytes":)" +
                          std::to_string(file->content.size()) + R"(,"created_at":)" +
                          std::to_string(unix_now) + '}');
}

} // namespace apimart::testing::emulation

#endif
