// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_AS_RESULT_HPP
#define APIMART_AS_RESULT_HPP

#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace apimart {

/// The token of an operation that is called without one: `co_await` gives the value or throws `error`.
using default_token = boost::asio::use_awaitable_t<>;

/// Asks for the outcome as one `result<T>` that holds either the value or the whole `error_info`; nothing is
/// thrown. Wraps any completion token.
template <class Token = boost::asio::use_awaitable_t<>>
class as_result_t
{
public:
    constexpr explicit as_result_t(Token inner = Token()) : token(std::move(inner)) {}

    Token token;
};

/// `co_await client.submit(r, as_result())`, or `as_result(token)` for another token.
template <class Token = boost::asio::use_awaitable_t<>>
constexpr as_result_t<Token> as_result(Token token = Token())
{
    return as_result_t<Token>(std::move(token));
}

} // namespace apimart

#endif
