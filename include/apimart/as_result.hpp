// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_AS_RESULT_HPP
#define APIMART_AS_RESULT_HPP

#include <apimart/error.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <type_traits>
#include <utility>

namespace apimart {

/// Asks for the outcome as one `result<T>` that holds either the value or the whole `failure`; nothing is
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

namespace detail {

// A caller's handler without its type.
template <class T>
class completion
{
public:
    template <class Handler>
    explicit completion(Handler given)
        : knows_executor(is_io_executor<Handler>), executor(executor_of(given)), handler(std::move(given))
    {}

    // Where the handler runs, as long as its type says it at no cost; empty for "where the client runs". What the
    // erased handler tells is made by two allocations.
    bool knows_executor;
    boost::asio::any_io_executor executor;
    boost::asio::any_completion_handler<void(result<T>)> handler;

private:
    using io_executor = boost::asio::any_io_executor;

    template <class Handler>
    static constexpr bool is_io_executor =
        std::is_same_v<boost::asio::associated_executor_t<Handler, io_executor>, io_executor>;

    template <class Handler>
    static io_executor executor_of(Handler const& from)
    {
        if constexpr (is_io_executor<Handler>)
            return boost::asio::get_associated_executor(from, io_executor());
        else
            return {};
    }
};

template <class Token>
inline constexpr bool is_as_result = false;
template <class Token>
inline constexpr bool is_as_result<as_result_t<Token>> = true;

// What a handler of the user's sees where it asked for a code.
template <class T, class Handler>
class code_handler
{
public:
    explicit code_handler(Handler handler) : inner(std::move(handler)) {}

    void operator()(result<T> outcome)
    {
        if constexpr (std::is_void_v<T>)
            std::move(inner)(outcome ? error_code() : outcome.error().code());
        else if (outcome)
            std::move(inner)(error_code(), std::move(*outcome));
        else
            std::move(inner)(outcome.error().code(), T());
    }

    Handler inner;
};

template <class T>
struct code_signature
{
    using type = void(error_code, T);
};
template <>
struct code_signature<void>
{
    using type = void(error_code);
};

// Starts one operation for any token. `start` is called with a `completion<T>`.
template <class T, class Start, class Token>
auto initiate(Start start, Token&& token)
{
    namespace asio = boost::asio;
    using plain = std::decay_t<Token>;
    if constexpr (is_as_result<plain>) {
        auto inner = std::forward<Token>(token).token;
        return asio::async_initiate<decltype(inner), void(result<T>)>(
            [](auto handler, Start begin) { begin(completion<T>(std::move(handler))); }, inner,
            std::move(start));
    } else {
        return asio::async_initiate<Token, typename code_signature<T>::type>(
            [](auto handler, Start begin) {
                begin(completion<T>(code_handler<T, decltype(handler)>(std::move(handler))));
            },
            token, std::move(start));
    }
}

} // namespace detail
} // namespace apimart

template <template <class, class> class Associator, class T, class Handler, class Default>
struct boost::asio::associator<Associator, apimart::detail::code_handler<T, Handler>, Default>
    : Associator<Handler, Default>
{
    static auto get(apimart::detail::code_handler<T, Handler> const& h) noexcept
    {
        return Associator<Handler, Default>::get(h.inner);
    }
    static auto get(apimart::detail::code_handler<T, Handler> const& h, Default const& d) noexcept
    {
        return Associator<Handler, Default>::get(h.inner, d);
    }
};

#endif
