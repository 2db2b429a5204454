// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_EXECUTOR_HPP
#define APIMART_RUNTIME_EXECUTOR_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>

namespace apimart::detail {

// Everything inside one client runs on one strand, whatever the user's executor is.
using executor = boost::asio::strand<boost::asio::any_io_executor>;

template <class T>
using awaitable = boost::asio::awaitable<T, executor>;

using timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

// `co_await` of an operation with it gives all of its results as a tuple, and makes no coroutine of its own.
inline constexpr auto use_tuple = boost::asio::as_tuple(boost::asio::deferred);

} // namespace apimart::detail

#endif
