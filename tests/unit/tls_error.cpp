// What a TLS session's error codes are made into, on the stream that the library uses.
#include <apimart/http/tls_context.hpp>
#include <apimart/http/tls_error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace apimart;
using namespace apimart::detail;

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using tcp = asio::ip::tcp;

namespace {

// A server's settings, with a certificate that nobody trusts.
ssl::context server_settings()
{
    ssl::context made(ssl::context::tls_server);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(X509_new(), &X509_free);
    X509_set_version(certificate.get(), 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    REQUIRE(SSL_CTX_use_certificate(made.native_handle(), certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(made.native_handle(), key.get()) == 1);
    return made;
}

// Two ends of a connection, both driven by one context.
class pair_of_ends
{
public:
    explicit pair_of_ends(tls_options const& options = insecure_tls_for_tests())
        : settings(tls_context::make(options).value()), client(context, settings.native()),
          server(context, server_side)
    {
        tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        client.next_layer().socket().connect(acceptor.local_endpoint());
        acceptor.accept(server.next_layer());
        REQUIRE(settings.expect_peer(client.native_handle(), "good.test", false));
    }

    SSL* session() { return client.native_handle(); }

    void start_handshake()
    {
        trace.attach(session());
        client.async_handshake(ssl::stream_base::client, [this](error_code code) {
            trace.detach(session());
            shook = code;
        });
    }
    void shake_hands()
    {
        start_handshake();
        server.async_handshake(ssl::stream_base::server, [](error_code) {});
        run();
    }
    void run()
    {
        context.restart();
        context.run();
    }
    error_info handshake_outcome() { return handshake_failure(session(), shook.value(), trace, "good.test"); }
    error_code read()
    {
        std::optional<error_code> got;
        std::string room(64, '\0');
        client.async_read_some(asio::buffer(room), [&](error_code code, std::size_t) { got = code; });
        run();
        return got.value();
    }

    asio::io_context context;
    tls_context settings;
    ssl::context server_side = server_settings();
    tls_trace trace;
    ssl::stream<boost::beast::tcp_stream> client;
    ssl::stream<tcp::socket> server;
    std::optional<error_code> shook;
};

} // namespace

TEST_CASE("the first bytes of a peer that does not speak TLS are told")
{
    struct row
    {
        std::string_view said;
        std::string_view told;
    };
    for (row const& each : {row{"HTTP/1.1 400 Bad Request\r\n\r\n", "48 54 54 50 2f 31 2e 31"},
                            row{"220", "32 32 30"}, row{"SSH-2.0-x\r\n", "53 53 48 2d 32 2e 30 2d"}}) {
        pair_of_ends ends;
        ends.start_handshake();
        asio::write(ends.server.next_layer(), asio::buffer(each.said));
        ends.server.next_layer().shutdown(tcp::socket::shutdown_send);
        ends.run();
        error_info const why = ends.handshake_outcome();
        CHECK(why.code() == errc::tls_wrong_protocol);
        CHECK(why.client_message() == "good.test answered with " + std::string(each.told));
    }
}

TEST_CASE("a connection that ends in the handshake, and a certificate that is refused")
{
    pair_of_ends silent;
    silent.start_handshake();
    silent.server.next_layer().shutdown(tcp::socket::shutdown_send);
    silent.run();
    CHECK(silent.handshake_outcome().code() == errc::tls_closed);

    pair_of_ends strict{tls_options().use_system_ca(false)};
    strict.shake_hands();
    CHECK(strict.handshake_outcome().code() == errc::certificate_verify_failed);
}

TEST_CASE("the end of a session is told from the end of its connection")
{
    pair_of_ends ends;
    ends.shake_hands();
    REQUIRE_FALSE(ends.shook.value());
    CHECK(selected_http_1_1(ends.session()));
    ends.server.next_layer().shutdown(tcp::socket::shutdown_send);
    error_code const code = ends.read();
    error_info const why = session_failure(code, ends.trace, "good.test");
    CHECK(why.code() == errc::stream_truncated);
    CHECK_FALSE(session_refused(ends.session(), code, 0, false));
    CHECK(session_failure(asio::error::connection_reset, ends.trace, "h").code() == errc::connection_lost);
}

TEST_CASE(
    "an alert about the session means that nothing was processed only before the first answer of TLS 1.3")
{
    for (int const version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        pair_of_ends ends;
        SSL_set_max_proto_version(ends.session(), version);
        ends.shake_hands();
        REQUIRE_FALSE(ends.shook.value());
        error_code const alert(
            static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)),
            asio::error::get_ssl_category());
        CHECK(session_refused(ends.session(), alert, 0, false) == (version == TLS1_3_VERSION));
        CHECK_FALSE(session_refused(ends.session(), alert, 1, false));
        CHECK_FALSE(session_refused(ends.session(), alert, 0, true));
        error_code const other(static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_INTERNAL_ERROR)),
                               asio::error::get_ssl_category());
        CHECK_FALSE(session_refused(ends.session(), other, 0, false));
    }
}

TEST_CASE("a peer that changes its key for ever ends the session, and one that does it sometimes does not")
{
    pair_of_ends ends;
    ends.shake_hands();
    REQUIRE_FALSE(ends.shook.value());
    auto const change_keys = [&](int times) {
        for (int i = 0; i != times; ++i) {
            REQUIRE(SSL_key_update(ends.server.native_handle(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
            ends.server.handshake(ssl::stream_base::server); // sends it
        }
    };
    for (int data = 0; data != 3; ++data) {
        change_keys(256);
        asio::write(ends.server, asio::buffer("x", 1));
        REQUIRE_FALSE(ends.read());
        REQUIRE_FALSE(ends.trace.too_many_key_updates());
    }
    change_keys(257);
    error_code const code = ends.read();
    CHECK(code);
    CHECK(code != asio::error::eof);
    CHECK(ends.trace.too_many_key_updates());
    CHECK(session_failure(code, ends.trace, "good.test").code() == errc::tls_bad_record_mac);
    CHECK_FALSE(session_refused(ends.session(), code, 0, false));
}

TEST_CASE("a file of authorities that the system does not open is named with the system's reason")
{
    auto const done = tls_context::make(tls_options().add_ca_file("/there/is/none.pem"));
    REQUIRE(done.has_error());
    CHECK(done.error().client_message().find("/there/is/none.pem: No such file or directory") !=
          std::string::npos);
}
