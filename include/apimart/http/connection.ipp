// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_IPP
#define APIMART_HTTP_CONNECTION_IPP

#include <apimart/http/connection.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

namespace apimart::detail {

// A completion of an I/O operation: enters the client and goes on there.
template <class Function>
class connection::io_handler
{
public:
    io_handler(std::shared_ptr<transport> home, std::shared_ptr<connection> who, Function then)
        : home_(std::move(home)), who_(std::move(who)), then_(std::move(then))
    {}

    void operator()(error_code code, std::size_t count = 0)
    {
        auto const home = std::move(home_);
        home->enter([who = std::move(who_), then = std::move(then_), code, count] {
            if (who->phase_ == phase::closed)
                return;
            then(*who, code, count);
        });
    }

private:
    std::shared_ptr<transport> home_;
    std::shared_ptr<connection> who_;
    Function then_;
};

template <class Function>
auto connection::handler(Function then)
{
    return io_handler<Function>(home_.shared_from_this(), shared_from_this(), std::move(then));
}

APIMART_INLINE connection::connection(transport& home, detail::origin to, bool public_addresses_only)
    : origin(std::move(to)), home_(home), public_only_(public_addresses_only),
      limit_(&alarm_of<&connection::on_limit>::ring, this),
      stagger_(&alarm_of<&connection::on_stagger>::ring, this)
{}

APIMART_INLINE connection::~connection()
{
    close();
}

APIMART_INLINE std::string const& connection::dialed_host() const
{
    return home_.proxy.applies_to(origin) ? home_.proxy.host() : origin.host;
}

APIMART_INLINE void connection::connect(connection_user& who)
{
    user_ = &who;
    begun_ = home_.now();
    transport::count(home_.counters.connections_opened);
    // Behind a proxy only the proxy sees the address; the name can still be judged.
    if (public_only_ && is_private_host(origin.host)) {
        give_up(failure(errc::url_not_allowed, origin.host + " is a private address"));
        return;
    }
    phase_ = phase::resolving;
    std::string const& host = dialed_host();
    if (auto found = home_.names.known(host, begun_)) {
        dial(std::move(*found));
        return;
    }
    limit(begun_ + home_.times.resolve);
    listener_resolver::poster post = [weak = home_.weak_from_this(),
                                      on = home_.executor()](std::function<void()> then) {
        boost::asio::post(on, [weak, then = std::move(then)] {
            if (auto const home = weak.lock())
                home->enter(then);
        });
    };
    if (error_code const code = home_.names.ask(host, *this, home_.executor(), post))
        give_up(failure(errc::local_resource, "no thread for looking up " + host).underlying(code));
}

APIMART_INLINE void connection::resolved(result<listener_resolver::addresses> const& found)
{
    if (phase_ != phase::resolving)
        return;
    auto const keep = shared_from_this();
    if (!found)
        give_up(found.error());
    else
        dial(*found);
}

APIMART_INLINE void connection::dial(listener_resolver::addresses addresses)
{
    bool const through_proxy = home_.proxy.applies_to(origin);
    if (public_only_ && !through_proxy) {
        std::erase_if(addresses, [](auto const& each) { return is_private_address(each); });
        if (addresses.empty()) {
            give_up(failure(errc::url_not_allowed, origin.host + " is a private address"));
            return;
        }
    }
    auto const port =
        static_cast<unsigned short>(std::stoul(through_proxy ? home_.proxy.port() : origin.port));
    // The families take turns, so that a broken one costs one attempt and not all of them.
    listener_resolver::addresses of_first_family;
    listener_resolver::addresses of_other_family;
    for (auto const& each : addresses)
        (each.is_v6() == addresses.front().is_v6() ? of_first_family : of_other_family).push_back(each);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (i < of_first_family.size())
            endpoints_.emplace_back(of_first_family[i], port);
        if (i < of_other_family.size())
            endpoints_.emplace_back(of_other_family[i], port);
    }
    phase_ = phase::connecting;
    limit(home_.now() + home_.times.connect);
    last_error_ = boost::asio::error::host_not_found;
    start_attempt();
}

inline bool is_local_resource(error_code const& code)
{
    namespace errc = boost::system::errc;
    return code == errc::too_many_files_open || code == errc::too_many_files_open_in_system ||
           code == errc::no_buffer_space || code == errc::not_enough_memory ||
           code == errc::address_not_available;
}

APIMART_INLINE void connection::start_attempt()
{
    stagger_.clear();
    while (next_endpoint_ < endpoints_.size()) {
        auto const which = std::make_shared<attempt>(home_.executor(), endpoints_[next_endpoint_++]);
        error_code code;
        which->socket.open(which->to.protocol(), code);
        if (code) {
            last_error_ = code;
            continue;
        }
        attempts_.push_back(which);
        which->socket.async_connect(which->to,
                                    handler([which](connection& self, error_code result, std::size_t) {
                                        self.attempted(which, result);
                                    }));
        if (next_endpoint_ < endpoints_.size())
            stagger_.set(home_.alarms, home_.now() + home_.times.connect_stagger);
        return;
    }
    if (!attempts_.empty())
        return;
    std::string const where =
        dialed_host() + ":" + std::to_string(endpoints_.empty() ? 0 : endpoints_.front().port());
    home_.names.forget(dialed_host());
    if (is_local_resource(last_error_))
        give_up(failure(errc::local_resource, where + ": " + last_error_.message()).underlying(last_error_));
    else
        give_up(failure(errc::connect_failed, "no connection to " + where + ": " + last_error_.message() +
                                                  " (" + std::to_string(endpoints_.size()) + " addresses)")
                    .underlying(last_error_));
}

APIMART_INLINE void connection::attempted(std::shared_ptr<attempt> const& which, error_code code)
{
    if (phase_ != phase::connecting)
        return;
    attempts_.remove(which);
    if (code) {
        last_error_ = code;
        error_code ignored;
        which->socket.close(ignored);
        start_attempt();
        return;
    }
    stagger_.clear();
    if (next_endpoint_ > 1)
        transport::count(home_.counters.connect_fallbacks);
    socket_.emplace(std::move(which->socket));
    address_ = which->to.address().to_string();
    for (auto const& other : attempts_) {
        error_code ignored;
        other->socket.close(ignored);
    }
    attempts_.clear();
    error_code ignored;
    socket_->set_option(tcp::no_delay(true), ignored);
    reached();
}

APIMART_INLINE void connection::reached()
{
    if (home_.proxy.applies_to(origin))
        speak_to_proxy();
    else if (origin.tls)
        start_tls();
    else
        established();
}

APIMART_INLINE void connection::speak_to_proxy()
{
    phase_ = phase::proxy;
    limit(home_.now() + home_.times.connect);
    proxy_text_ = home_.proxy.connect_request(origin);
    proxy_rest_ = proxy_text_;
    write_to_proxy();
}

APIMART_INLINE void connection::write_to_proxy()
{
    while (!proxy_rest_.empty()) {
        auto const n = ::send(socket_->native_handle(), proxy_rest_.data(), proxy_rest_.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_writable();
            return;
        }
        if (n < 0 && errno != EINTR) {
            judge_proxy(true);
            return;
        }
        if (n > 0)
            proxy_rest_.remove_prefix(static_cast<std::size_t>(n));
    }
    proxy_text_.assign(proxy_text_.size(), '\0'); // it held the proxy's password
    receive();
}

APIMART_INLINE void connection::judge_proxy(bool ended)
{
    auto const verdict = home_.proxy.judge(unread(), origin);
    if (!verdict && ended) {
        give_up(failure(errc::proxy_failed, "the proxy ended the connection without an answer"));
    } else if (!verdict) {
        receive();
    } else if (!*verdict) {
        give_up(verdict->error());
    } else {
        begin_ = end_ = 0;
        if (origin.tls)
            start_tls();
        else
            established();
    }
}

APIMART_INLINE void connection::start_tls()
{
    phase_ = phase::handshake;
    limit(home_.now() + home_.times.tls_handshake);
    if (!session_.open(home_.tls, socket_->native_handle(), origin.host, origin.is_address())) {
        give_up(failure(errc::tls_failed, "the TLS session for " + origin.host + " cannot be prepared"));
        return;
    }
    shake_hands();
}

APIMART_INLINE void connection::shake_hands()
{
    switch (session_.handshake()) {
    case tls_session::step::done:
        established();
        return;
    case tls_session::step::wants_read:
        receive();
        return;
    case tls_session::step::wants_write:
        wait_writable();
        return;
    case tls_session::step::closed:
    case tls_session::step::failed:
        give_up(session_.handshake_failure(origin.host));
        return;
    }
}

APIMART_INLINE void connection::established()
{
    phase_ = phase::ready;
    unlimit();
    if (home_.observer.on_connection) {
        connection_event told = event(connection_event::what::connected);
        told.took = std::chrono::duration_cast<std::chrono::microseconds>(home_.now() - begun_);
        home_.tell(home_.observer.on_connection, std::move(told));
    }
    user_->connected(result<void>());
}

APIMART_INLINE connection_event connection::event(connection_event::what happened) const
{
    connection_event told;
    told.happened = happened;
    told.host = origin.host;
    told.address = address_;
    told.tls_version = session_.version();
    told.verified = !origin.tls || home_.tls.verifies();
    return told;
}

APIMART_INLINE void connection::give_up(failure why)
{
    auto const keep = shared_from_this();
    connection_user* const user = user_;
    transport::count(home_.counters.connections_failed);
    if (home_.observer.on_connection) {
        connection_event event;
        event.happened = connection_event::what::failed;
        event.host = origin.host;
        event.address = address_;
        event.code = why.code();
        event.detail = why.detail();
        event.took = std::chrono::duration_cast<std::chrono::microseconds>(home_.now() - begun_);
        home_.tell(home_.observer.on_connection, std::move(event));
    }
    close();
    if (user != nullptr)
        user->connected(why);
}

APIMART_INLINE void connection::on_limit()
{
    auto const keep = shared_from_this();
    std::string const host = dialed_host();
    switch (phase_) {
    case phase::resolving:
        home_.names.give_up(host, *this);
        give_up(failure(errc::resolve_timeout, host + ": no answer of the name service in time"));
        return;
    case phase::connecting:
        home_.names.forget(host);
        give_up(failure(errc::connect_timeout, "no connection to " + host + " in time"));
        return;
    case phase::proxy:
        give_up(failure(errc::proxy_failed, "the proxy did not answer in time"));
        return;
    case phase::handshake:
        give_up(failure(errc::tls_timeout, "the TLS handshake with " + origin.host + " did not end in time"));
        return;
    case phase::ready:
        if (user_ != nullptr)
            user_->expired();
        return;
    case phase::fresh:
    case phase::closed:
        return;
    }
}

APIMART_INLINE void connection::close()
{
    if (phase_ == phase::closed)
        return;
    if (phase_ == phase::resolving)
        home_.names.leave(dialed_host(), *this);
    // Not in the middle of a request: nothing more of it may leave. Nor on what is the parent's connection.
    if (phase_ == phase::ready && !waiting_writable_ && !home_.process.forked())
        session_.close_notify();
    phase_ = phase::closed;
    user_ = nullptr;
    limit_.clear();
    stagger_.clear();
    error_code ignored;
    for (auto const& each : attempts_)
        each->socket.close(ignored);
    attempts_.clear();
    if (socket_)
        socket_->close(ignored);
}

APIMART_INLINE connection::io connection::write(std::string_view& rest, error_code& why)
{
    while (!rest.empty()) {
        if (session_.is_open()) {
            std::size_t taken = 0;
            switch (session_.write(rest, taken)) {
            case tls_session::step::done:
                rest.remove_prefix(taken);
                break;
            case tls_session::step::wants_write:
            case tls_session::step::wants_read:
                return io::blocked;
            case tls_session::step::closed:
            case tls_session::step::failed: {
                bool refused = false;
                why = session_.session_failure(origin.host, refused).underlying();
                return io::failed;
            }
            }
            continue;
        }
        auto const n =
            ::send(socket_->native_handle(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return io::blocked;
        } else if (errno != EINTR) {
            why = error_code(errno, boost::system::system_category());
            return io::failed;
        }
    }
    return io::done;
}

APIMART_INLINE void connection::wait_writable()
{
    if (waiting_writable_)
        return;
    waiting_writable_ = true;
    socket_->async_wait(tcp::socket::wait_write, handler([](connection& self, error_code code, std::size_t) {
                            self.on_writable(code);
                        }));
}

APIMART_INLINE void connection::on_writable(error_code)
{
    waiting_writable_ = false;
    switch (phase_) {
    case phase::proxy:
        write_to_proxy();
        return;
    case phase::handshake:
        shake_hands();
        return;
    case phase::ready:
        if (user_ != nullptr)
            user_->writable();
        return;
    default:
        return;
    }
}

APIMART_INLINE void connection::make_room()
{
    if (begin_ == end_)
        begin_ = end_ = 0;
    constexpr std::size_t piece = std::size_t{16} << 10U;
    if (buffer_.size() - end_ >= piece)
        return;
    if (begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= std::exchange(begin_, 0);
    }
    if (buffer_.size() - end_ < piece)
        buffer_.resize(end_ + piece);
}

APIMART_INLINE void connection::receive()
{
    if (receiving_ || peer_ended_)
        return;
    receiving_ = true;
    auto const then = [](connection& self, error_code code, std::size_t count) {
        self.on_received(code, count);
    };
    if (session_.is_open()) {
        cipher_.resize((std::size_t{16} << 10U) + 512);
        socket_->async_receive(boost::asio::buffer(cipher_), handler(then));
    } else {
        make_room();
        socket_->async_receive(boost::asio::buffer(buffer_.data() + end_, buffer_.size() - end_),
                               handler(then));
    }
}

APIMART_INLINE void connection::on_received(error_code code, std::size_t count)
{
    receiving_ = false;
    if (user_ == nullptr && phase_ == phase::ready) {
        on_received_unused(code, count);
        return;
    }
    if (code == boost::asio::error::operation_aborted) {
        receive(); // it was stopped while nobody used it, and taken again before that was told
        return;
    }
    if (code)
        peer_ended_ = true;
    error_code const reason = code == boost::asio::error::eof ? error_code() : code;
    if (session_.is_open()) {
        if (code)
            session_.feed_end(reason);
        else
            session_.feed(std::string_view(cipher_.data(), count));
        if (phase_ == phase::handshake)
            shake_hands();
        else
            pull();
        return;
    }
    end_ += count;
    if (phase_ == phase::proxy) {
        judge_proxy(peer_ended_);
        return;
    }
    if (user_ == nullptr)
        return;
    if (!code) {
        user_->received();
        if (user_ != nullptr && phase_ == phase::ready)
            receive();
    } else if (reason) {
        user_->ended(failure(errc::connection_lost, origin.host).underlying(reason), false);
    } else {
        user_->ended(std::nullopt, false);
    }
}

// Decrypts what has arrived, piece by piece, as long as somebody wants it.
APIMART_INLINE void connection::pull()
{
    while (phase_ == phase::ready && user_ != nullptr) {
        make_room();
        std::size_t got = 0;
        switch (session_.read(buffer_.data() + end_, buffer_.size() - end_, got)) {
        case tls_session::step::done:
            end_ += got;
            user_->received();
            break;
        case tls_session::step::wants_read:
            receive();
            return;
        case tls_session::step::wants_write:
            wait_writable();
            return;
        case tls_session::step::closed:
            peer_ended_ = true;
            user_->ended(std::nullopt, false);
            return;
        case tls_session::step::failed: {
            peer_ended_ = true;
            bool refused = false;
            failure const why = session_.session_failure(origin.host, refused);
            user_->ended(why, refused);
            return;
        }
        }
    }
}

APIMART_INLINE bool connection::at_rest()
{
    if (phase_ != phase::ready || peer_ended_ || receiving_ || waiting_writable_)
        return false;
    if (begin_ != end_)
        return false;
    return !session_.is_open() || !session_.has_unread() || digest() == probe::quiet;
}

// Under TLS only reading what has arrived tells data from what TLS says for itself, as a session ticket is.
APIMART_INLINE connection::probe connection::digest()
{
    make_room();
    std::size_t got = 0;
    switch (session_.read(buffer_.data(), buffer_.size(), got)) {
    case tls_session::step::wants_read:
        return session_.has_unread() ? probe::unsolicited : probe::quiet;
    case tls_session::step::closed:
    case tls_session::step::failed:
        peer_ended_ = true;
        return probe::ended;
    case tls_session::step::done:
    case tls_session::step::wants_write:
        break;
    }
    return probe::unsolicited;
}

// Nobody waits for an answer. TLS may have something to say for itself; anything else is the end.
APIMART_INLINE void connection::on_received_unused(error_code code, std::size_t count)
{
    if (code == boost::asio::error::operation_aborted)
        return;
    if (!code && session_.is_open()) {
        session_.feed(std::string_view(cipher_.data(), count));
        if (at_rest()) {
            receive();
            return;
        }
        unsolicited_ = !peer_ended_;
    } else {
        unsolicited_ = !code;
    }
    peer_ended_ = true;
}

APIMART_INLINE void connection::stop_watching()
{
    if (!receiving_)
        return;
    error_code ignored;
    socket_->cancel(ignored);
}

APIMART_INLINE connection::probe connection::look(clock::time_point now)
{
    if (peer_ended_)
        return unsolicited_ ? probe::unsolicited : probe::ended;
    // Taken again by the handler of its last answer: the last look was just now.
    if (receiving_ && home_.handlers_over() == handlers_over &&
        now - last_used < std::chrono::milliseconds(1))
        return probe::quiet;
    for (;;) {
        std::array<char, 2048> some; // left as it is: it is written before it is read
        auto const got = ::recv(socket_->native_handle(), some.data(), some.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return probe::quiet;
        if (got <= 0)
            return probe::ended;
        if (!session_.is_open())
            return probe::unsolicited;
        session_.feed(std::string_view(some.data(), static_cast<std::size_t>(got)));
        if (auto const found = digest(); found != probe::quiet)
            return found;
    }
}

} // namespace apimart::detail

#endif
