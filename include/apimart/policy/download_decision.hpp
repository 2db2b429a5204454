// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_DOWNLOAD_DECISION_HPP
#define APIMART_POLICY_DOWNLOAD_DECISION_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/origin.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// The head of a file server's answer, as far as it decides anything.
class download_answer
{
public:
    download_answer() {}

    int status = 0;
    std::string location;
    std::string content_type;
    std::string content_encoding;
    std::string content_range;
    std::string retry_after;
    std::optional<std::uint64_t> content_length;
};

class download_step
{
public:
    enum class kind
    {
        from_start, // the body is the whole file
        go_on,      // the body continues what is there
        redirect,   // ask at `location` instead
        fail,
    };

    download_step(kind k) : what(k) {}
    download_step(failure f) : what(kind::fail), why(std::move(f)) {}

    kind what;
    std::string location;
    failure why;
};

// What an answer means for a transfer that has `have` bytes already.
download_step judge_download(download_answer const& answer, request_url const& asked, std::uint64_t have,
                             std::uint64_t max_size);

// Error pages and storage errors begin like text; no video does.
bool may_begin_a_video(std::string_view first_bytes);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/policy/download_decision.ipp>
#endif

#endif
