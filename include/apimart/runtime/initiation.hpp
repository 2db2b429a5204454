// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_INITIATION_HPP
#define APIMART_RUNTIME_INITIATION_HPP

#include <apimart/as_result.hpp>
#include <apimart/error.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

// Forward declarations: whoever uses one of these tokens has included its header.
namespace boost::asio {
template <class>
class use_future_t;
template <class, class>
class executor_binder;
template <class, class>
class cancellation_slot_binder;
template <class, class>
class allocator_binder;
template <class, class>
class immediate_executor_binder;
template <class, class...>
class consign_t;
template <class, class, class>
class cancel_after_t;
template <class, class, class>
class cancel_at_t;
} // namespace boost::asio

namespace apimart::detail {

// Where the outcome of an operation is from when it is made until its handler runs.
template <class T>
class completed
{
public:
    virtual ~completed() = default;

    // Called where the handler runs, just before it: the last moment at which a cancellation counts.
    virtual void settle() {}

    std::optional<result<T>> outcome;
};

// A caller's handler without its type.
template <class T>
using completion = boost::asio::any_completion_handler<void(std::shared_ptr<completed<T>>)>;

// Who is going to be told how a call ended, and what.
template <class T>
class pending : public completed<T>
{
public:
    explicit pending(completion<T>&& told) : handler(std::move(told)) {}

    completion<T> handler;
};

template <class Token>
inline constexpr bool is_as_result = false;
template <class Token>
inline constexpr bool is_as_result<as_result_t<Token>> = true;

// Tokens that turn a failure into an exception get the whole `error`, not a code: also inside of tokens that do not look
// at the arguments of a completion.
template <class Token>
inline constexpr bool throws = false;
template <class Executor>
inline constexpr bool throws<boost::asio::use_awaitable_t<Executor>> = true;
template <class Allocator>
inline constexpr bool throws<boost::asio::use_future_t<Allocator>> = true;
template <class Token, class Executor>
inline constexpr bool throws<boost::asio::executor_binder<Token, Executor>> = throws<Token>;
template <class Token, class Slot>
inline constexpr bool throws<boost::asio::cancellation_slot_binder<Token, Slot>> = throws<Token>;
template <class Token, class Allocator>
inline constexpr bool throws<boost::asio::allocator_binder<Token, Allocator>> = throws<Token>;
template <class Token, class Executor>
inline constexpr bool throws<boost::asio::immediate_executor_binder<Token, Executor>> = throws<Token>;
template <class Token, class... Values>
inline constexpr bool throws<boost::asio::consign_t<Token, Values...>> = throws<Token>;
template <class Token, class Clock, class Traits>
inline constexpr bool throws<boost::asio::cancel_after_t<Token, Clock, Traits>> = throws<Token>;
template <class Token, class Clock, class Traits>
inline constexpr bool throws<boost::asio::cancel_at_t<Token, Clock, Traits>> = throws<Token>;

// How an operation with a result of type `T` completes for a token, and what its initiation is asked for.
template <class Token, class T>
struct completion_form
{
    using token_type = Token;
    using signature = std::conditional_t<throws<Token>, void(std::exception_ptr, T), void(error_code, T)>;
    static Token& inner(Token& token) { return token; }
};
template <class Token, class T>
struct completion_form<as_result_t<Token>, T>
{
    using token_type = Token;
    using signature = void(result<T>);
    static Token& inner(as_result_t<Token>& token) { return token.token; }
};

template <class Token, class T>
concept fitting_token =
    boost::asio::completion_token_for < typename completion_form<std::decay_t<Token>, T>::token_type,
typename completion_form<std::decay_t<Token>, T>::signature > ;

// A function object or function; of those with a template, nobody can tell how they are called.
template <class Token>
concept function = requires
{
    &std::decay_t<Token>::operator();
}
|| std::is_function_v<std::remove_pointer_t<std::decay_t<Token>>>;

/// A completion token for an operation of the client with a result of type `T`.
// A function with other arguments is one as well, also inside of `as_result`, so that `initiate` can say what is wrong
// with it.
template <class Token, class T>
concept completion_token =
    fitting_token<Token, T> || function<typename completion_form<std::decay_t<Token>, T>::token_type>;

// Gives the outcome to a handler where that runs, and in the form that its signature has. Until then it is work on the
// executor there, so that the context waits for it.
template <class Signature, class T, class Handler>
class outcome_handler
{
public:
    outcome_handler(Handler handler, boost::asio::any_io_executor const& otherwise)
        : work_(tracked(handler, otherwise)), inner(std::move(handler))
    {}

    void operator()(std::shared_ptr<completed<T>> done)
    {
        auto const where = std::move(work_);
        boost::asio::dispatch(where, call(std::move(inner), std::move(done)));
    }

private:
    class call
    {
    public:
        using allocator_type = boost::asio::associated_allocator_t<Handler>;

        call(Handler&& handler, std::shared_ptr<completed<T>>&& done)
            : handler_(std::move(handler)), done_(std::move(done))
        {}

        allocator_type get_allocator() const noexcept
        {
            return boost::asio::get_associated_allocator(handler_);
        }

        void operator()()
        {
            done_->settle();
            Handler handler = std::move(handler_);
            result<T> outcome = std::move(*done_->outcome);
            done_.reset();
            boost::asio::get_associated_cancellation_slot(handler).clear();
            if constexpr (std::is_same_v<Signature, void(result<T>)>)
                std::move(handler)(std::move(outcome));
            else if (outcome)
                std::move(handler)(first(outcome), std::move(*outcome));
            else
                std::move(handler)(first(outcome), T());
        }

    private:
        static auto first(result<T> const& outcome)
        {
            if constexpr (std::is_same_v<Signature, void(std::exception_ptr, T)>)
                return outcome ? std::exception_ptr() : std::make_exception_ptr(error(outcome.error()));
            else
                return outcome ? error_code() : outcome.error().code();
        }

        Handler handler_;
        std::shared_ptr<completed<T>> done_;
    };

    static auto tracked(Handler const& handler, boost::asio::any_io_executor const& otherwise)
    {
        return boost::asio::prefer(boost::asio::get_associated_executor(handler, otherwise),
                                   boost::asio::execution::outstanding_work.tracked);
    }

    std::decay_t<decltype(tracked(std::declval<Handler const&>(),
                                  std::declval<boost::asio::any_io_executor const&>()))>
        work_;

public:
    Handler inner;
};

// Begins one operation for any token. `Start` is called with a `completion<T>`; its executor is the client's, which
// tokens such as `cancel_after` ask the initiation for. A coroutine keeps it while it waits, so it is small.
template <class Signature, class T, class Start>
class initiation
{
public:
    using executor_type = boost::asio::any_io_executor;

    explicit initiation(Start start) : start_(std::move(start)) {}

    executor_type get_executor() const noexcept { return start_.get_executor(); }

    template <class Handler>
    void operator()(Handler&& handler) &&
    {
        using inner = outcome_handler<Signature, T, std::decay_t<Handler>>;
        std::move(start_)(completion<T>(inner(std::forward<Handler>(handler), get_executor())));
    }
    template <class Handler>
    void operator()(Handler&& handler) const&
    {
        initiation (*this)(std::forward<Handler>(handler));
    }

private:
    Start start_;
};

class client_handle;
boost::asio::any_io_executor executor_of(client_handle const& client);

// The function that starts an operation, with its arguments, until the handler is known. A class rather than a lambda,
// because a token such as `deferred` keeps it and may use it again.
template <class T, class... Arguments>
class operation_start
{
public:
    using function = void (*)(client_handle const&, completion<T>, Arguments...);

    operation_start(std::shared_ptr<client_handle> client, function start, Arguments... arguments)
        : client_(std::move(client)), start_(start), arguments_(std::move(arguments)...)
    {}

    boost::asio::any_io_executor get_executor() const { return executor_of(*client_); }

    void operator()(completion<T> handler) &&
    {
        std::apply([&](Arguments&... each) { start_(*client_, std::move(handler), std::move(each)...); },
                   arguments_);
    }

private:
    std::shared_ptr<client_handle> client_;
    function start_;
    std::tuple<Arguments...> arguments_;
};

template <class T, class Start, class Token>
auto initiate(Start start, Token token)
{
    static_assert(
        fitting_token<Token, T>,
        "a completion handler is called with two arguments, the error_code and the operation's result: "
        "[](boost::system::error_code code, apimart::task task) { ... } for submit, apimart::task_result for "
        "wait; "
        "inside of as_result with one: [](apimart::result<apimart::task> task) { ... }");
    if constexpr (fitting_token<Token, T>) {
        using form = completion_form<Token, T>;
        using signature = typename form::signature;
        return boost::asio::async_initiate<typename form::token_type, signature>(
            initiation<signature, T, Start>(std::move(start)), form::inner(token));
    }
}

} // namespace apimart::detail

template <template <class, class> class Associator, class Signature, class T, class Handler, class Default>
struct boost::asio::associator<Associator, apimart::detail::outcome_handler<Signature, T, Handler>, Default>
    : Associator<Handler, Default>
{
    static auto get(apimart::detail::outcome_handler<Signature, T, Handler> const& h) noexcept
    {
        return Associator<Handler, Default>::get(h.inner);
    }
    static auto get(apimart::detail::outcome_handler<Signature, T, Handler> const& h,
                    Default const& d) noexcept
    {
        return Associator<Handler, Default>::get(h.inner, d);
    }
};

#endif
