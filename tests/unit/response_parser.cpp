// Answers as they should be: read from any pieces, collected or passed on, one after another.
#include <apimart/http/response_parser.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using apimart::errc;
using apimart::detail::response_parser;
using state = response_parser::state;

namespace {

constexpr std::size_t header_limit = 16U << 10U;
constexpr std::uint64_t body_limit = 1U << 20U;

// As a connection does: what was not used is offered again with more behind it.
class feeder
{
public:
    explicit feeder(bool streams = false) { parser.reset(header_limit, body_limit, streams); }

    void operator()(std::string_view bytes)
    {
        buffer += bytes;
        std::size_t const used = parser.put(buffer);
        pieces += parser.piece();
        buffer.erase(0, used);
    }

    void byte_by_byte(std::string_view bytes)
    {
        for (char const c : bytes)
            (*this)(std::string_view(&c, 1));
    }

    response_parser parser;
    std::string buffer;
    std::string pieces;
};

std::string const small = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n"
                          "X-Oneapi-Request-Id: r1\r\n\r\nhello";

} // namespace

TEST_CASE("an answer is read whole and from single bytes alike")
{
    std::vector<std::string> const answers{
        small,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX-Sum: "
        "1\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + small,
        "HTTP/1.1 200 \r\ncontent-length:5\r\n\r\nhello",
    };
    for (std::string const& answer : answers) {
        CAPTURE(answer);
        for (std::size_t cut = 0; cut <= answer.size(); ++cut) {
            feeder feed;
            feed(answer.substr(0, cut));
            feed(answer.substr(cut));
            CHECK(feed.parser.where() == state::done);
            CHECK(feed.parser.status() == 200);
            CHECK(feed.parser.body() == "hello");
            CHECK(feed.parser.keep_alive());
            CHECK(feed.buffer.empty());
        }
        feeder feed;
        feed.byte_by_byte(answer);
        CHECK(feed.parser.where() == state::done);
        CHECK(feed.parser.body() == "hello");
        CHECK(feed.parser.keep_alive());
    }
}

TEST_CASE("the fields that decisions depend on are kept when the bytes are gone")
{
    feeder feed;
    feed("HTTP/1.1 429 Too Many Requests\r\nRetry-After:  7 \r\nContent-Type: text/html\r\nContent-Type: "
         "second\r\n"
         "x-oneapi-request-id: abc\r\nLocation: /elsewhere\r\nContent-Range: bytes 0-1/2\r\nETag: \"e\"\r\n"
         "Content-Encoding: identity\r\nContent-Length: 0\r\n\r\n");
    feed.buffer.assign(1000, 'x');
    response_parser& parser = feed.parser;
    REQUIRE(parser.where() == state::done);
    CHECK(parser.status() == 429);
    CHECK(parser.retry_after() == "7");
    CHECK(parser.content_type() == "text/html");
    CHECK(parser.request_id() == "abc");
    CHECK(parser.location() == "/elsewhere");
    CHECK(parser.content_range() == "bytes 0-1/2");
    CHECK(parser.etag() == "\"e\"");
    CHECK(parser.content_encoding().empty());
    CHECK(parser.content_length() == 0);
    parser.reset(header_limit, body_limit, false);
    CHECK(parser.retry_after().empty());
    CHECK_FALSE(parser.content_length().has_value());
    CHECK_FALSE(parser.head_done());
    CHECK_FALSE(parser.got_some());
}

TEST_CASE("fields of an interim answer are not those of the final one")
{
    feeder feed;
    feed("HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nContent-Length: 4\r\n\r\n" + small);
    CHECK(feed.parser.where() == state::done);
    CHECK(feed.parser.retry_after().empty());
    CHECK(feed.parser.content_length() == 5);
}

TEST_CASE("a connection serves again only after an answer whose end is certain and that allows it")
{
    auto const keeps = [](std::string const& answer) {
        feeder feed;
        feed(answer);
        feed.parser.put_end();
        REQUIRE(feed.parser.where() == state::done);
        return feed.parser.keep_alive();
    };
    CHECK(keeps("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"));
    CHECK(keeps("HTTP/1.1 204 No Content\r\n\r\n"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nab"));
    CHECK_FALSE(keeps("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nab"));
    CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"));
    CHECK_FALSE(keeps("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab"));
}

TEST_CASE("what follows a complete answer is left where it is, and noticed whenever it comes")
{
    feeder feed;
    feed(small + "HTTP/1.1 408");
    CHECK(feed.parser.where() == state::done);
    CHECK(feed.buffer == "HTTP/1.1 408");
    CHECK_FALSE(feed.parser.keep_alive());
    feeder later;
    later(small);
    CHECK(later.parser.keep_alive());
    later("x");
    CHECK_FALSE(later.parser.keep_alive());
    CHECK(later.parser.body() == "hello");
}

TEST_CASE("a body without a stated end ends with the stream")
{
    feeder feed;
    feed("HTTP/1.1 200 OK\r\n\r\nhel");
    feed("lo");
    CHECK(feed.parser.where() == state::body);
    feed.parser.put_end();
    CHECK(feed.parser.where() == state::done);
    CHECK(feed.parser.body() == "hello");
}

TEST_CASE("a streamed body is passed on without being copied, or joined when it comes in chunks")
{
    feeder plain(true);
    std::string const head =
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Encoding: br\r\n\r\n";
    std::string const first = head + "01234";
    std::size_t const used = plain.parser.put(first);
    CHECK(used == first.size());
    CHECK(plain.parser.piece() == "01234");
    CHECK(plain.parser.piece().data() == first.data() + head.size());
    CHECK(plain.parser.content_encoding() == "br");
    CHECK(plain.parser.put("") == 0);
    CHECK(plain.parser.piece().empty());
    CHECK(plain.parser.put("56789") == 5);
    CHECK(plain.parser.piece() == "56789");
    CHECK(plain.parser.where() == state::done);
    CHECK(plain.parser.body().empty());

    std::string const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "1\r\n0\r\n2\r\n12\r\n00003\r\n345\r\nA\r\n6789abcdef\r\n0\r\n\r\n";
    feeder whole(true);
    whole(chunked);
    CHECK(whole.parser.piece() == "0123456789abcdef");
    feeder bytes(true);
    bytes.byte_by_byte(chunked);
    CHECK(bytes.pieces == "0123456789abcdef");
    CHECK(bytes.parser.where() == state::done);
}

TEST_CASE("limits are met exactly")
{
    auto const end = [](std::size_t headers, std::uint64_t body, std::string const& answer) {
        response_parser parser;
        parser.reset(headers, body, false);
        parser.put(answer);
        parser.put_end();
        return parser.where();
    };
    std::size_t const head = small.size() - 5;
    CHECK(end(head, 5, small) == state::done);
    CHECK(end(head - 1, 5, small) == state::failed);
    CHECK(end(head, 4, small) == state::failed);
    std::string const open = "HTTP/1.1 200 OK\r\n\r\nhello";
    CHECK(end(100, 5, open) == state::done);
    CHECK(end(100, 4, open) == state::failed);
    std::string const chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    CHECK(end(100, 5, chunks) == state::done);
    CHECK(end(100, 4, chunks) == state::failed);
    std::string fields = "HTTP/1.1 204 No Content\r\n";
    for (int i = 0; i < 100; ++i)
        fields += "a: b\r\n";
    CHECK(end(header_limit, 0, fields + "\r\n") == state::done);
    CHECK(end(header_limit, 0, fields + "a: b\r\n\r\n") == state::failed);
    std::string trailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    for (int i = 0; i < 64; ++i)
        trailers += "a: b\r\n";
    CHECK(end(header_limit, 0, trailers + "\r\n") == state::done);
    CHECK(end(header_limit, 0, trailers + "a: b\r\n\r\n") == state::failed);
    std::string const chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1";
    CHECK(end(header_limit, 1, chunk + ";" + std::string(254, 'x') + "\r\na\r\n0\r\n\r\n") == state::done);
    CHECK(end(header_limit, 1, chunk + ";" + std::string(256, 'x') + "\r\na\r\n0\r\n\r\n") == state::failed);
    std::string interim;
    for (int i = 0; i < 10; ++i)
        interim += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(end(100, 5, interim + small) == state::done);
    CHECK(end(100, 5, interim + "HTTP/1.1 100 Continue\r\n\r\n" + small) == state::failed);
}

TEST_CASE("lengths beyond any file are refused or taken without overflow")
{
    constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
    response_parser parser;
    parser.reset(header_limit, most, true);
    parser.put("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx");
    CHECK(parser.where() == state::body);
    CHECK(parser.content_length() == most);
    parser.reset(header_limit, most, true);
    parser.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\nx");
    REQUIRE(parser.where() == state::failed);
    CHECK(parser.why().code() == errc::response_too_large);
}

TEST_CASE("an encoded body is only passed on, never taken for what it is not")
{
    std::string const encoded = " X\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08";
    feeder success;
    success("HTTP/1.1 200" + encoded);
    REQUIRE(success.parser.where() == state::failed);
    CHECK(success.parser.why().code() == errc::bad_response);
    CHECK(success.parser.why().client_message() == "content encoding gzip");
    // What the status proves must not be lost.
    feeder refusal;
    refusal("HTTP/1.1 402" + encoded);
    REQUIRE(refusal.parser.where() == state::done);
    CHECK(refusal.parser.status() == 402);
    CHECK(refusal.parser.body().empty());
    CHECK(refusal.parser.keep_alive());
    feeder stream(true);
    stream("HTTP/1.1 200" + encoded);
    CHECK(stream.pieces == "\x1f\x8b\x08");
    CHECK(stream.parser.content_encoding() == "gzip");
}

TEST_CASE("one parser reads answer after answer, also after failures, and keeps its memory")
{
    response_parser parser;
    char const* place = nullptr;
    for (int round = 0; round < 100; ++round) {
        parser.reset(header_limit, body_limit, false);
        if (round % 3 == 1) {
            parser.put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
            CHECK(parser.where() == state::failed);
            continue;
        }
        if (round % 3 == 2) {
            parser.put("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nxxx");
            CHECK(parser.where() == state::body);
            continue;
        }
        parser.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        parser.put_end();
        CHECK(parser.why().client_message() == "body cut after 3 bytes");
        parser.reset(header_limit, body_limit, false);
        parser.put("HTTP/1.1 204 No Content\r\n\r\nbehind");
        CHECK_FALSE(parser.keep_alive());
        parser.reset(header_limit, body_limit, false);
        std::string const text(60, static_cast<char>('a' + round % 26));
        parser.put("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + text);
        REQUIRE(parser.where() == state::done);
        CHECK(parser.body() == text);
        CHECK(parser.keep_alive());
        if (round == 3)
            place = parser.body().data();
        if (round > 3)
            CHECK(parser.body().data() == place);
    }
}

TEST_CASE("a header nearly as large as its limit may come byte by byte")
{
    std::string head = "HTTP/1.1 200 OK\r\n";
    while (head.size() < header_limit - 400)
        head += "a: " + std::string(160, 'b') + "\r\n";
    head += "Content-Length: 1\r\n\r\n";
    feeder feed;
    for (char const c : head) {
        CHECK_FALSE(feed.parser.head_done());
        feed(std::string_view(&c, 1));
    }
    CHECK(feed.parser.head_done());
    feed("x");
    CHECK(feed.parser.where() == state::done);
    CHECK(feed.parser.body() == "x");
}

namespace {

// What a head came to. A tab in a field is enough to have Beast read it.
std::string outcome_of(std::string const& head, bool by_beast)
{
    constexpr std::string_view odd = "X-Odd: a\tb\r\n";
    std::string text = head;
    if (by_beast)
        text.insert(text.size() - 2, odd);
    feeder feed;
    feed(text + "{}");
    response_parser& parser = feed.parser;
    std::string words = std::to_string(static_cast<int>(parser.where()));
    if (parser.where() == state::failed)
        return words + " " + parser.why().describe();
    words += " " + std::to_string(parser.status()) + (parser.keep_alive() ? " kept" : " closed") + " " +
             (parser.content_length() ? std::to_string(*parser.content_length()) : "-") + " " +
             parser.body() + " " + std::to_string(feed.buffer.size());
    for (std::string_view const field :
         {parser.retry_after(), parser.content_type(), parser.request_id(), parser.location(),
          parser.content_range(), parser.content_encoding(), parser.etag()})
        words += " [" + std::string(field) + "]";
    if (auto const announced = parser.keep_alive_timeout())
        words += " for " + std::to_string(announced->count());
    return words;
}

void check_head(std::string const& head)
{
    CAPTURE(head);
    CHECK(outcome_of(head, false) == outcome_of(head, true));
}

} // namespace

TEST_CASE("a head read the quick way is the head that Beast reads")
{
    std::string const plain = "HTTP/1.1 200 OK\r\nDate: Fri, 14 Nov 2025 02:44:49 GMT\r\nContent-Type: "
                              "application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n";
    check_head(plain);
    for (std::size_t at = 0; at + 4 < plain.size(); ++at) {
        std::string changed = plain;
        changed.erase(at, 1);
        check_head(changed);
        changed.insert(at, 2, plain[at]);
        check_head(changed);
        for (char const c : std::string_view(" \t\r\n:0a-_(\x7F\x80\x00", 13)) {
            changed = plain;
            changed[at] = c;
            check_head(changed);
        }
    }
    for (char const* const fields :
         {"Content-Length: 2",
          "content-length:2",
          "Content-Length:  2  ",
          "Content-Length: 02",
          "Content-Length: 2\r\nContent-Length: 2",
          "Content-Length: 2\r\nContent-Length: 3",
          "Content-Length:",
          "Content-Length: 2,2",
          "Content-Length: +2",
          "Content-Length: 0",
          "Content-Length: 999999999999999",
          "Content-Length: 1000000000000000",
          "Content-Length: 2 2",
          "Content-Length: 2\r\nConnection: close",
          "Content-Length: 2\r\nConnection: Keep-Alive",
          "Content-Length: 2\r\nConnection: keep-alive, close",
          "Content-Length: 2\r\nConnection:",
          "Content-Length: 2\r\nKeep-Alive: timeout=5, max=9",
          "keep-alive: max=9,timeout=5\r\nKeep-Alive: timeout=6\r\nContent-Length: 2",
          "Content-Length: 2\r\nProxy-Connection: close",
          "Content-Length: 2\r\nUpgrade: h2c",
          "Content-Length: 2\r\nTransfer-Encoding: chunked",
          "Transfer-Encoding: chunked",
          "Content-Length: 2\r\nContent-Encoding: gzip",
          "Content-Length: 2\r\nContent-Encoding: identity",
          "Content-Length: 2\r\nRETRY-AFTER: 7\r\nRetry-After: 8",
          "Content-Length: 2\r\nEtag:  \"x\" ",
          "Content-Length: 2\r\nLocation: /a\r\nContent-Range: bytes 1-2/3",
          "X-Oneapi-Request-Id: r 1\r\nContent-Length: 2",
          "Content-Length: 2\r\n folded",
          "X: a\r\n\tfolded\r\nContent-Length: 2",
          "Content-Length: 2\r\n: no name",
          "Content-Length : 2",
          "Content-Length: 2\r\nX.Y!: 1",
          "Content-Length: 2\r\nno colon",
          "Date: none"})
        for (char const* const status :
             {"200 OK", "200 ", "200", "204 No Content", "304 Not Modified", "404 Not Found", "599 x",
              "600 x", "101 Switching", "099 x", "2000 x"})
            check_head("HTTP/1.1 " + std::string(status) + "\r\n" + fields + "\r\n\r\n");
}
