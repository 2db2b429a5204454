// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_RESULT_LINKS_HPP
#define APIMART_PROTOCOL_RESULT_LINKS_HPP

#include <apimart/errors/codes.hpp>
#include <apimart/text/trimmed.hpp>
#include <apimart/validation/json_reader.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// The links to a task's results, wherever older versions of the service and comparable gateways put them: under many
// names, in lists, and in JSON that was written once more as a text. Source: API reference, section 4.4.
class result_links
{
public:
    struct link
    {
        std::string url;
        std::optional<std::int64_t> expires_at;
    };

    explicit result_links(boost::json::value const& task) { find(task, std::nullopt, 0); }

    std::vector<link> const& found() const noexcept { return found_; }

private:
    static constexpr int deepest = 8;

    void find(boost::json::value const& in, std::optional<std::int64_t> expires_at, int depth)
    {
        if (depth > deepest)
            return;
        if (boost::json::string const* const text = in.if_string()) {
            read(trimmed(std::string_view(*text), " \t\r\n"), expires_at, depth);
        } else if (boost::json::array const* const list = in.if_array()) {
            for (boost::json::value const& each : *list)
                find(each, expires_at, depth + 1);
        } else if (boost::json::object const* const object = in.if_object()) {
            if (boost::json::value const* const given = object->if_contains("expires_at"))
                if (given->is_int64())
                    expires_at = given->get_int64();
            // Of several names the first counts that has a link: they stand for one file.
            std::size_t const before = found_.size();
            for (char const* const name : {"result", "videos", "video", "url", "urls", "video_url",
                                           "video_urls", "output", "metadata"}) {
                if (boost::json::value const* const member = object->if_contains(name))
                    find(*member, expires_at, depth + 1);
                if (found_.size() != before)
                    return;
            }
        }
    }

    void read(std::string_view text, std::optional<std::int64_t> expires_at, int depth)
    {
        if (text.find("://") == std::string_view::npos)
            return;
        if (!text.starts_with('[') && !text.starts_with('{')) {
            found_.push_back({std::string(text), expires_at});
            return;
        }
        error_code code;
        boost::json::parse_options options;
        options.max_depth = max_nesting;
        boost::json::value const written_once_more = boost::json::parse(text, code, {}, options);
        if (!code)
            find(written_once_more, expires_at, depth + 1);
    }

    std::vector<link> found_;
};

} // namespace apimart::detail

#endif
