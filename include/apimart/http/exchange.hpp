// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_EXCHANGE_HPP
#define APIMART_HTTP_EXCHANGE_HPP

#include <apimart/http/connection.hpp>
#include <apimart/http/connection_pool.hpp>
#include <apimart/http/connector.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/runtime/client_runtime.hpp>
#include <apimart/text/secret_string.hpp>

#include <boost/asio/co_spawn.hpp>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace apimart::detail {

// The next piece of a body that is not in memory, valid until the next call; empty at its end. What it waits for it waits for
// on the timer, which is cancelled where no more is wanted.
using body_reader = std::function<awaitable<result<std::string_view>>(timer& pause)>;

class http_request
{
public:
    http_request(detail::origin const& target, detail::lane wanted_for) : to(&target), lane(wanted_for) {}

    detail::origin const* to; // outlives the exchange
    detail::lane lane;
    secret_string head;
    std::string_view body; // outlives the exchange
    body_reader rest;      // behind it
    std::size_t rest_size = 0;
    std::uint64_t response_limit = 0;
    bool public_only = false;   // no private address of the peer
    bool streams = false;       // the body is taken piece by piece
    counter* counted = nullptr; // as the last byte leaves
    bool* committed = nullptr;  // set where the service may have all of it
    // No byte of it leaves later, however long it waits for a connection.
    std::chrono::steady_clock::time_point not_after = std::chrono::steady_clock::time_point::max();
};

// One request on one connection, and its complete answer. Never repeats anything: whoever sent it decides on that by its
// `result`.
template <class Connection, class Connector>
class basic_exchange
{
public:
    using clock = std::chrono::steady_clock;
    using pool_type = basic_connection_pool<Connection>;

    basic_exchange(client_runtime& runtime, pool_type& pool, Connector& connector)
        : texts_(pool.take_texts()), result(texts_.front().result), runtime_(runtime), pool_(pool),
          connector_(connector)
    {}
    basic_exchange(basic_exchange const&) = delete;
    basic_exchange& operator=(basic_exchange const&) = delete;
    // Over already, unless an exception ends the operation or the execution context goes away.
    ~basic_exchange()
    {
        if (body_)
            body_->owner = nullptr;
        if (runtime_.destroyed())
            return;
        if (body_)
            body_->stop();
        if (state_ != state::over)
            runtime_.counters.requests_in_flight.subtract();
        if (connection_)
            pool_.discard(connection_);
        pool_.give_back(texts_);
    }

    // A request whose head uses the memory of an earlier one, and gives it back in `send`.
    http_request request_to(detail::origin const& target, detail::lane wanted_for)
    {
        http_request made(target, wanted_for);
        made.head.swap(texts_.front().head);
        return made;
    }

    // Sends the request, which outlives it, and reads its answer to the end, or to the end of the head where the body is
    // streamed. What became of it is in `result`.
    awaitable<void> send(http_request&& request)
    {
        begin(request);
        typename pool_type::waiter line(request.public_only);
        if (!stop_reason_)
            connection_ = pool_.acquire(line, *request.to, request.lane);
        bool const waits = !stop_reason_ && !connection_;
        if (waits) {
            waiter_ = &line;
            co_await line.timer->async_wait(use_tuple);
            waiter_ = nullptr;
            connection_ = std::move(line.granted);
        }
        if (stop_reason_)
            co_return fail(error_info(stop_reason_));
        result.reused = connection_->served > 0;
        if (!connection_->is_open())
            co_await connect();
        // It was sound when it was granted, a turn ago, and nobody watches it meanwhile.
        else if (waits && connection_->check_alive() != Connection::liveness::ok)
            fail(error_info(errc::connection_lost, connection_->origin.host));
        if (state_ == state::over)
            co_return;
        if (runtime_.now() >= request.not_after)
            co_return fail(error_info(errc::deadline_exceeded, "it may not be sent any more"));

        std::string_view const unwritten = begin_writing(request);
        for (std::string_view first = request.head; !first.empty() && !write_error_;) {
            auto const wrote = co_await connection_->write_some(first);
            write_error_ = std::get<0>(wrote);
            first.remove_prefix(std::get<1>(wrote));
        }
        // The key stands in it, or a signed link.
        OPENSSL_cleanse(request.head.data(), request.head.size());
        request.head.clear();
        texts_.front().head.swap(request.head);
        // An answer can come before all of a large request is out, and then the service may read no more of it: what is left is
        // written by a coroutine of its own, which ends in `write_ended`.
        if (!write_error_ && (!unwritten.empty() || request.rest))
            write_body(unwritten, std::move(request.rest));
        else
            write_ended();
        while (!take_input())
            on_read(co_await connection_->read_some());
        if (body_ && body_->active) {
            connection_->close();
            body_->stop();
        }
        while (body_ && body_->active)
            co_await body_->ended.async_wait(use_tuple);
        body_.reset();
        if (!streams_ || failure_)
            finish();
    }

    // The next part of a streamed body, valid until the next call; empty when the exchange is over.
    awaitable<std::string_view> read_piece()
    {
        while (state_ != state::over) {
            if (std::exchange(piece_ready_, false))
                co_return connection_->parser.piece();
            if (failure_ || connection_->parser.where() == response_parser::state::done)
                finish();
            else
                while (!take_input())
                    on_read(co_await connection_->read_some());
        }
        co_return std::string_view();
    }

    // What a streamed answer has brought is worked on, and nothing is read until it is done.
    void pause()
    {
        connection_->unlimit();
        piece_until_ = {};
    }

    // Ends it now.
    void cancel(error_code why)
    {
        stop_reason_ = why;
        if (waiter_ != nullptr) {
            waiter_->unlink();
            waiter_->timer->cancel();
        }
        if (connection_)
            connection_->close();
        if (body_)
            body_->stop();
    }

    // While it is being sent: cuts the write. If not all had left, that ends it. Otherwise its answer has to come within
    // `grace`; with `only_unsent` it goes on as if nothing had been asked, and may be asked again without.
    void stop_sending(error_code why, std::chrono::milliseconds grace, bool only_unsent)
    {
        if (write_error_) // An answer is still looked for, and the write is over.
            return cancel(why);
        if (unsent_stop_ && (only_unsent || !only_unsent_))
            return;
        unsent_stop_ = why;
        grace_ = grace;
        only_unsent_ = only_unsent;
        connection_->end_write();
    }
    bool is_sending() const noexcept { return state_ == state::sending; }
    // Whether all of it has been sent, so that only the answer can tell what became of it.
    bool is_reading() const noexcept { return state_ == state::reading; }
    // Why it was stopped, where it was.
    error_code const& stopped_by() const noexcept { return stop_reason_; }

    // The answer has to come within this time.
    void shorten_deadline(std::chrono::milliseconds grace)
    {
        answer_until_ = std::min(answer_until_, runtime_.now() + grace);
        if (connection_)
            connection_->limit(answer_until_);
    }

    // The head of a streamed answer; none where the exchange is over already.
    response_parser const* head() const noexcept
    {
        return state_ == state::over ? nullptr : &connection_->parser;
    }
    // The rest of a streamed answer is not wanted.
    void reject(error_info const& why)
    {
        if (state_ != state::over)
            fail(why);
    }

private:
    std::list<exchange_texts> texts_; // one, lent by the pool

public:
    http_result& result;
    clock::time_point begun{};

private:
    enum class state
    {
        over,
        waiting, // for a connection
        sending,
        reading
    };

    // The part of a request that is written while its answer may come already.
    class body_write
    {
    public:
        body_write(executor const& on, basic_exchange& exchange)
            : ended(on, timer::time_point::max()), pause(on), owner(&exchange)
        {}

        // Nothing more is read to be written.
        void stop()
        {
            stopped = true;
            pause.cancel();
        }

        timer ended; // cancelled at the end
        timer pause; // of the reader
        bool active = true;
        bool stopped = false;
        std::optional<error_info> read_failure;
        basic_exchange* owner;
    };

    static constexpr std::size_t record = std::size_t{16} << 10U;

    void begin(http_request const& request)
    {
        if (begun != clock::time_point())
            result.clear();
        begun = runtime_.now();
        state_ = state::waiting;
        streams_ = request.streams;
        piece_ready_ = false;
        failure_.reset();
        write_error_ = {};
        write_timed_out_ = false;
        piece_until_ = {};
        piece_bytes_ = 0;
        runtime_.counters.requests_in_flight.add();
    }

    awaitable<void> connect()
    {
        apimart::result<void> const connected = co_await connector_.connect(*connection_);
        if (stop_reason_)
            co_return fail(error_info(stop_reason_));
        if (!connected) {
            pool_.connect_failed(*connection_, connected.error().code());
            co_return fail(connected.error());
        }
        pool_.connect_succeeded(*connection_);
    }

    // Puts the beginning of the body behind the head, so that a small request is one record, and returns the rest.
    std::string_view begin_writing(http_request& request)
    {
        state_ = state::sending;
        connection& c = *connection_;
        result.address = c.address;
        result.begun = runtime_.now();
        c.parser.reset(runtime_.limits.header_limit, request.response_limit, streams_);
        // Asio lets every session give its buffers back while it waits. Many files are waited for at one time; for a small
        // answer it costs less to keep them.
        if (SSL* const session = c.tls())
            streams_ ? SSL_set_mode(session, SSL_MODE_RELEASE_BUFFERS)
                     : SSL_clear_mode(session, SSL_MODE_RELEASE_BUFFERS);
        c.keep_open_at_limit(true);
        c.limit_after(runtime_.timeouts.send);
        request_size_ = request.head.size() + request.body.size() + request.rest_size;
        written_before_ = c.written();
        counted_ = request.counted;
        committed_ = request.committed;
        std::size_t const room = record - std::min(record, request.head.size());
        request.head.append(request.body.substr(0, room));
        return request.body.substr(std::min(room, request.body.size()));
    }

    void write_body(std::string_view text, body_reader rest)
    {
        body_ = std::make_shared<body_write>(runtime_.strand(), *this);
        boost::asio::co_spawn(
            runtime_.strand(), write_all(connection_, body_, runtime_.timeouts.send, text, std::move(rest)),
            [body = body_](std::exception_ptr thrown, error_code code) {
                body->active = false;
                body->ended.cancel();
                if (body->owner == nullptr)
                    return;
                body->owner->write_error_ = thrown ? error_code(boost::asio::error::no_memory) : code;
                body->owner->write_ended();
            });
    }
    static awaitable<error_code> write_all(std::shared_ptr<Connection> c, std::shared_ptr<body_write> body,
                                           std::chrono::milliseconds limit, std::string_view text,
                                           body_reader rest)
    {
        for (;;) {
            error_code const code = co_await write_records(c, limit, text);
            if (code || !rest)
                co_return code;
            text = {};
            if (!body->stopped) {
                // The reader has a limit of its own, and less time than that.
                c->limit_after(2 * limit);
                apimart::result<std::string_view> const piece = co_await rest(body->pause);
                if (piece && piece->empty())
                    co_return error_code();
                if (piece)
                    text = *piece;
                else if (!body->stopped)
                    body->read_failure = piece.error();
            }
            if (text.empty())
                co_return error_code(boost::asio::error::operation_aborted);
        }
    }
    // Each record that is taken shows that the peer goes on reading.
    static awaitable<error_code> write_records(std::shared_ptr<Connection> c, std::chrono::milliseconds limit,
                                               std::string_view text)
    {
        while (!text.empty()) {
            // Who closed it may have taken the text along.
            if (!c->is_open())
                co_return boost::asio::error::operation_aborted;
            c->limit_after(limit);
            auto const wrote = co_await c->write_some(text.substr(0, record));
            if (error_code const code = std::get<0>(wrote))
                co_return code;
            text.remove_prefix(std::get<1>(wrote));
            if (c->ends_write() && !text.empty())
                co_return boost::asio::error::operation_aborted;
        }
        co_return error_code();
    }

    // The commit point. Fewer bytes taken than the request has prove that the peer cannot have all of it, because its
    // ciphertext is longer; more than that proves nothing, unless the peer refuses the session: see `session_refused`.
    void write_ended()
    {
        connection& c = *connection_;
        c.keep_open_at_limit(false);
        write_timed_out_ = write_error_ && c.timed_out();
        c.clear_timeout();
        std::uint64_t const taken = c.written() - written_before_;
        result.bytes_sent = static_cast<std::size_t>(std::min<std::uint64_t>(taken, request_size_));
        if (body_ && body_->read_failure) {
            // Whatever has left, the rest was not even read.
            failure_ = std::move(body_->read_failure);
            result.phase = request_phase::sending;
            c.close();
            return;
        }
        if (write_error_) {
            constexpr std::chrono::seconds time_for_early_answer{1};
            // After a limit only what has come already counts.
            c.limit_after(write_timed_out_ ? clock::duration() : time_for_early_answer);
            if (taken >= request_size_)
                commit();
            else if (taken > 0)
                result.phase = request_phase::sending;
            if (unsent_stop_)
                cancel(unsent_stop_);
            return;
        }
        result.bytes_sent = request_size_;
        commit();
        state_ = state::reading;
        ++c.served;
        if (counted_ != nullptr)
            counted_->add();
        answer_until_ = runtime_.now() + runtime_.timeouts.response;
        c.limit(answer_until_);
        if (unsent_stop_ && !only_unsent_) {
            stop_reason_ = unsent_stop_;
            shorten_deadline(grace_);
        }
        unsent_stop_ = {};
    }

    void commit()
    {
        result.phase = request_phase::committed;
        if (committed_ != nullptr)
            *committed_ = true;
    }

    void on_read(std::tuple<error_code, std::size_t> const& got)
    {
        if (failure_)
            return;
        connection& c = *connection_;
        auto const& [code, count] = got;
        c.received(count);
        // After a limit of sending an answer may lie there.
        if (!code || (code == boost::asio::error::operation_aborted && c.is_open()))
            return;
        if (code != boost::asio::error::eof) {
            failure_ = read_failure(code);
            return;
        }
        c.parser.put_end();
        if (c.parser.where() != response_parser::state::done)
            failure_ = write_error_ ? write_failure() : c.parser.why();
    }

    // Whether the answer is complete or cannot become so, or a part of a streamed one is there to be taken.
    bool take_input()
    {
        connection& c = *connection_;
        response_parser& parser = c.parser;
        if (failure_ || parser.where() == response_parser::state::done)
            return true;
        for (;;) {
            std::string_view const bytes = c.unread();
            if (bytes.empty())
                break;
            bool const had_head = parser.head_done();
            std::size_t const used = parser.put(bytes);
            c.consume(used);
            result.bytes_received += used;
            piece_bytes_ += used;
            if (parser.where() == response_parser::state::failed) {
                failure_ = parser.why();
                return true;
            }
            if (streams_ && parser.head_done()) {
                piece_ready_ = !parser.piece().empty();
                if (piece_ready_ || !had_head) {
                    if (!had_head)
                        piece_bytes_ = 0;
                    return true;
                }
            }
            if (parser.where() == response_parser::state::done)
                return true;
            if (used == 0 || used == bytes.size())
                break;
        }
        if (state_ == state::reading && (parser.has_begun() || piece_until_ != clock::time_point{}))
            limit_reading();
        return false;
    }

    // `timeouts::read` begins anew with each part that is large enough: of a file, at a rate below which it is not worth going
    // on. An answer that is not streamed has to be complete in time as well. An interim answer does not begin it.
    void limit_reading()
    {
        if (!connection_->parser.has_begun()) {
            piece_until_ = {};
            piece_bytes_ = 0;
            connection_->limit(answer_until_);
            return;
        }
        auto const in_milliseconds = static_cast<std::size_t>(runtime_.timeouts.read.count());
        std::size_t const enough = streams_ ? std::max<std::size_t>(in_milliseconds, 1) : 1024;
        if (piece_until_ == clock::time_point{} || piece_bytes_ >= enough) {
            piece_bytes_ = 0;
            piece_until_ = runtime_.now() + runtime_.timeouts.read;
        }
        connection_->limit(streams_ && connection_->parser.head_done()
                               ? piece_until_
                               : std::min(piece_until_, answer_until_));
    }

    error_info write_failure() const
    {
        std::string const much = std::to_string(result.bytes_sent) + " of " + std::to_string(request_size_) +
                                 " bytes of the request";
        std::string const& host = connection_->origin.host;
        if (write_timed_out_)
            return error_info(errc::write_timeout, host + ": " + much + " were taken");
        return error_info(errc::connection_lost, "the connection to " + host + " ended after " + much)
            .underlying(write_error_);
    }

    error_info read_failure(error_code const& code)
    {
        connection& c = *connection_;
        bool const got_some = c.parser.got_some();
        if (stop_reason_)
            return error_info(stop_reason_);
        bool const is_tls = code.category() == boost::asio::error::get_ssl_category();
        if (write_error_ && !is_tls)
            return write_failure();
        if (c.timed_out() && c.parser.has_begun())
            return error_info(errc::read_timeout, c.origin.host + ": " +
                                                      std::to_string(result.bytes_received) +
                                                      " bytes of the answer came");
        if (c.timed_out())
            return error_info(errc::response_timeout, c.origin.host);
        if (c.tls() == nullptr)
            return error_info(errc::connection_lost, c.origin.host).underlying(code);
        int const served_before = c.served - (state_ == state::reading ? 1 : 0);
        result.session_refused = session_refused(c.tls(), code, served_before, got_some);
        error_info why = session_failure(code, c.trace, c.origin.host);
        // It was good enough before, and so will another be.
        if (served_before > 0 && is_refusal_alert(openssl_reason(code)))
            return error_info(errc::connection_lost, why.client_message()).underlying(why.code());
        // Without a byte of an answer it makes no difference how the connection ended.
        if (why.code() == errc::stream_truncated && !got_some)
            return error_info(errc::connection_lost, why.client_message())
                .underlying(make_error_code(errc::stream_truncated));
        return why;
    }

    void finish()
    {
        if (failure_)
            fail(*failure_);
        else
            complete();
    }

    void complete()
    {
        response_parser& parser = connection_->parser;
        bool const reusable = state_ == state::reading && connection_->is_open() && parser.keep_alive() &&
                              connection_->unread().empty();
        // Who answers with a success has acted, even on a part of the request.
        if (parser.status() / 100 == 2)
            commit();
        result.phase = request_phase::answered;
        result.response.status = parser.status();
        if (!parser.retry_after().empty()) {
            result.response.retry_after = parser.retry_after();
            result.response.date = parser.date();
        }
        auto const copy = [](std::string_view field, std::string& to) {
            if (!field.empty())
                to = field;
        };
        copy(parser.content_type(), result.response.content_type);
        copy(parser.request_id(), result.response.request_id);
        copy(parser.location(), result.response.location);
        result.response.followed = !connection_->unread().empty();
        result.response.body.swap(parser.body());
        end(reusable);
    }

    void fail(error_info const& why)
    {
        // The same for the beginning of a success.
        if (result.phase < request_phase::committed && state_ == state::sending &&
            connection_->parser.head_done() && connection_->parser.status() / 100 == 2)
            commit();
        result.error = why.code();
        result.underlying = why.underlying();
        result.detail = why.client_message();
        result.http_status = why.http_status();
        if (result.phase >= request_phase::committed && connection_ && connection_->parser.got_some()) {
            constexpr std::size_t kept = 4096;
            result.partial = connection_->parser.body().substr(0, kept);
            result.response.status = connection_->parser.head_done() ? connection_->parser.status() : 0;
        }
        end(false);
    }

    void end(bool reusable)
    {
        state_ = state::over;
        runtime_.counters.requests_in_flight.subtract();
        if (!connection_)
            return;
        std::shared_ptr<Connection> lease = std::move(connection_);
        connection_.reset();
        if (reusable)
            pool_.release(std::move(lease));
        else
            pool_.discard(lease);
    }

    using connection = Connection;

    client_runtime& runtime_;
    pool_type& pool_;
    Connector& connector_;
    state state_ = state::over;
    std::shared_ptr<Connection> connection_;
    typename pool_type::waiter* waiter_ = nullptr;
    std::shared_ptr<body_write> body_;
    error_code stop_reason_;
    error_code unsent_stop_;
    std::chrono::milliseconds grace_{0};
    bool only_unsent_ = false;
    std::optional<error_info> failure_;
    error_code write_error_;
    bool write_timed_out_ = false;
    bool streams_ = false;
    bool piece_ready_ = false;
    std::uint64_t written_before_ = 0;
    std::size_t request_size_ = 0;
    counter* counted_ = nullptr;
    bool* committed_ = nullptr;
    clock::time_point answer_until_{};
    clock::time_point piece_until_{};
    std::size_t piece_bytes_ = 0;
};

using connection_pool = basic_connection_pool<connection>;
using exchange = basic_exchange<connection, connector>;

} // namespace apimart::detail

#endif
