// What every row says about the outcomes of its calls.
#pragma once

#include "byte_server.hpp"
#include "servers.hpp"
#include "user.hpp"
#include "wiretap.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace tls_tests {

inline constexpr tls_version both_versions[] = {tls_version::v1_2, tls_version::v1_3};

inline std::string s_server_option(tls_version version)
{
    return version == tls_version::v1_2 ? "-tls1_2" : "-tls1_3";
}
inline std::string nginx_word(tls_version version)
{
    return version == tls_version::v1_2 ? "TLSv1.2" : "TLSv1.3";
}
inline std::string event_word(tls_version version)
{
    return version == tls_version::v1_2 ? "TLSv1.2" : "TLSv1.3";
}

/// The call succeeded with what the server had to give.
inline void check_accepted(path way, outcome const& got)
{
    INFO(got.why.describe());
    CHECK(got.good);
    if (is_download(way))
        CHECK(got.bytes == video_bytes);
    count_check();
}

/// The call failed, and its text names the host and the reason; a file that did not come is not there.
inline void check_failed(path way, outcome const& got, apimart::error_code code, std::string_view host,
                         std::string_view reason = "")
{
    std::string const text = got.why.describe();
    INFO(text);
    CHECK_FALSE(got.good);
    CHECK(got.why.code() == code);
    CHECK(text.find(host) != std::string::npos);
    if (!reason.empty())
        CHECK(got.why.client_message().find(": " + std::string(reason)) != std::string::npos);
    CHECK(text.find(key_text) == std::string::npos);
    if (is_download(way))
        CHECK_FALSE(got.file_left);
    count_check();
}

/// As above, for what happens before a byte of the request is sent or is proved to be without effect.
inline void check_refused(path way, outcome const& got, apimart::error_code code, std::string_view host,
                          std::string_view reason = "")
{
    check_failed(way, got, code, host, reason);
    CHECK(got.why.acceptance() ==
          (is_submit(way) ? apimart::acceptance::not_sent : apimart::acceptance::none));
}

} // namespace tls_tests
