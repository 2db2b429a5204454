// SPDX-License-Identifier: BSL-1.0
// POST /v1/uploads/images.
#ifndef APIMART_TESTING_ROUTES_UPLOAD_HPP
#define APIMART_TESTING_ROUTES_UPLOAD_HPP

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/files/image_upload.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/service/service_state.hpp>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace apimart::testing::emulation {

/// Takes an image. The errors have an envelope of their own, without code and request id.
inline reply answer_upload(service_state& state, request_view const& request)
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

    auto const life = std::chrono::ceil<std::chrono::seconds>(state.shortened(72 * 3600));
    std::lock_guard const lock(state.mutex);
    std::string path(uploads_folder);
    path += std::to_string(9'990'000'000'000 + state.books.uploads) + '-' + hex(sha256(file->content), 4) +
            '-' + boost::urls::encode(file->name, boost::urls::unreserved_chars);
    auto const now = state.unix_now();
    std::string body = R"({"url":)" + json_quoted(state.origin + path) + R"(,"filename":)" +
                       json_quoted(file->name) + R"(,"content_type":")" + std::string(type) +
                       R"(","bytes":)" + std::to_string(file->content.size()) + R"(,"created_at":)" +
                       std::to_string(now) + '}';
    state.uploads.add(std::move(path), file->content, type, now + life.count());
    ++state.books.uploads;
    return reply(200, std::move(body));
}

} // namespace apimart::testing::emulation

#endif
