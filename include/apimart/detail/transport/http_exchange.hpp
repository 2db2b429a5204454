// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_TRANSPORT_HTTP_EXCHANGE_HPP
#define APIMART_DETAIL_TRANSPORT_HTTP_EXCHANGE_HPP

#include <apimart/detail/exchange_outcome.hpp>
#include <apimart/detail/operation.hpp>
#include <apimart/detail/transport/connection_pool.hpp>
#include <apimart/detail/transport/origin.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include <string>

namespace apimart::detail {

// Whether an answer's framing is one that this client understands without doubt. The parser below lets more
// through than can be read safely on a connection that is used again.
bool is_plain_framing(boost::beast::http::response_header<> const& header);

// The library's code for an I/O error in the middle of an exchange.
error_code transport_code(error_code code, bool expired);

// Sends one complete request and reads its complete answer. Never repeats anything.
boost::asio::awaitable<exchange_outcome> exchange(connection_pool& pool, origin to, lane who,
                                                  std::string request, limits const& most,
                                                  timeouts const& times, operation& op);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/http_exchange.ipp>
#endif

#endif
