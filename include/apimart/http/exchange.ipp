// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_EXCHANGE_IPP
#define APIMART_HTTP_EXCHANGE_IPP

#include <apimart/http/exchange.hpp>
#include <apimart/separate_compilation.hpp>

#include <algorithm>
#include <utility>

namespace apimart::detail {

APIMART_INLINE void exchange::start(origin const& to, lane which, bool public_addresses_only,
                                    std::uint64_t body_limit, bool in_pieces)
{
    outcome.clear();
    begun = home_.now();
    to_ = &to;
    lane_ = which;
    body_limit_ = body_limit;
    in_pieces_ = in_pieces;
    state_ = state::seeking;
    transport::count(home_.counters.requests_in_flight);
    pool_.seek(*this, to, lane_, public_addresses_only);
}

APIMART_INLINE void exchange::granted(std::shared_ptr<connection> lent)
{
    on_ = std::move(lent);
    outcome.reused = on_->served > 0;
    if (on_->ready()) {
        on_->use(this);
        begin_request();
    } else {
        state_ = state::connecting;
        on_->connect(*this);
    }
}

APIMART_INLINE void exchange::connected(result<void> const& result)
{
    if (!result) {
        pool_.connect_failed(*on_, result.error().code());
        fail(result.error());
        return;
    }
    pool_.connect_succeeded(*on_);
    begin_request();
}

APIMART_INLINE void exchange::begin_request()
{
    state_ = state::sending;
    head_seen_ = false;
    piece_until_ = {};
    piece_bytes_ = 0;
    outcome.address = on_->address();
    outcome.begun = home_.now();
    on_->parser.reset(home_.most.header_bytes, body_limit_, in_pieces_);
    on_->text.clear();
    owner_->write_request(on_->text);
    rest_ = on_->text;
    send();
}

APIMART_INLINE void exchange::send()
{
    if (state_ != state::sending)
        return;
    error_code why;
    std::size_t const before = rest_.size();
    auto const how = on_->write(rest_, why);
    outcome.bytes_sent = on_->text.size() - rest_.size();
    if (outcome.bytes_sent > 0)
        outcome.phase = exchange_phase::sending;
    switch (how) {
    case connection::io::done:
        // The commit point: the last byte is out of our hands.
        state_ = state::reading;
        outcome.phase = exchange_phase::committed;
        ++on_->served;
        if (lane_ != lane::download)
            transport::count(lane_ == lane::submit ? home_.counters.submits_sent : home_.counters.polls_sent);
        answer_until_ = home_.now() + home_.times.response;
        on_->limit(answer_until_);
        on_->receive();
        return;
    case connection::io::blocked:
        if (rest_.size() != before || before == on_->text.size())
            on_->limit(home_.now() + home_.times.send);
        on_->wait_writable();
        on_->receive(); // an early answer is an answer, too
        return;
    case connection::io::failed:
        fail(failure(errc::connection_lost, "the connection to " + to_->host + " ended after " +
                                                std::to_string(outcome.bytes_sent) + " of " +
                                                std::to_string(on_->text.size()) + " bytes of the request")
                 .underlying(why));
        return;
    }
}

// A kilobyte, or the end, within the limit for stalls; and all of an answer that is not taken in pieces
// within the limit for answers.
APIMART_INLINE void exchange::set_limit(clock::time_point now)
{
    constexpr std::size_t enough = 1024;
    if (piece_until_ == clock::time_point{} || piece_bytes_ >= enough) {
        piece_bytes_ = 0;
        piece_until_ = now + home_.times.stall;
    }
    on_->limit(in_pieces_ && head_seen_ ? piece_until_ : std::min(piece_until_, answer_until_));
}

APIMART_INLINE void exchange::received()
{
    response_parser& parser = on_->parser;
    for (;;) {
        std::string_view const bytes = on_->unread();
        std::size_t const used = parser.put(bytes);
        on_->consume(used);
        outcome.bytes_received += used;
        piece_bytes_ += used;
        if (parser.where() == response_parser::state::failed) {
            fail(parser.why());
            return;
        }
        if (in_pieces_ && parser.head_done()) {
            error_code unwanted;
            if (!std::exchange(head_seen_, true)) {
                piece_bytes_ = 0;
                unwanted = owner_->head_arrived(parser);
            }
            if (!unwanted && !parser.piece().empty())
                unwanted = owner_->piece_arrived(parser.piece());
            if (unwanted) {
                fail(failure(unwanted));
                return;
            }
        }
        if (parser.where() == response_parser::state::done) {
            answered();
            return;
        }
        if (used == 0 || used == bytes.size())
            break;
    }
    set_limit(home_.now());
}

APIMART_INLINE void exchange::ended(std::optional<failure> const& why, bool session_refused)
{
    response_parser& parser = on_->parser;
    if (!why) {
        parser.put_end();
        if (parser.where() == response_parser::state::done)
            answered();
        else
            fail(parser.why());
        return;
    }
    outcome.session_refused = session_refused && !parser.got_some();
    // Without a byte of an answer it makes no difference how the connection ended.
    if (why->code() == errc::tls_truncated && !parser.got_some())
        fail(failure(errc::connection_lost, why->detail()).underlying(make_error_code(errc::tls_truncated)));
    else
        fail(*why);
}

APIMART_INLINE void exchange::expired()
{
    if (state_ == state::sending)
        fail(failure(errc::send_timeout, to_->host + ": " + std::to_string(outcome.bytes_sent) + " of " +
                                             std::to_string(on_->text.size()) +
                                             " bytes of the request were taken"));
    else if (on_->parser.got_some())
        fail(failure(errc::read_stalled, to_->host + ": " + std::to_string(outcome.bytes_received) +
                                             " bytes of the answer came"));
    else
        fail(failure(errc::response_timeout, to_->host));
}

APIMART_INLINE void exchange::answered()
{
    response_parser& parser = on_->parser;
    bool const whole = state_ == state::reading;
    outcome.phase = exchange_phase::answered;
    outcome.reply.status = parser.status();
    if (!parser.retry_after().empty())
        outcome.reply.retry_after = parser.retry_after();
    outcome.reply.content_type = parser.content_type();
    if (!parser.request_id().empty())
        outcome.reply.request_id = parser.request_id();
    outcome.reply.body.swap(parser.body());
    finish(whole && parser.keep_alive());
}

APIMART_INLINE void exchange::fail(failure const& why)
{
    outcome.error = why.code();
    outcome.underlying = why.underlying();
    outcome.detail = why.detail();
    outcome.http_status = why.http_status();
    if (outcome.phase >= exchange_phase::committed && on_ && on_->parser.got_some()) {
        constexpr std::size_t kept = 4096;
        outcome.partial = on_->parser.body().substr(0, kept);
        outcome.reply.status = on_->parser.head_done() ? on_->parser.status() : 0;
    }
    finish(false);
}

APIMART_INLINE void exchange::finish(bool reusable)
{
    state_ = state::idle;
    transport::uncount(home_.counters.requests_in_flight);
    if (on_) {
        std::shared_ptr<connection> lent = std::move(on_);
        if (reusable)
            pool_.give_back(std::move(lent));
        else
            pool_.drop(std::move(lent));
    }
    owner_->exchange_done();
}

APIMART_INLINE void exchange::stop(error_code why)
{
    if (state_ == state::idle)
        return;
    if (state_ == state::seeking)
        pool_.give_up_seeking(*this, *to_, lane_);
    fail(failure(why));
}

APIMART_INLINE void exchange::hurry(std::chrono::milliseconds patience)
{
    if (state_ != state::reading)
        return;
    answer_until_ = std::min(answer_until_, home_.now() + patience);
    on_->limit(answer_until_);
}

APIMART_INLINE void exchange::abandon()
{
    if (state_ == state::seeking)
        pool_.give_up_seeking(*this, *to_, lane_);
    state_ = state::idle;
    if (on_) {
        on_->use(nullptr);
        on_->close();
        on_.reset();
    }
}

} // namespace apimart::detail

#endif
