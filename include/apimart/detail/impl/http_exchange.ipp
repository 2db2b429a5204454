// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_HTTP_EXCHANGE_IPP
#define APIMART_DETAIL_IMPL_HTTP_EXCHANGE_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/transport/http_exchange.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>

namespace apimart::detail {

APIMART_INLINE bool is_plain_framing(boost::beast::http::response_header<> const& header)
{
    namespace http = boost::beast::http;
    if (header.result_int() < 100 || header.result_int() > 599)
        return false;
    auto const codings = header.equal_range(http::field::transfer_encoding);
    if (codings.first == codings.second)
        return true;
    if (std::next(codings.first) != codings.second || header.version() < 11)
        return false;
    return boost::beast::iequals(codings.first->value(), "chunked") &&
           header.find(http::field::content_length) == header.end();
}

APIMART_INLINE error_code transport_code(error_code code, bool expired)
{
    namespace http = boost::beast::http;
    if (expired)
        return make_error_code(errc::response_timeout);
    if (code == boost::asio::error::operation_aborted)
        return code;
    if (code == http::error::header_limit || code == http::error::body_limit ||
        code == http::error::buffer_overflow)
        return make_error_code(errc::response_too_large);
    if (code == http::error::end_of_stream || code == http::error::partial_message)
        return make_error_code(errc::connection_lost);
    static error_code const an_http_error = http::make_error_code(http::error::bad_version);
    if (code.category() == an_http_error.category())
        return make_error_code(errc::protocol_error);
    return make_error_code(errc::connection_lost);
}

inline void fail_exchange(exchange_outcome& out, connection const& c, error_code code)
{
    out.error = transport_code(code, c.expired);
    out.underlying = code;
}

APIMART_INLINE boost::asio::awaitable<exchange_outcome> exchange(connection_pool& pool, origin to, lane who,
                                                                 std::string request, limits const& most,
                                                                 timeouts const& times, operation& op)
{
    namespace asio = boost::asio;
    namespace http = boost::beast::http;
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    exchange_outcome out;

    auto acquired = co_await pool.acquire(std::move(to), who);
    if (!acquired) {
        out.error = acquired.error().code();
        co_return out;
    }
    connection_lease lease = std::move(*acquired);
    if (!lease->connected && !op.stop_reason) {
        result<void> const connected = co_await pool.connect(*lease, false, op.stop_reason);
        if (!connected) {
            out.error = connected.error().code();
            out.underlying = connected.error().underlying();
            out.detail = connected.error().detail();
            co_return out;
        }
    }
    if (op.stop_reason) {
        out.error = op.stop_reason;
        co_return out;
    }

    out.reused = lease->served > 0;
    std::optional<cut_on_stop> until_read;
    pool.limit(*lease, connection::clock::now() + times.response);
    out.phase = exchange_phase::sending;
    if (op.is_submit) {
        // A cancelled write reports "aborted" even where its bytes have left already, which would pass for a
        // proof that they had not. So from the first byte on only the deadline ends a submit.
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        op.sending(pool, *lease, times.detached_answer);
    } else {
        until_read.emplace(op, *lease);
    }

    auto const [write_code, written] = co_await asio::async_write(lease->bytes, asio::buffer(request), token);
    error_code code = write_code;
    // A failed write means that the last record never left whole: the peer cannot have had the body's end.
    if (!code) {
        out.phase = exchange_phase::committed;
        ++lease->served;
    }

    constexpr int most_interim_answers = 10;
    for (int interim = 0; !code && interim <= most_interim_answers; ++interim) {
        http::response_parser<http::string_body> parser;
        parser.header_limit(static_cast<std::uint32_t>(most.header_bytes));
        parser.body_limit(most.response_bytes);
        auto const [header_code, header_bytes] =
            co_await http::async_read_header(lease->bytes, lease->buffer, parser, token);
        code = header_code;
        if (code)
            break;
        unsigned const status = parser.get().result_int();
        if (!is_plain_framing(parser.get()) || status == 101) {
            code = http::make_error_code(http::error::bad_transfer_encoding);
            break;
        }
        if (status < 200) {
            if (interim == most_interim_answers)
                code = http::make_error_code(http::error::bad_status);
            continue;
        }
        auto const [body_code, body_bytes] =
            co_await http::async_read(lease->bytes, lease->buffer, parser, token);
        code = body_code;
        if (code)
            break;
        bool const keep = parser.keep_alive() && !parser.need_eof();
        auto message = parser.release();
        out.phase = exchange_phase::answered;
        out.reply.status = static_cast<int>(status);
        out.reply.retry_after = std::string(message[http::field::retry_after]);
        out.reply.content_type = std::string(message[http::field::content_type]);
        out.reply.request_id = std::string(message["X-Oneapi-Request-Id"]);
        out.reply.body = std::move(message.body());
        until_read.reset();
        if (keep)
            lease.give_back();
        break;
    }
    if (op.is_submit) {
        op.settled();
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    }
    if (out.phase != exchange_phase::answered)
        fail_exchange(out, *lease, code);
    co_return out;
}

} // namespace apimart::detail

#endif
