// A TLS server in which tests decide what becomes of each byte: between the steps of a handshake, inside a
// record, and at the end.
#pragma once

#include "certificates.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tls_tests {

/// The other side is gone, or the server is being stopped.
class gone
{};

enum class tls_version
{
    v1_2,
    v1_3,
};

inline std::string name_of(tls_version version)
{
    return version == tls_version::v1_2 ? "TLS 1.2" : "TLS 1.3";
}

class byte_server
{
public:
    /// One connection, seen from the behaviour. All calls block, and throw `gone`.
    class peer
    {
    public:
        peer(byte_server& server, int descriptor, std::size_t number);
        peer(peer const&) = delete;
        peer& operator=(peer const&) = delete;
        ~peer();

        /// From zero, in order of acceptance.
        std::size_t const index;

        // Under the session, or without one:
        void send(std::string_view bytes);
        /// The same, and what comes in is not read, and then dropped, before nothing goes out any more.
        void send_before_receiving(std::string_view bytes);
        /// What is there, at least one byte; empty at the end.
        std::string receive();
        /// The first record, whole.
        std::string client_hello();
        /// What the session wants to send after it was given these bytes.
        std::string answer_to(std::string_view bytes);

        // In the session:
        void handshake();
        /// One request, with its body; the server notes it.
        std::string request();
        /// The records that hold this text.
        std::string sealed(std::string_view text);
        void say(std::string_view text) { send(sealed(text)); }
        /// The record by which TLS 1.2 asks for another handshake.
        std::string handshake_request();
        /// Records by which TLS 1.3 changes its keys, as often as this.
        std::string key_updates(int count);
        /// The record by which the session is refused as if its version were wrong.
        std::string protocol_version_alert();
        /// The record that ends the session.
        std::string close_notify();

        // Ends:
        /// FIN; once it has arrived, what comes in is read and dropped, so that no reset follows.
        void finish();
        /// RST.
        void reset();
        /// Until the other side ends the connection, or the server is stopped. Reads nothing of it: the other
        /// side's close_notify is not answered.
        void ignore_until_end();
        /// Whether it ends within this time.
        bool ended_within(std::chrono::milliseconds time);
        /// Until the server is stopped, whatever the other side does.
        void ignore_for_good();

    private:
        class session;
        void take();

        byte_server& server_;
        int descriptor_;
        std::unique_ptr<session> session_;
    };

    using behaviour = std::function<void(peer&)>;

    byte_server(identity const& who, tls_version version, behaviour what);
    /// Chooses this application protocol, whatever was offered.
    byte_server(identity const& who, tls_version version, std::string protocol, behaviour what);
    byte_server(byte_server const&) = delete;
    byte_server& operator=(byte_server const&) = delete;
    ~byte_server();

    unsigned short port() const { return port_; }
    /// Of later connections: what is not read soon fills the buffers of both sides.
    void narrow();
    std::size_t connections() const { return accepted_.load(); }
    /// Waits until the end of this many connections has arrived at the other side.
    void wait_for_ends(std::size_t count) const;
    /// Whole requests, in the order in which they were read.
    std::vector<std::string> requests() const;
    std::size_t requests_that_begin_with(std::string_view words) const;

private:
    class settings;
    void accept();
    void note(std::string request);
    void forget(int descriptor);
    void count_end();

    std::unique_ptr<settings> settings_;
    behaviour what_;
    int listener_ = -1;
    unsigned short port_ = 0;
    std::atomic<std::size_t> accepted_ = 0;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool stopping_ = false;
    std::size_t ends_ = 0;
    std::set<int> open_;
    std::vector<std::string> requests_;
    std::vector<std::thread> threads_;
    std::thread accepting_;
};

} // namespace tls_tests
