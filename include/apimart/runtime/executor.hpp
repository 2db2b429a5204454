// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_EXECUTOR_HPP
#define APIMART_RUNTIME_EXECUTOR_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/wait_traits.hpp>

#include <chrono>

namespace apimart::detail {

namespace asio = boost::asio;

// All of a client runs on one strand, whatever the executor of its user is.
using executor = asio::strand<asio::any_io_executor>;

template <class T>
using awaitable = asio::awaitable<T, executor>;

using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;

// Failures of the system's operations are values inside the client, never exceptions.
inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable_t<executor>{});

} // namespace apimart::detail

#endif
