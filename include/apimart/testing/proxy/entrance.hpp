// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_ENTRANCE_HPP
#define APIMART_TESTING_PROXY_ENTRANCE_HPP

namespace apimart::testing {

/// How a port treats those who connect to it.
enum class entrance : unsigned char
{
    /// Connections are accepted and served.
    open,
    /// Connections are accepted and reset at once.
    reset,
    /// Connections succeed, but nobody ever accepts them: no byte is read or written. Those that wait are
    /// served when the entrance opens.
    silent,
    /// The port exists, but no connection comes about: attempts run into their time limit.
    unreachable,
    /// The system refuses connections, as if no program listened there; the port stays reserved.
    refused,
};

} // namespace apimart::testing

#endif
