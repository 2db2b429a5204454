// SPDX-License-Identifier: BSL-1.0
// The one file of a multipart body.
#ifndef APIMART_TESTING_FILES_IMAGE_UPLOAD_HPP
#define APIMART_TESTING_FILES_IMAGE_UPLOAD_HPP

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// The file part of a multipart/form-data body.
class uploaded_file
{
public:
    uploaded_file(std::string file_name, std::string_view bytes) : name(std::move(file_name)), content(bytes)
    {}

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

/// The value of a parameter in a header such as `form-data; name="file"`; empty when it is absent. In a quoted
/// value a backslash stands before a character that is meant as it is.
inline std::string header_parameter(std::string_view header, std::string_view name)
{
    for (auto at = header.find(';'); at < header.size();) {
        at = std::min(header.find_first_not_of("; ", at), header.size());
        auto const end_of_name = std::min(header.find('=', at), header.size());
        bool const wanted = header.substr(at, end_of_name - at) == name;
        std::string value;
        at = end_of_name + 1;
        if (at < header.size() && header[at] == '"') {
            for (++at; at < header.size() && header[at] != '"'; ++at) {
                at += std::size_t{header[at] == '\\' && at + 1 < header.size()};
                value += header[at];
            }
            at = header.find(';', at);
        } else if (at < header.size()) {
            auto const end = std::min(header.find_first_of("; ", at), header.size());
            value = header.substr(at, end - at);
            at = header.find(';', end);
        }
        if (wanted)
            return value;
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
                // Of a path its last part, so that no name leads out of the folder.
                auto name = header_parameter(disposition, "filename");
                name.erase(0, name.find_last_of('/') + 1);
                return uploaded_file(std::move(name), body.substr(start, end > start ? end - start : 0));
            }
        }
        at = end;
    }
    return std::nullopt;
}

} // namespace apimart::testing::emulation

#endif
