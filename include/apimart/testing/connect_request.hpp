// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_CONNECT_REQUEST_HPP
#define APIMART_TESTING_CONNECT_REQUEST_HPP

#include <cstdint>
#include <string>
#include <vector>

namespace apimart::testing {

/// What a `Proxy-Authorization` header was worth.
enum class proxy_credentials : unsigned char
{
    absent,
    right,
    /// Not those of the options, or none were asked for.
    wrong,
};

/// A request that a connect_proxy has read.
class connect_request
{
public:
    connect_request() = default;

    /// The number of its connection, from 1 in the order of acceptance.
    std::uint64_t connection = 0;
    /// `CONNECT`, or what a client sent in its place.
    std::string method;
    /// `host:port`.
    std::string target;
    proxy_credentials credentials = proxy_credentials::absent;
    /// As they were written, in their order.
    std::vector<std::string> header_names;
    /// What it was answered; 200 for a tunnel, 0 for no answer or an unreadable one.
    unsigned status = 0;
};

} // namespace apimart::testing

#endif
