// The best that stays on Asio's TLS stream: callbacks instead of coroutines, the io_context's own executor
// instead of any_io_executor, no locks, one flat text per request in one write, reads of whatever there is
// into a parser that keeps only the body, OpenSSL's record buffers kept, nothing allocated per request.

#include "client_process.hpp"
#include "flat_request.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional/optional.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using socket_type = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;

void require(error_code code)
{
    if (code)
        throw boost::system::system_error(code);
}

/// Keeps the status and the body, and no field.
class body_parser final : public http::basic_parser<false>
{
public:
    explicit body_parser(std::string& body) : body_(body) { body_.clear(); }

    int status() const { return status_; }

private:
    using text = boost::beast::string_view;

    void on_request_impl(http::verb, text, text, int, error_code&) override {}
    void on_response_impl(int status, text, int, error_code&) override { status_ = status; }
    void on_field_impl(http::field, text, text, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(text piece, error_code&) override { return append(piece); }
    void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, text piece, error_code&) override { return append(piece); }
    void on_finish_impl(error_code&) override {}

    std::size_t append(text piece)
    {
        body_.append(piece.data(), piece.size());
        return piece.size();
    }

    std::string& body_;
    int status_ = 0;
};

class connection
{
public:
    connection(bench::workload const& work, asio::io_context& context, asio::ssl::context& tls,
               bench::key_source& keys)
        : stream_(context, tls), request_(work), keys_(keys)
    {
        tcp::endpoint const service(asio::ip::address_v4::loopback(), work.port);
        stream_.next_layer().connect(service);
        stream_.next_layer().set_option(tcp::no_delay(true));
        stream_.set_verify_callback(asio::ssl::host_name_verification("127.0.0.1"));
        SSL_clear_mode(stream_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
        SSL_set_read_ahead(stream_.native_handle(), 1);
        stream_.handshake(asio::ssl::stream_base::client);
    }

    void start(bench::ledger& book)
    {
        book_ = &book;
        next();
    }

private:
    void next()
    {
        if (book_->take())
            send(request_.post(keys_), true);
    }

    void send(std::string_view text, bool is_submit)
    {
        is_submit_ = is_submit;
        parser_.emplace(body_);
        parser_->eager(true);
        filled_ = 0;
        write(text);
    }

    void write(std::string_view text)
    {
        stream_.async_write_some(asio::buffer(text.data(), text.size()),
                                 [this, text](error_code code, std::size_t n) {
                                     require(code);
                                     if (n < text.size())
                                         write(text.substr(n));
                                     else
                                         read();
                                 });
    }

    void read()
    {
        stream_.async_read_some(asio::buffer(received_.data() + filled_, received_.size() - filled_),
                                [this](error_code code, std::size_t n) {
                                    require(code);
                                    filled_ += n;
                                    parse();
                                });
    }

    void parse()
    {
        error_code code;
        std::size_t const used = parser_->put(asio::buffer(received_.data(), filled_), code);
        if (code != http::error::need_more)
            require(code);
        filled_ -= used;
        if (!parser_->is_done()) {
            std::copy(received_.begin() + used, received_.begin() + used + filled_, received_.begin());
            return read();
        }
        if (parser_->status() != 200)
            throw std::runtime_error("refused: " + body_);
        if (is_submit_) {
            reply_.accepted(body_);
            send(request_.get(reply_.id()), false);
        } else {
            reply_.completed(body_, *book_);
            next();
        }
    }

    asio::ssl::stream<socket_type> stream_;
    bench::flat_request request_;
    bench::flat_reply reply_;
    bench::key_source& keys_;
    bench::ledger* book_ = nullptr;
    bool is_submit_ = false;
    std::array<char, 4096> received_;
    std::size_t filled_ = 0;
    std::string body_;
    std::optional<body_parser> parser_;
};

class tuned_client
{
public:
    tuned_client(bench::workload const& work, std::vector<std::string> const&)
        : work_(work), tls_(asio::ssl::context::tls_client)
    {
        tls_.set_default_verify_paths();
        tls_.load_verify_file(work.ca_file);
        tls_.set_verify_mode(asio::ssl::verify_peer);
    }

    void open()
    {
        bench::ledger unmeasured(static_cast<std::uint64_t>(work_.connections));
        for (int i = 0; i < work_.connections; ++i)
            connections_.push_back(std::make_unique<connection>(work_, context_, tls_, keys_));
        // Each takes one: none ends before all have begun.
        work(unmeasured);
        context_.restart();
    }

    void work(bench::ledger& book)
    {
        for (auto& c : connections_)
            c->start(book);
        context_.run();
    }

private:
    bench::workload work_;
    asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
    asio::ssl::context tls_;
    bench::key_source keys_;
    std::vector<std::unique_ptr<connection>> connections_;
};

} // namespace

int main(int argc, char** argv)
{
    return bench::be_client<tuned_client>(argc, argv);
}
