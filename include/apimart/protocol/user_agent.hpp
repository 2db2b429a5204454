// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_USER_AGENT_HPP
#define APIMART_PROTOCOL_USER_AGENT_HPP

#include <apimart/version.hpp>

#include <string_view>

namespace apimart::detail {

// What every request and every CONNECT says of its sender.
inline constexpr std::string_view user_agent = "apimart-cpp/" APIMART_VERSION_STRING;

} // namespace apimart::detail

#endif
