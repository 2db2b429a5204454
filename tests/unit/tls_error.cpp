// Why a handshake or a session failed, told from Asio's TLS stream. The server is OpenSSL between two buffers, so that
// each of its bytes is sent when the test says so.
#include <apimart/http/tls_context.hpp>
#include <apimart/http/tls_error.hpp>
#include <apimart/testing/network/server_tls.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

using namespace apimart;
using namespace apimart::detail;
namespace asio = boost::asio;

namespace {

testing::certificate_authority const& authority()
{
    static testing::certificate_authority const made;
    return made;
}

class two_ends
{
public:
    explicit two_ends(int version = TLS1_3_VERSION, std::string const& host = "good.test",
                      tls_options options = trusting())
        : host_(host), client_settings_(tls_context::make(options).value()),
          server_settings_(
              testing::emulation::make_server_tls(authority().issue("DNS:good.test,IP:192.0.2.1"))),
          client_(asio::local::stream_protocol::socket(context_), client_settings_.native()),
          server_end_(context_)
    {
        asio::local::connect_pair(client_.next_layer(), server_end_);
        server_end_.non_blocking(true);
        SSL_CTX_set_max_proto_version(server_settings_.native_handle(), version);
        error_code code;
        asio::ip::make_address(host, code);
        REQUIRE(client_settings_.prepare(client_.native_handle(), host, !code));
        trace_.emplace(client_.native_handle());
    }

    static tls_options trusting()
    {
        return tls_options().without_system_authorities().additional_ca_pem(authority().pem());
    }

    SSL_CTX* server_settings() { return server_settings_.native_handle(); }
    SSL* client() { return client_.native_handle(); }
    SSL* server()
    {
        if (!server_) {
            server_.reset(SSL_new(server_settings()));
            SSL_set_bio(server_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
            SSL_set_accept_state(server_.get());
        }
        return server_.get();
    }
    tls_trace& trace() { return *trace_; }

    void start_handshake()
    {
        ended_.reset();
        client_.async_handshake(asio::ssl::stream_base::client, [this](error_code code) { ended_ = code; });
        run();
    }

    // Against a server that speaks TLS.
    error_code handshake()
    {
        start_handshake();
        for (int step = 0; step < 100 && !(ended_ && SSL_is_init_finished(server())); ++step) {
            receive();
            SSL_do_handshake(server());
            bool const failed = ERR_peek_error() != 0;
            flush();
            if (failed && !ended_)
                end();
        }
        REQUIRE(ended_.has_value());
        if (!*ended_)
            trace().end_of_handshake();
        return *ended_;
    }

    failure why_no_handshake()
    {
        REQUIRE(ended_.has_value());
        REQUIRE(ended_->failed());
        return handshake_failure(client(), *ended_, trace(), host_);
    }

    void start_read()
    {
        ended_.reset();
        client_.async_read_some(asio::buffer(read_), [this](error_code code, std::size_t) { ended_ = code; });
        run();
    }
    std::optional<error_code> const& ended() const { return ended_; }

    void request()
    {
        std::optional<error_code> written;
        asio::async_write(client_, asio::buffer("GET"),
                          [&](error_code code, std::size_t) { written = code; });
        run();
        REQUIRE(written.has_value());
        REQUIRE_FALSE(written->failed());
        receive();
        std::array<char, 64> text;
        REQUIRE(SSL_read(server(), text.data(), sizeof text) == 4);
    }

    void answer()
    {
        REQUIRE(SSL_write(server(), "200", 3) == 3);
        flush();
    }

    void send_key_update(int kind)
    {
        REQUIRE(SSL_key_update(server(), kind) == 1);
        REQUIRE(SSL_do_handshake(server()) == 1);
        flush();
    }

    // What the client has sent, for the server.
    void receive()
    {
        std::array<char, 4096> some;
        error_code code;
        while (std::size_t const n = server_end_.read_some(asio::buffer(some), code))
            BIO_write(SSL_get_rbio(server()), some.data(), static_cast<int>(n));
    }

    // What the server has said, to the client.
    void flush()
    {
        std::array<char, 4096> some;
        ERR_clear_error();
        for (int n = 0; (n = BIO_read(SSL_get_wbio(server()), some.data(), some.size())) > 0;)
            send({some.data(), static_cast<std::size_t>(n)});
        run();
    }

    void send(std::string_view bytes)
    {
        asio::write(server_end_, asio::buffer(bytes));
        run();
    }

    void end()
    {
        server_end_.close();
        run();
    }

    void run()
    {
        context_.restart();
        context_.poll();
    }

private:
    struct release
    {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };

    std::string host_;
    asio::io_context context_;
    tls_context client_settings_;
    asio::ssl::context server_settings_;
    asio::ssl::stream<asio::local::stream_protocol::socket> client_;
    asio::local::stream_protocol::socket server_end_;
    std::unique_ptr<SSL, release> server_;
    std::optional<tls_trace> trace_;
    std::optional<error_code> ended_;
    std::array<char, 4096> read_;
};

constexpr int both_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

error_code ssl_error(int reason)
{
    return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, reason)), asio::error::get_ssl_category()};
}

} // namespace

TEST_CASE("a peer that does not speak TLS is shown by its first bytes")
{
    struct row
    {
        std::string_view said;
        std::string_view shown;
    };
    for (row const& each :
         {row{"220", "32 32 30"}, row{"SSH-2.0-OpenSSH_9.2p1\r\n", "53 53 48 2d 32 2e 30 2d"},
          row{"HTTP/1.1 400 Bad Request\r\n\r\n", "48 54 54 50 2f 31 2e 31"}, row{"h", "68"},
          row{"\x16\x02", "16 02"}}) {
        CAPTURE(each.said);
        two_ends ends;
        ends.start_handshake();
        ends.send(each.said);
        ends.end();
        failure const why = ends.why_no_handshake();
        CHECK(why.code() == errc::not_tls);
        CHECK(why.detail() == "good.test answered with " + std::string(each.shown));
    }
}

TEST_CASE("a peer that ends the connection in the handshake is told from one that refuses")
{
    for (std::string_view const said : {std::string_view(), std::string_view("\x16\x03\x03"),
                                        std::string_view("\x16\x03\x03\x00\x7F\x02", 6)}) {
        two_ends ends;
        ends.start_handshake();
        ends.send(said);
        ends.end();
        CHECK(ends.why_no_handshake().code() == errc::tls_closed);
    }
    {
        two_ends ends(TLS1_2_VERSION);
        SSL_CTX_set_cipher_list(ends.server_settings(), "AES128-SHA");
        REQUIRE(ends.handshake().failed());
        failure const why = ends.why_no_handshake();
        CHECK(why.code() == errc::tls_failed);
        CHECK(why.detail().find("no shared cipher") != std::string::npos);
    }
}

TEST_CASE("a certificate is checked against the name or the address, and its refusal says why")
{
    for (int const version : both_versions) {
        CAPTURE(version);
        for (char const* const good : {"good.test", "192.0.2.1"}) {
            two_ends ends(version, good);
            CHECK_FALSE(ends.handshake().failed());
            CHECK_FALSE(check_alpn(ends.client()).failed());
        }
        for (auto const& [host, reason] :
             {std::pair{"other.test", "hostname_mismatch"}, std::pair{"192.0.2.2", "ip_mismatch"}}) {
            two_ends ends(version, host);
            REQUIRE(ends.handshake().failed());
            failure const why = ends.why_no_handshake();
            CHECK(why.code() == errc::certificate_refused);
            CHECK(why.detail().find(reason) != std::string::npos);
        }
        two_ends unknown(version, "good.test", tls_options().without_system_authorities());
        REQUIRE(unknown.handshake().failed());
        CHECK(unknown.why_no_handshake().detail().find("untrusted_issuer") != std::string::npos);
        two_ends trusting(version, "other.test", insecure_tls_for_tests());
        CHECK_FALSE(trusting.handshake().failed());
    }
}

TEST_CASE("a server that wants a client certificate is understood, also when TLS 1.3 lets it say so late")
{
    auto const want = [](two_ends& ends) {
        SSL_CTX_set_verify(ends.server_settings(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           nullptr);
    };
    {
        two_ends ends(TLS1_2_VERSION);
        want(ends);
        REQUIRE(ends.handshake().failed());
        CHECK(ends.trace().asked_for_certificate());
        CHECK(ends.why_no_handshake().code() == errc::client_certificate_required);
    }
    two_ends ends;
    want(ends);
    ends.start_handshake();
    ends.receive();
    SSL_do_handshake(ends.server());
    ends.flush();
    REQUIRE(ends.ended().has_value());
    REQUIRE_FALSE(ends.ended()->failed());
    ends.trace().end_of_handshake();
    ends.receive();
    SSL_do_handshake(ends.server());
    ends.flush();
    ends.start_read();
    REQUIRE(ends.ended().has_value());
    error_code const code = *ends.ended();
    CHECK(is_refusal_alert(code));
    CHECK(is_session_refused(SSL_version(ends.client()), 0, false, code));
    CHECK(session_failure(code, ends.trace(), "good.test").code() == errc::client_certificate_required);
}

TEST_CASE("a refusal of the session proves something only in TLS 1.3, before any answer, on a new connection")
{
    error_code const refusal = ssl_error(SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
    CHECK(is_session_refused(TLS1_3_VERSION, 0, false, refusal));
    CHECK_FALSE(is_session_refused(TLS1_2_VERSION, 0, false, refusal));
    CHECK_FALSE(is_session_refused(TLS1_3_VERSION, 1, false, refusal));
    CHECK_FALSE(is_session_refused(TLS1_3_VERSION, 0, true, refusal));
    for (error_code const& other :
         {ssl_error(SSL_R_TLSV1_ALERT_INTERNAL_ERROR), ssl_error(SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC),
          error_code(asio::ssl::error::stream_truncated), error_code(asio::error::eof),
          error_code(asio::error::connection_reset),
          error_code(SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, boost::system::system_category())}) {
        CAPTURE(other.message());
        CHECK_FALSE(is_session_refused(TLS1_3_VERSION, 0, false, other));
    }
}

TEST_CASE("the end of a session is told from what happened to it")
{
    for (int const version : both_versions) {
        CAPTURE(version);
        {
            two_ends ends(version);
            REQUIRE_FALSE(ends.handshake().failed());
            ends.start_read();
            ends.end();
            REQUIRE(ends.ended().has_value());
            CHECK(session_failure(*ends.ended(), ends.trace(), "good.test").code() == errc::tls_truncated);
        }
        two_ends ends(version);
        REQUIRE_FALSE(ends.handshake().failed());
        ends.start_read();
        ends.send(std::string_view("\x17\x03\x03\x00\x20"
                                   "01234567890123456789012345678901",
                                   37));
        REQUIRE(ends.ended().has_value());
        CHECK(session_failure(*ends.ended(), ends.trace(), "good.test").code() == errc::tls_corrupt);
    }
    two_ends ends;
    failure const lost = session_failure(asio::error::connection_reset, ends.trace(), "good.test");
    CHECK(lost.code() == errc::connection_lost);
    CHECK(lost.underlying() == asio::error::connection_reset);
}

TEST_CASE("a peer that goes on changing keys between two requests is left")
{
    for (int const kind : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
        CAPTURE(kind);
        two_ends ends;
        REQUIRE_FALSE(ends.handshake().failed());
        // As many as a long life needs, with requests among them.
        for (int request = 0; request < 8; ++request) {
            ends.request();
            ends.start_read();
            for (int update = 0; update < 20; ++update) {
                ends.send_key_update(kind);
                REQUIRE_FALSE(ends.ended().has_value());
                ends.receive();
                char byte = 0;
                REQUIRE(SSL_read(ends.server(), &byte, 1) < 1);
                ERR_clear_error();
            }
            ends.answer();
            REQUIRE(ends.ended() == error_code());
        }
        ends.start_read();
        int updates = 0;
        for (; !ends.ended() && updates < 100; ++updates)
            ends.send_key_update(kind);
        CHECK(updates < 34);
        REQUIRE(ends.ended().has_value());
        failure const why = session_failure(*ends.ended(), ends.trace(), "good.test");
        CHECK(why.code() == errc::tls_corrupt);
        CHECK(why.detail().find("too many key updates") != std::string::npos);
    }
}

TEST_CASE("what watches a session may outlive it")
{
    asio::io_context context;
    tls_context settings = tls_context::make(two_ends::trusting()).value();
    using stream = asio::ssl::stream<asio::local::stream_protocol::socket>;
    std::optional<stream> session(std::in_place, asio::local::stream_protocol::socket(context),
                                  settings.native());
    tls_trace trace(session->native_handle());
    session.reset();
    CHECK(trace.first_bytes().empty());
}
