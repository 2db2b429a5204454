// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_DOWNLOAD_DECISION_HPP
#define APIMART_POLICY_DOWNLOAD_DECISION_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/protocol/retry_after.hpp>

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// The head of a file server's answer, as far as it decides anything.
class download_response
{
public:
    download_response() {}

    int status = 0;
    std::string location;
    std::string content_type;
    std::string content_encoding;
    std::string content_range;
    std::string retry_after;
    std::string date;
    std::optional<std::uint64_t> content_length;
};

class download_decision
{
public:
    enum class action
    {
        from_start, // the body is the whole file
        resume,     // the body continues what is there
        redirect,   // ask at `location` instead
        fail,
    };

    download_decision(action a) : next(a) {}
    download_decision(error_info f) : next(action::fail), why(std::move(f)) {}

    action next;
    std::string location;
    error_info why;
};

enum class download_status
{
    whole,
    part,
    redirect,
    expired,
    changed,
    rate_limited,
    unavailable,
    unexpected,
};

struct download_rule
{
    int first;
    int last;
    download_status means;
};

inline constexpr std::array download_rules{
    download_rule{200, 200, download_status::whole},
    download_rule{206, 206, download_status::part},
    download_rule{301, 303, download_status::redirect},
    download_rule{307, 308, download_status::redirect},
    download_rule{401, 401, download_status::expired},
    download_rule{403, 404, download_status::expired},
    download_rule{408, 408, download_status::unavailable},
    download_rule{410, 410, download_status::expired},
    download_rule{416, 416, download_status::changed},
    download_rule{429, 429, download_status::rate_limited},
    download_rule{500, 599, download_status::unavailable},
};

constexpr download_status classify_download(int status)
{
    for (download_rule const& rule : download_rules)
        if (status >= rule.first && status <= rule.last)
            return rule.means;
    return download_status::unexpected;
}

inline std::optional<error_info> check_encoding(download_response const& response)
{
    if (response.content_encoding.empty() || response.content_encoding == "identity")
        return std::nullopt;
    return error_info(errc::bad_response, "the file came encoded though that was declined");
}

inline std::optional<error_info> check_type(download_response const& response)
{
    // The type alone is told: what follows it is the file server's free text.
    for (std::string_view const text : {"text/", "application/json", "application/xml"})
        if (boost::beast::iequals(response.content_type.substr(0, text.size()), text))
            return error_info(errc::download_corrupt,
                              "got " + std::string(text) + (text.ends_with('/') ? "..." : ""));
    return std::nullopt;
}

// `before`: bytes of the file that come before those of this answer.
inline std::optional<error_info> check_size(download_response const& response, std::uint64_t before,
                                            std::uint64_t max_size)
{
    if (!response.content_length)
        return std::nullopt;
    if (*response.content_length == 0)
        return error_info(errc::download_corrupt, "the file is empty");
    if (*response.content_length > max_size || before > max_size - *response.content_length)
        return error_info(errc::download_too_large, "more than " + std::to_string(max_size) + " bytes");
    return std::nullopt;
}

// A part is only good if it is the very part that was asked for.
inline std::optional<error_info> check_range(download_response const& response, std::uint64_t have)
{
    if (have != 0 && response.content_range.starts_with("bytes " + std::to_string(have) + "-"))
        return std::nullopt;
    return error_info(errc::protocol_error, "the part is not the one asked for");
}

inline download_decision decide_redirect(download_response const& response, request_url const& asked)
{
    if (response.location.empty())
        return error_info(errc::bad_response, "a redirect without a place to go");
    download_decision decision(download_decision::action::redirect);
    decision.location = response.location;
    if (response.location.starts_with('/') && !response.location.starts_with("//"))
        decision.location.insert(0, (asked.origin.tls ? "https://" : "http://") + asked.origin.authority());
    return decision;
}

inline download_decision decide_file(download_response const& response, bool is_part, std::uint64_t have,
                                     std::uint64_t max_size)
{
    if (auto problem = check_encoding(response))
        return std::move(*problem);
    if (auto problem = check_type(response))
        return std::move(*problem);
    if (auto problem = check_size(response, is_part ? have : 0, max_size))
        return std::move(*problem);
    if (!is_part)
        return download_decision::action::from_start;
    if (auto problem = check_range(response, have))
        return std::move(*problem);
    return download_decision::action::resume;
}

// What an answer means for a transfer that has `have` bytes already.
inline download_decision decide_download(download_response const& response, request_url const& asked,
                                         std::uint64_t have, std::uint64_t max_size,
                                         std::chrono::sys_seconds now)
{
    auto const fail = [&](error_info why) {
        return download_decision(std::move(why.http_status(response.status)));
    };
    auto const ask_later = [&](api_errc code) {
        error_info why(make_error_code(code));
        why.retry_after(
            parse_retry_after(response.retry_after, parse_http_date(response.date).value_or(now)));
        return fail(std::move(why));
    };
    download_decision decision = download_decision::action::fail;
    switch (classify_download(response.status)) {
    case download_status::whole:
        decision = decide_file(response, false, have, max_size);
        break;
    case download_status::part:
        decision = decide_file(response, true, have, max_size);
        break;
    case download_status::redirect:
        decision = decide_redirect(response, asked);
        break;
    case download_status::expired:
        return fail(error_info(errc::result_expired));
    case download_status::changed:
        return fail(error_info(errc::connection_lost, "the file changed while it was being fetched"));
    case download_status::rate_limited:
        return ask_later(api_errc::rate_limited);
    case download_status::unavailable:
        return ask_later(api_errc::unavailable);
    case download_status::unexpected:
        return fail(
            error_info(errc::bad_response, "the file server's answer is neither a file nor an error"));
    }
    if (decision.next == download_decision::action::fail)
        decision.why.http_status(response.status);
    return decision;
}

// So much of a file is looked at.
inline constexpr std::size_t sniffed_bytes = 512;

// Whether a file that begins like this is text, which no video is: an error page, a storage's error, a login. It has a
// mark of Unicode's, begins like markup or JSON, has two bytes per letter, or has no byte that is none of text (WHATWG
// MIME Sniffing, 7.1).
inline bool is_text(std::string_view beginning)
{
    using namespace std::string_view_literals;
    for (std::string_view const mark : {"\xEF\xBB\xBF"sv, "\xFF\xFE"sv, "\xFE\xFF"sv})
        if (beginning.starts_with(mark))
            return true;
    std::size_t const at = beginning.find_first_not_of(" \t\r\n");
    if (at != std::string_view::npos && "<{["sv.find(beginning[at]) != std::string_view::npos)
        return true;
    if (beginning.size() >= 8) {
        auto const are_letters = [&](std::size_t first) {
            for (std::size_t i = 0; i < 8; ++i)
                if ((beginning[i] == '\0') != (i % 2 != first))
                    return false;
            return true;
        };
        if (are_letters(0) || are_letters(1))
            return true;
    }
    return std::none_of(beginning.begin(), beginning.end(), [](char c) {
        auto const byte = static_cast<unsigned char>(c);
        return byte <= 0x08 || byte == 0x0B || (byte >= 0x0E && byte <= 0x1A) ||
               (byte >= 0x1C && byte <= 0x1F);
    });
}

} // namespace apimart::detail

#endif
