// SPDX-License-Identifier: BSL-1.0
// The header by which a client opts in to the newer form of answers.
#ifndef APIMART_TESTING_NETWORK_RESPONSE_VERSION_HPP
#define APIMART_TESTING_NETWORK_RESPONSE_VERSION_HPP

#include <apimart/testing/network/http_message.hpp>

#include <string_view>

namespace apimart::testing::emulation {

inline constexpr std::string_view response_version_header = "X-APIMart-Response-Version";
inline constexpr std::string_view response_version = "2026-07-27";

/// Whether a request opts in; other versions are not known to anybody, and ignored.
inline bool asks_for_new_contract(request_view const& request)
{
    return request.header(response_version_header).value_or("") == response_version;
}

} // namespace apimart::testing::emulation

#endif
