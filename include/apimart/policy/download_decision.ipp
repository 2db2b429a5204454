// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_DOWNLOAD_DECISION_IPP
#define APIMART_POLICY_DOWNLOAD_DECISION_IPP

#include <apimart/policy/download_decision.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <chrono>

namespace apimart::detail {

APIMART_INLINE download_step judge_download(download_answer const& answer, request_url const& asked,
                                            std::uint64_t have, std::uint64_t max_size)
{
    auto const fail = [&](failure why) { return download_step(std::move(why.http_status(answer.status))); };
    int const status = answer.status;
    if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
        if (answer.location.empty())
            return fail(failure(errc::unexpected_response, "a redirect without a place to go"));
        download_step step(download_step::kind::redirect);
        step.location = answer.location;
        if (answer.location.starts_with('/') && !answer.location.starts_with("//"))
            step.location = std::string(asked.origin.tls ? "https://" : "http://") +
                            asked.origin.authority() + answer.location;
        return step;
    }
    if (status == 401 || status == 403 || status == 404 || status == 410)
        return fail(failure(errc::result_expired));
    if (status == 416)
        return fail(failure(errc::connection_lost, "the file changed while it was being fetched"));
    if (status == 429 || status == 408 || (status >= 500 && status <= 599)) {
        auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        failure why(make_error_code(status == 429 ? api_errc::rate_limited : api_errc::unavailable));
        why.retry_after(parse_retry_after(answer.retry_after, now));
        return fail(std::move(why));
    }
    if (status != 200 && status != 206)
        return fail(
            failure(errc::unexpected_response, "the file server's answer is neither a file nor an error"));
    if (!answer.content_encoding.empty() && answer.content_encoding != "identity")
        return fail(failure(errc::unexpected_response, "the file came encoded though that was declined"));
    for (std::string_view const text : {"text/", "application/json", "application/xml"}) {
        if (std::string_view(answer.content_type).starts_with(text))
            // The type alone: what follows it is the file server's free text.
            return fail(failure(errc::download_corrupt,
                                "got " + std::string(text) + (text.ends_with('/') ? "..." : "")));
    }
    if (answer.content_length == std::uint64_t{0})
        return fail(failure(errc::download_corrupt, "the file is empty"));
    std::uint64_t const before = status == 206 ? have : 0;
    if (answer.content_length &&
        (*answer.content_length > max_size || before > max_size - *answer.content_length))
        return fail(failure(errc::download_too_large, "more than " + std::to_string(max_size) + " bytes"));
    if (status == 200)
        return download_step(download_step::kind::from_start);
    // A part is only good if it is the very part that was asked for.
    std::string const expected = "bytes " + std::to_string(have) + "-";
    if (have == 0 || !answer.content_range.starts_with(expected))
        return fail(failure(errc::protocol_error, "the part is not the one asked for"));
    return download_step(download_step::kind::go_on);
}

APIMART_INLINE bool may_begin_a_video(std::string_view first_bytes)
{
    std::size_t const at = first_bytes.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos)
        return first_bytes.empty();
    return first_bytes[at] != '<' && first_bytes[at] != '{';
}

} // namespace apimart::detail

#endif
