// The plainest client there is, so that the emulator is tested with something that has no opinion of its own.
#pragma once

#include <apimart/testing/emulator.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace emulator_tests {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using apimart::testing::emulator;
using apimart::testing::emulator_options;
using apimart::testing::scenario;

/// An emulator with threads of its own for one test case.
class running_emulator
{
public:
    explicit running_emulator(emulator_options options = {}, int threads = 1)
        : service(context_.get_executor(), std::move(options))
    {
        service.start();
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }

    explicit running_emulator(std::string_view scenario_text) : running_emulator(with(scenario_text)) {}

    ~running_emulator()
    {
        service.stop();
        for (auto& thread : threads_)
            thread.join();
    }

    static emulator_options with(std::string_view scenario_text)
    {
        emulator_options options;
        options.scenario = scenario::parse(scenario_text);
        return options;
    }

private:
    asio::io_context context_;
    std::vector<std::thread> threads_;

public:
    emulator service;
};

using header_list = std::vector<std::pair<std::string, std::string>>;
using response = http::response<http::string_body>;

/// One blocking connection.
class raw_client
{
public:
    enum class trust
    {
        emulators_ca,
        nobody
    };

    explicit raw_client(emulator const& service, trust trusted = trust::emulators_ca)
        : raw_client(
              service,
              [&](asio::ip::tcp::socket& socket) {
                  socket.connect({asio::ip::address_v4::loopback(), service.port()});
              },
              trusted)
    {}

    /// `connect` gets the socket that is to lead to the service, by whatever way.
    template <class Connect>
        requires std::invocable<Connect, asio::ip::tcp::socket&>
    explicit raw_client(emulator const& service, Connect connect, trust trusted = trust::emulators_ca)
        : tls_(asio::ssl::context::tls_client), stream_(context_, tls_)
    {
        if (trusted == trust::emulators_ca)
            tls_.add_certificate_authority(asio::buffer(service.ca_pem()));
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls_.native_handle()), X509_V_FLAG_X509_STRICT);
        stream_ = boost::beast::ssl_stream<asio::ip::tcp::socket>(context_, tls_);
        stream_.set_verify_mode(asio::ssl::verify_peer);
        stream_.set_verify_callback(asio::ssl::host_name_verification("127.0.0.1"));
        static constexpr unsigned char protocols[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
        SSL_set_alpn_protos(stream_.native_handle(), protocols, sizeof protocols);
        connect(stream_.next_layer());
        stream_.next_layer().set_option(asio::ip::tcp::no_delay(true));
        stream_.handshake(asio::ssl::stream_base::client);
    }

    std::string protocol()
    {
        unsigned char const* name = nullptr;
        unsigned length = 0;
        SSL_get0_alpn_selected(stream_.native_handle(), &name, &length);
        return std::string(reinterpret_cast<char const*>(name), length);
    }

    /// Sends a request and reads the reply. Throws boost::system::system_error when there is none.
    response send(http::verb verb, std::string_view target, std::string_view body, header_list const& headers)
    {
        http::request<http::string_body> request(verb, {target.data(), target.size()}, 11);
        request.set(http::field::host, "127.0.0.1");
        for (auto const& [name, value] : headers)
            request.set(name, value);
        request.body() = body;
        if (verb == http::verb::post)
            request.prepare_payload();
        http::write(stream_, request);
        return read(verb);
    }

    response read(http::verb verb = http::verb::get)
    {
        http::response_parser<http::string_body> parser;
        parser.body_limit(boost::none);
        parser.skip(verb == http::verb::head);
        http::read(stream_, buffer_, parser);
        return parser.release();
    }

    response get(std::string_view target) { return send(http::verb::get, target, "", authorized()); }

    response post(std::string_view target, std::string_view body, header_list headers = {})
    {
        auto all = authorized();
        all.insert(all.end(), headers.begin(), headers.end());
        return send(http::verb::post, target, body, all);
    }

    response submit(std::string_view body, header_list headers = {})
    {
        return post("/v1/videos/generations", body, std::move(headers));
    }

    response poll(std::string_view id) { return get("/v1/tasks/" + std::string(id)); }

    /// Submits and returns the id.
    std::string submit_for_id(std::string_view body) { return text(at(submit(body), "/data/0/task_id")); }

    auto& stream() { return stream_; }

    static header_list authorized() { return {{"Authorization", "Bearer sk-test"}}; }

    /// The value at a JSON pointer of a reply; a JSON null when there is none.
    static json::value at(response const& reply, std::string_view pointer)
    {
        boost::system::error_code error;
        auto const document = json::parse(reply.body(), error);
        auto const* found = error ? nullptr : document.find_pointer({pointer.data(), pointer.size()}, error);
        return found == nullptr ? json::value() : *found;
    }

    static std::string text(json::value const& value)
    {
        return value.is_string() ? std::string(value.get_string().c_str()) : json::serialize(value);
    }

private:
    asio::io_context context_;
    asio::ssl::context tls_;
    boost::beast::ssl_stream<asio::ip::tcp::socket> stream_;
    boost::beast::flat_buffer buffer_;
};

/// The text at a JSON pointer, or the JSON of what is there.
inline std::string text_at(response const& reply, std::string_view pointer)
{
    return raw_client::text(raw_client::at(reply, pointer));
}

/// Path and query of an absolute URL on the emulator.
inline std::string target_of(std::string const& url)
{
    return url.substr(url.find('/', sizeof "https://"));
}

inline constexpr std::string_view corgi =
    R"({"model":"kling-3.0-turbo","prompt":"A corgi running on the beach","duration":5})";

/// More than any task takes.
inline constexpr std::chrono::minutes long_enough{3};

} // namespace emulator_tests
