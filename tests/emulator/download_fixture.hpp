// What tests of downloads have in common: a file, a storage that serves it, and what becomes of it.
#pragma once

#include "client_fixture.hpp"

namespace client_tests {

/// Bytes that differ everywhere, so that a wrong join shows.
inline std::string clip(std::size_t size)
{
    std::string bytes("\0\0\0\x18", 4);
    bytes += "ftypmp42";
    for (std::size_t i = bytes.size(); i < size; ++i)
        bytes += static_cast<char>('A' + i * 7 % 23 + (i / 1000) % 30);
    return bytes;
}

inline std::string ok_head(std::size_t length, std::string_view etag = "\"tag-1\"")
{
    std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: " + std::to_string(length) + "\r\n";
    if (!etag.empty())
        head += "ETag: " + std::string(etag) + "\r\n";
    return head + "\r\n";
}

inline std::string part_head(std::size_t first, std::size_t last, std::string const& total,
                             std::string const& etag = "\"tag-1\"")
{
    return "HTTP/1.1 206 Partial Content\r\nContent-Type: video/mp4\r\nETag: " + etag +
           "\r\nContent-Length: " + std::to_string(last - first + 1) + "\r\nContent-Range: bytes " +
           std::to_string(first) + "-" + std::to_string(last) + "/" + total + "\r\n\r\n";
}

/// Answers a request for a file as a storage does.
inline std::string answer_for(std::string const& request, std::string const& bytes,
                              std::string const& etag = "\"tag-1\"")
{
    auto const at = request.find("\r\nRange: bytes=");
    bool const is_same = request.find("\r\nIf-Range: " + etag + "\r\n") != std::string::npos;
    if (at == std::string::npos || !is_same)
        return ok_head(bytes.size(), etag) + bytes;
    std::size_t const first = std::stoul(request.substr(at + 15));
    if (first >= bytes.size())
        return "HTTP/1.1 416 X\r\nContent-Length: 0\r\nContent-Range: bytes */" +
               std::to_string(bytes.size()) + "\r\n\r\n";
    return part_head(first, bytes.size() - 1, std::to_string(bytes.size()), etag) + bytes.substr(first);
}

inline apimart::video_file video_at(std::string url, std::size_t index = 0)
{
    return apimart::video_file("task_1", index, apimart::result_url(std::move(url)), {});
}

/// What a file server's behaviour leads to.
class fetch
{
public:
    explicit fetch(scripted_server::behaviour what, apimart::download_options options = {})
        : server(scripted_server::security::tls, std::move(what))
    {
        run(server.base_url() + "/files/v.mp4?sig=secret-signature", options);
    }

    void run(std::string const& url, apimart::download_options options)
    {
        asio::io_context context;
        apimart::client user(context, server.config());
        recorder<std::uint64_t> done;
        user.download(video_at(url), folder / "v.mp4", options, done.token());
        run_to_end(context);
        got.emplace(done.outcome());
        if (*got)
            CHECK(folder.names() == std::set<std::string>{"v.mp4"});
        else
            CHECK(folder.names().count("v.mp4") == 0);
        if (!*got) {
            CHECK(got->error().task_id() == "task_1");
            CHECK(got->error().describe().find("secret-signature") == std::string::npos);
        }
    }

    std::string bytes() const { return bytes_of(folder / "v.mp4"); }
    apimart::error_info why() const
    {
        REQUIRE_FALSE(got->has_value());
        return got->error();
    }
    std::uint64_t size() const
    {
        if (!*got)
            FAIL(got->error().describe());
        return **got;
    }

    scratch_folder folder;
    scripted_server server;
    std::optional<apimart::result<std::uint64_t>> got;
};

} // namespace client_tests
