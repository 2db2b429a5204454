// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_HPP
#define APIMART_HTTP_CONNECTION_HPP

#include <apimart/http/listener_resolver.hpp>
#include <apimart/http/response_parser.hpp>
#include <apimart/http/tls_session.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/runtime/timer_queue.hpp>
#include <apimart/runtime/transport.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apimart::detail {

// Whoever uses a connection. All calls come from inside the client.
class connection_user
{
public:
    virtual void connected(result<void> const& outcome) = 0;
    virtual void writable() = 0;
    // There is something in `unread`.
    virtual void received() = 0;
    // Nothing will come any more; no failure where the peer ended it in order.
    virtual void ended(std::optional<failure> const& why, bool session_refused) = 0;
    // The limit passed.
    virtual void expired() = 0;

protected:
    connection_user() = default;
    connection_user(connection_user const&) = default;
    connection_user& operator=(connection_user const&) = default;
    ~connection_user() = default;
};

// One connection: name, address, proxy, TLS, and bytes in both directions. What is written goes to the operating
// system at once or not at all, so that it is always certain how much of a request has left.
class connection final : public std::enable_shared_from_this<connection>, private listener_resolver::listener
{
public:
    using clock = std::chrono::steady_clock;
    using tcp = boost::asio::ip::tcp;

    connection(transport& home, detail::origin to, bool public_addresses_only);
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection();

    // Goes all the way to a connection that can carry a request; `who` is told, perhaps in this call.
    void connect(connection_user& who);
    bool ready() const noexcept { return phase_ == phase::ready; }

    void use(connection_user* who) noexcept { user_ = who; }
    enum class io
    {
        done,
        blocked, // `wait_writable` tells when to go on
        failed
    };
    // Removes from `text` what the operating system took.
    io write(std::string_view& text, error_code& why);
    void wait_writable();
    // Bytes are received from now on, until the user lets go.
    void receive();

    std::string_view unread() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
    void consume(std::size_t count) noexcept { begin_ += count; }

    void limit(clock::time_point until) { limit_.set(home_.alarms, until); }
    void unlimit() { limit_.clear(); }

    // Whether nothing has arrived since the last answer, not even the peer's end.
    enum class probe
    {
        quiet,
        ended,
        unsolicited
    };
    probe look(clock::time_point now);
    // While nobody uses it, it may be receiving only to notice its end.
    void stop_watching();
    // Whether the last answer left nothing behind that would be taken for the next one.
    bool at_rest();
    // Ends everything that is pending, at once.
    void close();

    detail::origin const origin;
    reply_parser parser;
    std::string text; // the request, kept for its memory
    clock::time_point last_used{};
    std::uint64_t handlers_over = 0; // as the transport counted then
    clock::time_point idle_until{};
    int served = 0;
    std::string const& address() const noexcept { return address_; }
    // What the observer is told of it; while it is open, in full.
    connection_event event(connection_event::what happened) const;

private:
    enum class phase
    {
        fresh,
        resolving,
        connecting,
        proxy,
        handshake,
        ready,
        closed
    };
    // One address being tried.
    class attempt
    {
    public:
        attempt(boost::asio::any_io_executor const& on, tcp::endpoint where)
            : socket(on), to(std::move(where))
        {}
        tcp::socket socket;
        tcp::endpoint to;
    };
    template <class Function>
    class io_handler;

    template <class Function>
    auto handler(Function then);
    void resolved(result<listener_resolver::addresses> const& found) override;
    void dial(listener_resolver::addresses addresses);
    void start_attempt();
    void attempted(std::shared_ptr<attempt> const& which, error_code code);
    void reached();
    void speak_to_proxy();
    void write_to_proxy();
    void judge_proxy(bool ended);
    void start_tls();
    void shake_hands();
    void established();
    void give_up(failure why);
    void on_limit();
    void on_stagger() { start_attempt(); }
    void on_received(error_code code, std::size_t count);
    void on_received_unused(error_code code, std::size_t count);
    void on_writable(error_code code);
    void pull();
    probe digest();
    void make_room();
    std::string const& dialed_host() const;

    transport& home_;
    bool const public_only_;
    phase phase_ = phase::fresh;
    connection_user* user_ = nullptr;
    clock::time_point begun_{};
    std::optional<tcp::socket> socket_;
    tls_session session_;
    std::vector<char> cipher_; // as received, under TLS
    std::vector<char> buffer_; // for the user
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool receiving_ = false;
    bool waiting_writable_ = false;
    bool peer_ended_ = false;
    bool unsolicited_ = false;
    std::string proxy_text_;
    std::string_view proxy_rest_;
    std::vector<tcp::endpoint> endpoints_;
    std::size_t next_endpoint_ = 0;
    std::list<std::shared_ptr<attempt>> attempts_;
    error_code last_error_;
    std::string address_;
    alarm limit_;
    alarm stagger_;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/connection.ipp>
#endif

#endif
