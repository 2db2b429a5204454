// A submit that is interrupted at each number of bytes that the kernel took: what the client believes of it, and what a
// TLS server could decrypt.
#include "fault_table.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>

#include <netinet/in.h>
#include <poll.h>
#include <sys/syscall.h>

using namespace fault_tests;
using tcp = asio::ip::tcp;

namespace {

// How many more bytes the kernel takes of one connection, which is the first that sends to this port. It makes no
// difference to the client whether the peer's window is full.
class send_budget
{
public:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// The function is called by whoever sends the last byte, before the client knows.
    void arm(unsigned short peer_port, std::size_t bytes, std::function<void()> when_used_up = nullptr)
    {
        std::lock_guard const lock(mutex_);
        left_ = bytes;
        taken_ = 0;
        own_port_ = 0;
        is_used_up_ = false;
        when_used_up_ = std::move(when_used_up);
        peer_port_ = peer_port;
    }
    void disarm() { peer_port_ = 0; }
    bool is_used_up() const { return is_used_up_; }
    std::size_t taken() const { return taken_; }

    // Whether it is that connection which sends.
    bool concerns(int descriptor)
    {
        if (peer_port_ == 0)
            return false;
        std::lock_guard const lock(mutex_);
        return is_of_this_connection(descriptor);
    }
    // How many of so many bytes may be sent now.
    std::size_t grant(std::size_t size)
    {
        std::lock_guard const lock(mutex_);
        look();
        return std::min(size, left_);
    }
    void took(std::size_t count)
    {
        std::lock_guard const lock(mutex_);
        left_ -= left_ == unlimited ? 0 : count;
        taken_ += count;
        look();
    }

private:
    static unsigned short port(int (*name)(int, sockaddr*, socklen_t*), int descriptor)
    {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        return name(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0 ? ntohs(address.sin_port)
                                                                                   : 0;
    }
    bool is_of_this_connection(int descriptor)
    {
        if (port(&::getpeername, descriptor) != peer_port_)
            return false;
        unsigned short const own = port(&::getsockname, descriptor);
        if (own_port_ == 0)
            own_port_ = own;
        return own == own_port_;
    }

    void look()
    {
        if (left_ == 0 && !is_used_up_.exchange(true) && when_used_up_)
            when_used_up_();
    }

    std::mutex mutex_;
    std::function<void()> when_used_up_;
    std::atomic<unsigned short> peer_port_ = 0;
    unsigned short own_port_ = 0;
    std::size_t left_ = 0;
    std::atomic<std::size_t> taken_ = 0;
    std::atomic<bool> is_used_up_ = false;
};

send_budget budget; // NOLINT: the system's calls have no other way to it

bool has_failed(int descriptor)
{
    pollfd state{descriptor, 0, 0};
    return ::poll(&state, 1, 0) == 1;
}

} // namespace

extern "C" ssize_t send(int descriptor, void const* bytes, std::size_t size, int flags)
{
    bool const is_limited = budget.concerns(descriptor);
    std::size_t const granted = is_limited ? budget.grant(size) : size;
    if (granted == 0 && size != 0 && !has_failed(descriptor)) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t const count =
        ::syscall(SYS_sendto, descriptor, bytes, granted, flags, static_cast<void*>(nullptr), 0);
    if (is_limited && count > 0)
        budget.took(static_cast<std::size_t>(count));
    return count;
}

// Of several buffers one at a time is taken where there is a budget.
extern "C" ssize_t sendmsg(int descriptor, msghdr const* message, int flags)
{
    if (!budget.concerns(descriptor) || message->msg_iovlen == 0)
        return ::syscall(SYS_sendmsg, descriptor, message, flags);
    return send(descriptor, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
}

namespace {

enum class interruption
{
    cancelled,
    cancelled_at_once, // while the last byte leaves
    time_limit,
    send_limit,
    closed, // by the peer, then cancelled
    reset,  // by the peer
};
constexpr std::array interruptions{interruption::cancelled, interruption::time_limit,
                                   interruption::send_limit, interruption::closed, interruption::reset};

constexpr std::string_view word_for(interruption how)
{
    constexpr std::array<std::string_view, 6> words{"cancelled",          "cancelled at once",
                                                    "time limit",         "limit of sending",
                                                    "closed by the peer", "reset by the peer"};
    return words[static_cast<std::size_t>(how)];
}

// One connection of the service: answers what it is asked first, and of all that follows it decrypts what it can.
class decrypting_service
{
public:
    explicit decrypting_service(int tls_version)
        : tls_(apimart::testing::emulation::make_server_tls(authority_.issue("IP:127.0.0.1"))),
          server_(scripted_server::security::plain, [this](peer& with) { serve(with); })
    {
        ::SSL_CTX_set_max_proto_version(tls_.native_handle(), tls_version);
    }

    apimart::client_config config() const
    {
        auto config = server_.config();
        config.base_url.replace(0, 4, "https");
        config.tls = apimart::tls_options().use_system_ca(false).add_ca_pem(authority_.pem());
        config.limits.connects_per_second = 100'000;
        config.retry.max_retries = 0;
        config.timeouts.send = 8ms;
        config.timeouts.abandoned_response = 1ms;
        return config;
    }
    unsigned short port() const { return server_.port(); }

    /// The next connection is the one that is interrupted: it is ended in this way after so many bytes.
    void begin(interruption how, std::size_t end_after)
    {
        how_ = how;
        end_after_ = end_after;
        decrypted = 0;
        is_ended = false;
        is_over = false;
        is_interrupted_ = true;
    }

    std::atomic<std::size_t> decrypted = 0;
    std::atomic<bool> is_ended = false; // by itself, in one direction
    std::atomic<bool> is_over = false;  // and nothing more will be decrypted

private:
    using peer = scripted_server::peer;

    // Sends what the session wants to send, and takes in what the client sent. No bytes: the end.
    static std::size_t exchange_bytes(SSL* session, tcp::socket& socket, std::size_t most)
    {
        std::array<char, 16384> bytes;
        boost::system::error_code code;
        for (int n = 0; (n = ::BIO_read(::SSL_get_wbio(session), bytes.data(), bytes.size())) > 0;)
            asio::write(socket, asio::buffer(bytes.data(), static_cast<std::size_t>(n)), code);
        std::size_t const count = socket.read_some(asio::buffer(bytes, most), code);
        ::BIO_write(::SSL_get_rbio(session), bytes.data(), static_cast<int>(count));
        return count;
    }

    void serve(peer& with)
    {
        std::unique_ptr<SSL, decltype(&::SSL_free)> const session(::SSL_new(tls_.native_handle()),
                                                                  &::SSL_free);
        ::SSL_set_bio(session.get(), ::BIO_new(::BIO_s_mem()), ::BIO_new(::BIO_s_mem()));
        ::SSL_set_accept_state(session.get());
        constexpr std::size_t all = 16384;
        while (::SSL_do_handshake(session.get()) != 1)
            if (exchange_bytes(session.get(), with.socket(), all) == 0)
                return;
        std::string request;
        std::array<char, 16384> text;
        auto const decrypt = [&] {
            for (int n = 0; (n = ::SSL_read(session.get(), text.data(), text.size())) > 0;)
                request.append(text.data(), static_cast<std::size_t>(n));
        };
        decrypt();
        while (request.find("\r\n\r\n") == std::string::npos) {
            if (exchange_bytes(session.get(), with.socket(), all) == 0)
                return;
            decrypt();
        }
        // A request that is sent once more, because it did not leave whole.
        bool const is_submit = request.starts_with("POST ");
        std::string const answer =
            is_submit ? answer_text(200, accepted_body("task_again"), "Connection: close\r\n")
                      : answer_text(200, R"({"code":200,"data":{"id":"task_warm","status":"processing"}})");
        bool const is_interrupted = !is_submit && is_interrupted_.exchange(false);
        ::SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
        std::size_t received = 0;
        request.clear();
        for (;;) {
            if (is_interrupted && received >= end_after_) {
                end(with);
                if (how_ == interruption::reset)
                    break;
                end_after_ = send_budget::unlimited;
            }
            std::size_t const room = is_interrupted ? std::min(all, end_after_ - received) : all;
            std::size_t const count = exchange_bytes(session.get(), with.socket(), room);
            if (count == 0)
                break;
            received += count;
            decrypt();
            if (is_interrupted)
                decrypted = request.size();
        }
        if (is_interrupted)
            is_over = true;
    }
    void end(peer& with)
    {
        boost::system::error_code ignored;
        if (how_ == interruption::closed) {
            with.socket().shutdown(tcp::socket::shutdown_send, ignored);
            is_ended = true;
        } else if (how_ == interruption::reset) {
            with.reset();
        }
    }

    apimart::testing::certificate_authority authority_;
    asio::ssl::context tls_;
    std::atomic<interruption> how_ = interruption::cancelled;
    std::atomic<std::size_t> end_after_ = 0;
    std::atomic<bool> is_interrupted_ = false;
    scripted_server server_;
};

struct request_sizes
{
    std::size_t text = 0;
    std::size_t on_the_wire = 0;
};

// What came of all interruptions of one kind.
struct tally
{
    int runs = 0;
    int unsent = 0;
    int whole = 0;   // the server had all of it
    int careful = 0; // called unknown although the server had not
    std::size_t least_careful = send_budget::unlimited;
};

class interrupted_client
{
public:
    interrupted_client(decrypting_service& service, interruption how)
        : service_(service), how_(how), user_(std::in_place, context_, settings())
    {}
    ~interrupted_client()
    {
        budget.disarm();
        user_.reset();
        run_to_end(context_);
    }

    /// The kernel takes no more than `bytes` of the request on the kept connection.
    void run(apimart::any_request const& request, std::size_t bytes, request_sizes const& whole)
    {
        CAPTURE(bytes);
        warm_up(bytes);
        budget.arm(service_.port(), bytes, [this] {
            if (how_ == interruption::cancelled_at_once)
                signal_.emit(asio::cancellation_type::terminal);
        });
        start(request);
        bool is_cancelled = false;
        run_until(context_, [&] {
            // What has left whole gets no answer, however else it is interrupted.
            bool const is_due =
                how_ == interruption::cancelled ? budget.is_used_up() : service_.is_ended.load();
            if (is_due || service_.decrypted >= whole.text)
                if (!std::exchange(is_cancelled, true))
                    signal_.emit(asio::cancellation_type::terminal);
            return got_.has_value() && !phases_.empty();
        });
        budget.disarm();
        judge(whole);
    }
    request_sizes measure(apimart::any_request const& request)
    {
        warm_up(send_budget::unlimited);
        budget.arm(service_.port(), send_budget::unlimited);
        start(request);
        run_until(context_, [&] { return user_->metrics().submits_sent == 1; });
        signal_.emit(asio::cancellation_type::terminal);
        run_until(context_, [&] { return got_.has_value(); });
        budget.disarm();
        run_until(context_, [&] { return service_.is_over.load(); });
        return {service_.decrypted, budget.taken()};
    }

    tally sum;

private:
    apimart::client_config settings()
    {
        auto config = service_.config();
        if (how_ != interruption::send_limit)
            config.timeouts.send = guard;
        config.observer.on_attempt = [this](apimart::attempt_event const& event) {
            if (event.kind == apimart::request_kind::submit)
                phases_.push_back(event.phase);
        };
        return config;
    }
    void warm_up(std::size_t end_after)
    {
        service_.begin(how_, how_ == interruption::closed || how_ == interruption::reset
                                 ? end_after
                                 : send_budget::unlimited);
        recorder<apimart::task_state> warm;
        user_->status(apimart::task("task_warm"), warm.token());
        run_until(context_, [&] { return warm.done(); });
        REQUIRE(warm.outcome().has_value());
        got_.reset();
        phases_.clear();
    }
    void start(apimart::any_request const& request)
    {
        apimart::submit_options options;
        if (how_ == interruption::time_limit)
            options.timeout = 8ms;
        user_->submit(request, options,
                      apimart::as_result(asio::bind_cancellation_slot(
                          signal_.slot(),
                          [this](apimart::result<apimart::task> outcome) { got_ = std::move(outcome); })));
    }
    void judge(request_sizes const& whole)
    {
        // The client has ended the connection, or the server has.
        run_until(context_, [&] { return service_.is_over.load(); });
        CAPTURE(phases_.front());
        bool const had_all = service_.decrypted >= whole.text;
        bool const believed_unsent = phases_.front() != "sent";
        CHECK_MESSAGE(!(believed_unsent && had_all), "called unsent, and the server had all of it");
        // The one that was interrupted, or what came of sending it once more.
        if (phases_.size() == 1) {
            REQUIRE_FALSE(got_->has_value());
            acceptance const proof = got_->error().acceptance();
            CHECK(proof == (believed_unsent ? acceptance::not_sent : acceptance::unknown));
        } else {
            CHECK(believed_unsent);
            CHECK(phases_.size() == 2);
            CHECK((got_->has_value() ? got_->value().id() : got_->error().describe()) == "task_again");
        }
        ++sum.runs;
        sum.unsent += believed_unsent ? 1 : 0;
        sum.whole += had_all ? 1 : 0;
        if (!believed_unsent && !had_all) {
            ++sum.careful;
            sum.least_careful = std::min(sum.least_careful, budget.taken());
        }
    }

    decrypting_service& service_;
    interruption const how_;
    asio::io_context context_;
    asio::cancellation_signal signal_;
    std::optional<apimart::result<apimart::task>> got_;
    std::vector<std::string> phases_; // of the attempts
    std::optional<apimart::client> user_;
};

apimart::any_request request_of(std::size_t size)
{
    if (size == 0)
        return corgi();
    return apimart::image_to_video<apimart::kling_3_0_turbo>("data:image/png;base64," +
                                                             std::string(size, 'A'));
}

} // namespace

TEST_CASE("faults: sweep: interrupted at any byte that the kernel took, a submit is unsent only where no "
          "server has it whole")
{
    for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (std::size_t const picture : {std::size_t{0}, std::size_t{40'000}}) {
            apimart::any_request const request = request_of(picture);
            decrypting_service service(version);
            request_sizes const whole =
                interrupted_client(service, interruption::send_limit).measure(request);
            REQUIRE(whole.text > 300);
            // What encryption adds to a record.
            std::size_t const added = whole.on_the_wire - whole.text;
            REQUIRE(added >= 22);
            REQUIRE(added <= 4 * 29);
            for (interruption const how : interruptions) {
                CAPTURE(version);
                CAPTURE(picture);
                CAPTURE(word_for(how));
                interrupted_client user(service, how);
                // Every place near the end, and places all over what comes before it. What the peer does before the first
                // byte is seen before it.
                bool const is_by_peer = how == interruption::closed || how == interruption::reset;
                constexpr std::size_t near = 32; // more than what encryption adds to a record
                std::size_t const stride = (whole.on_the_wire - near) / 12;
                for (std::size_t n = is_by_peer ? 1 : 0; n <= whole.on_the_wire;
                     n += n + stride + near <= whole.on_the_wire ? stride : 1)
                    user.run(request, n, whole);
                CHECK(user.sum.runs > 40);
                CHECK(user.sum.unsent >= 10);
                // A limit can come sooner on a busy machine.
                bool const is_by_limit = how == interruption::time_limit || how == interruption::send_limit;
                CHECK((user.sum.whole == 1 || is_by_limit));
                // No look could tell these: not all is out, and as many bytes are as the request has.
                CHECK(user.sum.careful <= static_cast<int>(added));
                CHECK(user.sum.least_careful >= whole.text);
            }
        }
    }
}
