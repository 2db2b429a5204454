// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_DOWNLOAD_DECISION_HPP
#define APIMART_POLICY_DOWNLOAD_DECISION_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/link.hpp>
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
    std::string etag;
    std::string last_modified;
    std::string retry_after;
    std::string date;
    std::optional<std::uint64_t> content_length;
};

// What is known of a file that is being fetched.
struct file_in_transfer
{
    std::uint64_t have = 0; // bytes of it
    std::optional<std::uint64_t> size;
    std::string validator; // tells this version of the file from any other; empty where nothing does
};

class download_decision
{
public:
    enum class action
    {
        from_start, // the body is the whole file
        resume,     // the body continues what is there
        complete,   // there is no more of it
        restart,    // what is there is of no use
        redirect,   // ask at `location` instead
        fail,
    };

    download_decision(action a) : next(a) {}
    download_decision(error_info f) : next(action::fail), why(std::move(f)) {}

    action next;
    std::string location;
    file_in_transfer file; // as the answer tells, where its body is wanted
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

// Codings that change the bytes. Storages put other words there, such as `aws-chunked` or a charset, which mean nothing.
inline std::optional<error_info> check_encoding(download_response const& response)
{
    for (std::string_view const coding : {"gzip", "deflate", "br", "zstd", "compress"})
        if (mentions(response.content_encoding, coding))
            return error_info(errc::bad_response, "the file came encoded though that was declined");
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

struct content_range
{
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::optional<std::uint64_t> size;
};

// "bytes 10-19/100", or with "*" where the size is not known.
inline std::optional<content_range> parse_content_range(std::string_view text)
{
    auto const number = [&text](std::string_view end) -> std::optional<std::uint64_t> {
        std::uint64_t value = 0;
        auto const [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
        if (code != std::errc() || !text.starts_with(end))
            return std::nullopt;
        text.remove_prefix(end.size());
        return value;
    };
    constexpr std::string_view unit = "bytes ";
    if (!text.starts_with(unit))
        return std::nullopt;
    text.remove_prefix(unit.size());
    auto const first = number("-");
    auto const last = first ? number("/") : std::nullopt;
    if (!last || *last < *first)
        return std::nullopt;
    content_range range{*first, *last, std::nullopt};
    if (text == "*")
        return range;
    range.size = number("");
    if (!range.size || !text.empty() || *range.size <= range.last)
        return std::nullopt;
    return range;
}

// A strong tag, or a date from which on the file has not changed for a minute (RFC 9110, 8.8.2.2).
inline std::string validator_of(download_response const& response)
{
    if (!response.etag.empty())
        return response.etag.starts_with('"') ? response.etag : std::string();
    auto const changed = parse_http_date(response.last_modified);
    auto const now = parse_http_date(response.date);
    return changed && now && *changed + std::chrono::seconds(60) <= *now ? response.last_modified
                                                                         : std::string();
}

// A part is only good if it is the very part that was asked for, and of the same file.
inline download_decision decide_part(download_response const& response, file_in_transfer const& file)
{
    auto const range = parse_content_range(response.content_range);
    bool const is_this_part =
        range && range->first == file.have &&
        (!response.content_length || *response.content_length == range->last - range->first + 1);
    // A part without a name for the file is no proof, and neither is one without an end.
    bool const is_this_file =
        range && (file.validator == response.etag || file.validator == response.last_modified) &&
        (file.size ? !range->size || *range->size == *file.size : range->size.has_value());
    if (file.have == 0)
        return error_info(errc::protocol_error, "the part is not the one asked for");
    download_decision decision(download_decision::action::resume);
    if (!is_this_part || !is_this_file) {
        decision.next = download_decision::action::restart;
        decision.why =
            error_info(errc::connection_lost, is_this_part ? "the file changed while it was being fetched"
                                                           : "the part is not the one asked for");
    }
    decision.file = file;
    if (range && !file.size)
        decision.file.size = range->size;
    return decision;
}

inline download_decision decide_redirect(download_response const& response, request_url const& asked)
{
    if (response.location.empty())
        return error_info(errc::bad_response, "a redirect without a place to go");
    download_decision decision(download_decision::action::redirect);
    decision.location = resolve_link(asked, response.location);
    return decision;
}

inline download_decision decide_file(download_response const& response, bool is_part,
                                     file_in_transfer const& file, std::uint64_t max_size)
{
    if (auto problem = check_encoding(response))
        return std::move(*problem);
    if (auto problem = check_size(response, is_part ? file.have : 0, max_size))
        return std::move(*problem);
    if (is_part)
        return decide_part(response, file);
    download_decision decision(download_decision::action::from_start);
    decision.file.validator = validator_of(response);
    // What was said of this file binds.
    bool const is_same = !file.validator.empty() && file.validator == decision.file.validator;
    decision.file.size = response.content_length || !is_same ? response.content_length : file.size;
    return decision;
}

// The whole file may be there already.
inline download_decision decide_unsatisfiable(download_response const& response, file_in_transfer const& file)
{
    if (file.have > 0 && response.content_range == "bytes */" + std::to_string(file.have) &&
        file.size.value_or(file.have) == file.have)
        return download_decision::action::complete;
    download_decision decision(download_decision::action::restart);
    decision.why = error_info(errc::connection_lost, "the file changed while it was being fetched");
    return decision;
}

// What an answer means for a transfer.
inline download_decision decide_download(download_response const& response, request_url const& asked,
                                         file_in_transfer const& file, std::uint64_t max_size,
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
        decision = decide_file(response, false, file, max_size);
        break;
    case download_status::part:
        decision = decide_file(response, true, file, max_size);
        break;
    case download_status::redirect:
        decision = decide_redirect(response, asked);
        break;
    case download_status::expired:
        return fail(error_info(errc::result_expired));
    case download_status::changed:
        decision = decide_unsatisfiable(response, file);
        break;
    case download_status::rate_limited:
        return ask_later(api_errc::rate_limited);
    case download_status::unavailable:
        return ask_later(api_errc::unavailable);
    case download_status::unexpected:
        return fail(
            error_info(errc::bad_response, "the file server's answer is neither a file nor an error"));
    }
    if (decision.next == download_decision::action::fail ||
        decision.next == download_decision::action::restart)
        decision.why.http_status(response.status);
    return decision;
}

// When a link is asked again that is refused before its time: it can need some minutes until the storage has the file.
class link_patience
{
public:
    explicit link_patience(std::chrono::milliseconds whole) : left_(whole) {}

    // The pause before the next question, or none where the patience is over.
    std::optional<std::chrono::milliseconds> next() noexcept
    {
        if (left_ <= std::chrono::milliseconds::zero())
            return std::nullopt;
        auto const pause = std::min(std::exchange(pause_, std::min(2 * pause_, longest)), left_);
        left_ -= pause;
        return pause;
    }

private:
    static constexpr std::chrono::milliseconds longest{30'000};

    std::chrono::milliseconds left_;
    std::chrono::milliseconds pause_{1'000};
};

// A refusal while the link should be good is none of its age.
inline error_info refused_before_expiry(error_info why)
{
    return why.code(classify_error(why.http_status(), {}))
        .client_message("the link is refused, though it has not expired");
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
