// SPDX-License-Identifier: BSL-1.0
// Images that were uploaded, where their links lead.
#ifndef APIMART_TESTING_FILES_UPLOADED_IMAGES_HPP
#define APIMART_TESTING_FILES_UPLOADED_IMAGES_HPP

#include <apimart/testing/network/http_message.hpp>

#include <boost/beast/http/verb.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// The images by the paths of their links. Not synchronised; the service guards it.
class uploaded_images
{
public:
    /// `path` is percent-encoded; the link is good until `expires` in unix seconds.
    void add(std::string path, std::string_view bytes, std::string_view type, std::int64_t expires)
    {
        images_.insert_or_assign(std::move(path), image{std::string(bytes), type, expires});
    }

    /// Answers GET and HEAD.
    reply serve(request_view const& request, std::int64_t unix_now) const
    {
        auto const found = images_.find(request.path);
        if (found == images_.end() || unix_now >= found->second.expires)
            return reply(404,
                         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>",
                         "application/xml");
        auto const& [bytes, type, expires] = found->second;
        bool const head = request.verb == boost::beast::http::verb::head;
        reply out(200, head ? std::string() : bytes, type);
        if (head)
            out.length_only = bytes.size();
        return out;
    }

private:
    struct image
    {
        std::string bytes;
        std::string_view type;
        std::int64_t expires;
    };

    std::map<std::string, image, std::less<>> images_;
};

} // namespace apimart::testing::emulation

#endif
