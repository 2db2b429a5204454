// Any bytes may arrive as an answer. However they are cut, they are read alike; and where the end of an answer is
// said to be certain, Beast finds the same body.
//
// The first characters choose the limits, the line end that ends the stream, and a step of cutting.

#include "target.hpp"

#include <apimart/http/response_parser.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace apimart;
using namespace apimart::detail;
using fuzz::require;
using state = response_parser::state;

struct limits_of_input
{
    std::size_t header;
    std::uint64_t body;
    bool closes;
};

struct reading
{
    state end = state::head;
    error_code code;
    std::string detail;
    int status = 0;
    std::string body;
    std::string encoding;
    bool reusable = false;
    std::size_t used = 0;
};

// The bytes come as a first piece and then in steps.
reading read(std::string_view bytes, limits_of_input const& most, std::size_t first, std::size_t step,
             bool streams)
{
    response_parser parser;
    // A parser that has served before must not differ from a new one.
    parser.reset(most.header, most.body, !streams);
    parser.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 1\r\n\r\n5;x\r\nhel");
    parser.reset(most.header, most.body, streams);
    reading out;
    for (std::size_t end = first;; end += step) {
        end = std::min(end, bytes.size());
        out.used += parser.put(bytes.substr(out.used, end - out.used));
        out.body += parser.piece();
        if (parser.where() == state::failed || end == bytes.size())
            break;
        require(parser.where() == state::done || end - out.used < most.header, "what is held is bounded");
    }
    if (most.closes)
        parser.put_end();
    out.end = parser.where();
    out.status = parser.status();
    out.encoding = std::string(parser.content_encoding());
    if (!streams)
        out.body = parser.body();
    require(out.body.size() <= most.body, "a body is bounded");
    if (out.end == state::failed) {
        out.code = parser.why().code();
        out.detail = parser.why().client_message();
        require(out.code && !out.detail.empty() && scan_utf8(out.detail).code_points < 200,
                "a refusal says why");
        require(scan_utf8(out.detail).valid(), "a refusal can be shown");
    }
    out.reusable = parser.keep_alive();
    return out;
}

void require_same(reading const& a, reading const& b)
{
    require(a.end == b.end && a.code == b.code && a.detail == b.detail, "the cuts do not change the outcome");
    require(a.status == b.status && a.body == b.body && a.reusable == b.reusable,
            "the cuts do not change the answer");
    require(a.end == state::failed || a.used == b.used, "the cuts do not change the end");
}

void compare_with_beast(std::string_view bytes, reading const& ours)
{
    namespace http = boost::beast::http;
    for (;;) {
        http::response_parser<http::string_body> parser;
        parser.eager(true);
        parser.header_limit(1U << 20U);
        parser.body_limit(std::uint64_t(1) << 40U);
        boost::beast::error_code code;
        std::size_t const used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
        bytes.remove_prefix(used);
        if (code) {
            // Extensions and trailers are grammar that decides nothing.
            require(parser.is_header_done() && parser.chunked(), "Beast reads what is read here");
            return;
        }
        require(parser.is_done(), "Beast finds the same end");
        if (parser.get().result_int() < 200)
            continue;
        require(parser.get().result_int() == static_cast<unsigned>(ours.status),
                "Beast reads the same status");
        require(!ours.encoding.empty() || parser.get().body() == ours.body, "Beast reads the same body");
        require(bytes.empty(), "Beast leaves no byte behind");
        // Its older versions take such a field from a trailer, too.
        require(parser.keep_alive() || parser.chunked(), "Beast would use the connection again");
        return;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), size});
    limits_of_input const most{in.yes() ? 64U : 16U << 10U, in.yes() ? 8U : 1U << 20U, in.yes()};
    std::size_t const step = 1 + in.below(40);
    std::string_view const bytes = in.rest();
    reading const whole = read(bytes, most, bytes.size(), 1, false);
    require_same(whole, read(bytes, most, 1, 1, false));
    require_same(whole, read(bytes, most, step, step, false));
    reading const streamed = read(bytes, most, step, step, true);
    require_same(streamed, read(bytes, most, bytes.size(), 1, true));
    // One cut, everywhere; in long inputs that takes too long to learn from.
    for (std::size_t cut = 0; bytes.size() <= 256 && cut < bytes.size(); ++cut)
        require_same(whole, read(bytes, most, cut, bytes.size(), false));
    if (whole.encoding.empty())
        require_same(whole, streamed);
    if (whole.reusable)
        compare_with_beast(bytes, whole);
    return 0;
}
