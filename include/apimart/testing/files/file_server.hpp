// SPDX-License-Identifier: BSL-1.0
// Result files behind signed links, as an object store serves them.
#ifndef APIMART_TESTING_FILES_FILE_SERVER_HPP
#define APIMART_TESTING_FILES_FILE_SERVER_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/files/sample_video.hpp>
#include <apimart/testing/network/http_message.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// The bytes that a Range header asks for.
class byte_range
{
public:
    /// Reads a header for a file of `size` bytes. Several ranges at once are answered like none, which the
    /// standard allows.
    byte_range(std::optional<std::string_view> header, std::uint64_t size) : last(size == 0 ? 0 : size - 1)
    {
        constexpr std::string_view unit = "bytes=";
        if (!header || !header->starts_with(unit) || header->find(',') != header->npos)
            return;
        auto const text = header->substr(unit.size());
        auto const dash = text.find('-');
        if (dash == text.npos)
            return;
        auto const from = number(text.substr(0, dash));
        auto const to = number(text.substr(dash + 1));
        bool const suffix = dash == 0 && to;
        if (!suffix && (!from || (!to && dash + 1 != text.size()) || (to && *to < *from)))
            return;
        partial = true;
        if (suffix) {
            satisfiable = *to > 0 && size > 0;
            first = *to >= size ? 0 : size - *to;
        } else {
            satisfiable = *from < size;
            first = *from;
            last = to ? std::min(*to, last) : last;
        }
    }

    std::uint64_t first = 0;
    std::uint64_t last;
    /// Whether only a part is asked for.
    bool partial = false;
    /// Whether the file has any of it.
    bool satisfiable = true;

private:
    static std::optional<std::uint64_t> number(std::string_view digits)
    {
        std::uint64_t value = 0;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size())
            return std::nullopt;
        return value;
    }
};

/// Signs links to result files and serves them. Keeps no list: a link proves itself by its signature.
class file_server
{
public:
    file_server(std::uint64_t seed, std::uint64_t file_bytes, scenario::link_form form)
        : secret_(sha256("link secret " + std::to_string(seed))),
          size_(std::max<std::uint64_t>(file_bytes, sample_video_bytes.size())), form_(form)
    {
        // A padding box needs room for its own head.
        if (size_ != sample_video_bytes.size())
            size_ = std::max<std::uint64_t>(size_, sample_video_bytes.size() + box_head);
    }

    /// The path and query of a link to `name`, good until `expires` in unix seconds.
    std::string link(std::string_view token, std::string_view name, std::int64_t expires) const
    {
        std::string path = "/files/";
        path.append(token).append("/").append(name).append(".mp4");
        std::string const until = std::to_string(expires);
        std::string const signature = sign(path, until);
        return path + "?sig=" + signature + "&exp=" + until;
    }

    /// Answers GET and HEAD.
    reply serve(request_view const& request, std::int64_t unix_now) const
    {
        auto const until = request.parameter("exp").value_or("");
        std::int64_t expires = 0;
        std::from_chars(until.data(), until.data() + until.size(), expires);
        if (form_ == scenario::link_form::missing)
            return refusal(404, "NoSuchKey");
        if (form_ == scenario::link_form::forbidden)
            return refusal(403, "AccessDenied");
        if (request.parameter("sig").value_or("") != sign(request.path, until))
            return refusal(403, "SignatureDoesNotMatch");
        if (unix_now >= expires)
            return refusal(403, "ExpiredToken");

        bool const resumable = form_ != scenario::link_form::no_range;
        std::string const tag = etag(request.path);
        auto const condition = request.header("If-Range");
        bool const unchanged = !condition || *condition == tag;
        byte_range const range(resumable && unchanged ? request.header("Range") : std::nullopt, size_);
        if (!range.satisfiable) {
            reply out = refusal(416, "InvalidRange");
            out.add_header("Content-Range", "bytes */" + std::to_string(size_));
            return out;
        }
        bool const head = request.verb == boost::beast::http::verb::head;
        reply out(range.partial ? 206 : 200, head ? std::string() : content(request.path, range),
                  "video/mp4");
        if (head)
            out.length_only = range.last - range.first + 1;
        out.add_header("ETag", tag);
        if (resumable)
            out.add_header("Accept-Ranges", "bytes");
        if (range.partial)
            out.add_header("Content-Range", "bytes " + std::to_string(range.first) + '-' +
                                                std::to_string(range.last) + '/' + std::to_string(size_));
        return out;
    }

private:
    static constexpr std::uint64_t box_head = 8;

    static reply refusal(unsigned status, std::string_view code)
    {
        std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>";
        return reply(status, text.append(code).append("</Code></Error>"), "application/xml");
    }

    std::string sign(std::string_view path, std::string_view until) const
    {
        std::string text(path);
        return hex(hmac_sha256(secret_, text.append("?").append(until)), 16);
    }

    std::string etag(std::string_view path) const
    {
        std::string text = std::to_string(size_);
        return '"' + hex(sha256(text.append(path)), 16) + '"';
    }

    /// A part of the file: the clip, and behind it a `free` box, which players skip, filled with the file's
    /// own path so that mixed-up files differ.
    std::string content(std::string_view path, byte_range const& range) const
    {
        auto const clip = sample_video();
        std::string out;
        out.reserve(range.last - range.first + 1);
        auto const box = static_cast<std::uint32_t>(size_ - clip.size());
        char const head[box_head] = {static_cast<char>(box >> 24U & 0xffU),
                                     static_cast<char>(box >> 16U & 0xffU),
                                     static_cast<char>(box >> 8U & 0xffU),
                                     static_cast<char>(box & 0xffU),
                                     'f',
                                     'r',
                                     'e',
                                     'e'};
        std::uint64_t at = range.first;
        if (at < clip.size()) {
            out.append(clip.substr(at, range.last - at + 1));
            at = clip.size();
        }
        for (; at <= range.last; ++at) {
            std::uint64_t const inside = at - clip.size();
            out += inside < box_head ? head[inside] : path[(inside - box_head) % path.size()];
        }
        return out;
    }

    sha256_digest secret_;
    std::uint64_t size_;
    scenario::link_form form_;
};

} // namespace apimart::testing::emulation

#endif
