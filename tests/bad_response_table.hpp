// Answers no service should give, and what becomes of each: to a submit, which may have cost money, and to a
// question about a task. The rows have the names of the fault matrix (F) and of the list of bad inputs (S).
#pragma once

#include <apimart/error.hpp>
#include <apimart/protocol/submit_response.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bad_responses {

using apimart::api_errc;
using apimart::errc;
using apimart::error_code;
using apimart::detail::submit_classification;

inline constexpr std::size_t header_limit = 16U << 10U;
inline constexpr std::size_t body_limit = 1U << 20U;

/// The task all rows are about that are about any.
inline constexpr std::string_view task_id = "task_1";
/// What no text of a failure may ever hold: rows have it in the signed part of links.
inline constexpr std::string_view secret = "SECRET";

struct expected
{
    error_code code; ///< not set: the answer is good
    std::string detail = {};
    std::string service_text = {};
};

struct row
{
    std::string id;
    std::string what;
    std::string bytes;
    bool closes = false; ///< the stream ends in order behind the bytes

    /// Set where the bytes are not taken for an answer at all. A submit's outcome is then unknown.
    std::optional<expected> refused = {};
    /// Of an answer: whether the connection may serve another request.
    bool reusable = true;

    /// Not set: the row is not about this operation.
    std::optional<expected> poll = {};
    std::optional<submit_classification> verdict = {};
    expected submit = {};
};

inline std::string repeat(std::string_view text, std::size_t count)
{
    std::string all;
    all.reserve(text.size() * count);
    for (std::size_t i = 0; i < count; ++i)
        all += text;
    return all;
}

inline std::string answer(int status, std::string_view body, std::string_view fields = {})
{
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

class table
{
public:
    table()
    {
        starts();
        header_lines();
        lengths_and_codings();
        ends_of_bodies();
        sizes();
        unreadable_bodies();
        numbers_and_fields();
        ids();
        statuses();
        texts();
    }

    std::vector<row> const& rows() const { return rows_; }

private:
    // A body that is good for both operations.
    std::string const good_ = R"({"code":200,"data":{"id":"task_1","status":"pending"}})";
    std::string const good_length_ = "Content-Length: " + std::to_string(good_.size()) + "\r\n";
    std::string const ok_ = "HTTP/1.1 200 OK\r\n";
    std::string const chunked_ = ok_ + "Transfer-Encoding: chunked\r\n\r\n";

    void refused(std::string id, std::string what, std::string bytes, errc code, std::string detail,
                 bool closes = false)
    {
        row r{std::move(id), std::move(what), std::move(bytes), closes};
        r.refused = expected{code, std::move(detail)};
        rows_.push_back(std::move(r));
    }
    void cut(std::string id, std::string what, std::string bytes, std::string detail)
    {
        refused(std::move(id), std::move(what), std::move(bytes), errc::connection_lost, std::move(detail),
                true);
    }
    void bad(std::string id, std::string what, std::string bytes, std::string detail)
    {
        refused(std::move(id), std::move(what), std::move(bytes), errc::protocol_error, std::move(detail));
    }
    void large(std::string id, std::string what, std::string bytes, std::string detail)
    {
        refused(std::move(id), std::move(what), std::move(bytes), errc::response_too_large,
                std::move(detail));
    }
    // Odd, but an answer with the good body.
    void taken(std::string id, std::string what, std::string bytes, bool reusable, bool closes = false)
    {
        row r{std::move(id), std::move(what), std::move(bytes), closes};
        r.reusable = reusable;
        r.poll = expected{};
        r.verdict = submit_classification::accepted;
        rows_.push_back(std::move(r));
    }
    row& content(std::string id, std::string what, int status, std::string const& body)
    {
        rows_.push_back({std::move(id), std::move(what), answer(status, body)});
        return rows_.back();
    }
    // A success that says nothing useful to either operation.
    void unreadable(std::string id, std::string what, std::string const& body, std::string const& problem)
    {
        row& r = content(std::move(id), std::move(what), 200, body);
        r.poll = expected{api_errc::unavailable, "unreadable answer: " + problem};
        r.verdict = submit_classification::indeterminate;
        r.submit = {errc::outcome_unknown, "unreadable success: " + problem};
    }
    void for_poll(std::string id, std::string what, std::string const& body, std::string const& problem)
    {
        row& r = content(std::move(id), std::move(what), 200, body);
        r.poll =
            problem.empty() ? expected{} : expected{api_errc::unavailable, "unreadable answer: " + problem};
    }
    void for_submit(std::string id, std::string what, std::string const& body, std::string const& problem)
    {
        row& r = content(std::move(id), std::move(what), 200, body);
        r.verdict = problem.empty() ? submit_classification::accepted : submit_classification::indeterminate;
        if (!problem.empty())
            r.submit = {errc::outcome_unknown, "unreadable success: " + problem};
    }
    void status(std::string id, std::string what, int code, std::string const& body, expected poll,
                submit_classification verdict, expected submit)
    {
        row& r = content(std::move(id), std::move(what), code, body);
        r.poll = std::move(poll);
        r.verdict = verdict;
        r.submit = std::move(submit);
    }

    void starts()
    {
        std::string const good = good_length_ + "\r\n" + good_;
        cut("S01", "nothing, then the end", "", "no answer");
        cut("S02", "one byte", "H", "partial answer of 1 bytes");
        cut("S02", "half a status line", "HTTP/1.1 20", "partial answer of 11 bytes");
        cut("S02", "a status line without its end", "HTTP/1.1 200 OK", "partial answer of 15 bytes");
        cut("S02", "no more than an interim answer", "HTTP/1.1 100 Continue\r\n\r\n",
            "partial answer of 25 bytes");
        cut("S03", "a header cut in a name", ok_ + "Content-Le", "partial answer of 27 bytes");
        cut("S03", "a header cut in a value", ok_ + "Content-Length: 1", "partial answer of 34 bytes");
        cut("S03", "a header cut before its last line end", ok_ + "A: b\r\n\r", "partial answer of 24 bytes");
        bad("S04", "the banner of an SSH server", "SSH-2.0-OpenSSH_9.2\r\n",
            "not an HTTP answer (\"SSH-2.0-O\")");
        bad("S04", "the banner of a mail server", "220 mail ESMTP\r\n", "not an HTTP answer (\"220 mail \")");
        bad("S04", "bytes that steer a terminal", "\x1b[31mxxxxxxxx",
            "not an HTTP answer (\"\\x1b[31mxxxx\")");
        bad("S04", "bytes that are no text", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7",
            "not an HTTP answer (\"\\xff\\xfe\\xfd\\xfc\\xfb\\xfa\\xf9\\xf8\\xf7\")");
        refused("S04", "a short banner, then the end", "SSH", errc::protocol_error,
                "not an HTTP answer (\"SSH\")", true);
        bad("S05", "a TLS alert", std::string("\x15\x03\x01\x00\x02\x02\x46", 7),
            "the peer speaks TLS, the URL says http");
        bad("S05", "a TLS handshake", std::string("\x16\x03\x03\x00\x7a\x02\x00\x00\x76", 9),
            "the peer speaks TLS, the URL says http");
        bad("S06", "a page without a status line", "<html><body>hello", "not an HTTP answer (\"<html><bo\")");
        bad("S06", "a body without a status line", good_, "not an HTTP answer (\"{\"code\":2\")");
        bad("S06", "an empty line first", "\r\nHTTP/1.1 200 OK\r\n",
            "not an HTTP answer (\"\\x0d\\x0aHTTP/1.\")");
        for (std::string const version :
             {"HTTP/2.0 200 OK", "HTTP/2 200", "HTTP/3 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK",
              "HTTP/1.10 200 OK", "HTTP/1,1 200 OK", "ICY 200 OK", "http/1.1 200 OK"})
            bad("S07", "version: " + version, version + "\r\n" + good, "version");
        bad("S07", "a frame of HTTP/2", std::string("\x00\x00\x12\x04\x00\x00\x00\x00\x00", 9),
            "not an HTTP answer (\"\\x00\\x00\\x12\\x04\\x00\\x00\\x00\\x00\\x00\")");
        for (std::string const code :
             {"99 OK", "1000 OK", "abc OK", " 200 OK", "-20 OK", "2 0 OK", "20\t OK", ""})
            bad("S08", "status: " + code, "HTTP/1.1 " + code + "\r\n" + good, "status");
        bad("S09", "a status of zeros", "HTTP/1.1 000 X\r\n" + good, "status 000");
        bad("S09", "a status below all", "HTTP/1.1 099 X\r\n" + good, "status 099");
        bad("S11", "neither space nor reason", "HTTP/1.1 200\r\n" + good, "status line");
        bad("S11", "not even a status", "HTTP/1.1\r\n" + good, "status line");
        bad("S12", "a control character in the reason", "HTTP/1.1 200 O\x01K\r\n" + good, "status line");
        bad("S12", "DEL in the reason", "HTTP/1.1 200 O\x7fK\r\n" + good, "status line");
        taken("S12", "an empty reason, which is allowed", "HTTP/1.1 200 \r\n" + good, true);
    }

    void header_lines()
    {
        std::string const rest = good_length_ + "\r\n" + good_;
        bad("S13", "lines that end with LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "line ending");
        bad("S13", "one field that ends with LF alone", ok_ + "A: b\n" + rest, "line ending");
        bad("S13", "an empty line of LF alone", ok_ + good_length_ + "\n" + good_, "line ending");
        bad("S14", "CR inside a value", ok_ + "A: b\rc\r\n" + rest, "line ending");
        bad("S14", "CR inside the reason", "HTTP/1.1 200 O\rK\r\n" + rest, "line ending");
        bad("S14", "CR CR LF", ok_ + "A: b\r\r\n" + rest, "line ending");
        bad("S15", "NUL in a name", ok_ + std::string("A\0B: c\r\n", 8) + rest, "header");
        bad("S15", "NUL in a value", ok_ + std::string("A: b\0c\r\n", 8) + rest, "header");
        bad("S15", "a control character in a value", ok_ + "A: b\x02\r\n" + rest, "header");
        bad("S16", "a space before the colon", ok_ + "A : b\r\n" + rest, "header");
        bad("S16", "a space before the first name", ok_ + " A: b\r\n" + rest, "header");
        bad("S16", "no colon", ok_ + "Content-Length\r\n" + rest, "header");
        bad("S16", "an empty name", ok_ + ": b\r\n" + rest, "header");
        bad("S16", "a name that is no token", ok_ + "A(b): c\r\n" + rest, "header");
        taken("S17", "a folded field that decides nothing", ok_ + "A: b\r\n  c\r\n" + rest, true);
        bad("S17", "a folded length", ok_ + "Content-Length: 5\r\n 4\r\n\r\n" + good_,
            "framing: Content-Length");
        bad("S17", "a length on the next line",
            ok_ + "Content-Length:\r\n " + std::to_string(good_.size()) + "\r\n\r\n" + good_,
            "framing: folded Content-Length");
        bad("S17", "a length with an empty continuation",
            ok_ + "Content-Length: " + std::to_string(good_.size()) + "\r\n \r\n\r\n" + good_,
            "framing: folded Content-Length");
        bad("S17", "a coding on the next line", ok_ + "Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
            "framing: folded Transfer-Encoding");
        large("S17", "a field folded without end", ok_ + "A: b\r\n" + repeat(" cccccccc\r\n", 1000) + rest,
              "headers");
        taken("S18", "bytes beyond ASCII in a value", ok_ + "A: \xe4\xff\xc3\xa4\r\n" + rest, true);
    }

    void lengths_and_codings()
    {
        std::string const chunk = "\r\n0\r\n\r\n";
        std::string const both = "framing: Content-Length and Transfer-Encoding";
        bad("S19", "a length, then a coding",
            ok_ + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + chunk, both);
        bad("S19", "a coding, then a length",
            ok_ + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + chunk, both);
        for (std::string const coding :
             {"gzip", "chunked, gzip", "gzip, chunked", "xchunked", "chunkedx", "chunked;q=1", "\"chunked\"",
              "identity", "chunked, chunked", "chunked,", ""})
            bad(coding == "gzip"       ? "S21"
                : coding == "identity" ? "S24"
                                       : "S23",
                "transfer coding: " + coding, ok_ + "Transfer-Encoding: " + coding + "\r\n" + chunk,
                "framing: transfer coding " + coding);
        bad("S20", "a coding that is not framing, then a length",
            ok_ + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
            "framing: transfer coding gzip");
        bad("S24", "identity and a length",
            ok_ + "Transfer-Encoding: identity\r\n" + good_length_ + "\r\n" + good_,
            "framing: transfer coding identity");
        bad("S25", "chunked in two fields",
            ok_ + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + chunk,
            "framing: two transfer codings");
        bad("S26", "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" + chunk,
            "framing: transfer coding in HTTP/1.0");
        std::string const size = std::to_string(good_.size());
        taken("S27", "the same length twice", ok_ + good_length_ + good_length_ + "\r\n" + good_, true);
        taken("S27", "a list of the same length",
              ok_ + "Content-Length: " + size + ", " + size + "\r\n\r\n" + good_, true);
        bad("S28", "two lengths", ok_ + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            "framing: two values of Content-Length");
        bad("S28", "a list of two lengths", ok_ + "Content-Length: 2, 3\r\n\r\nabc",
            "framing: two values of Content-Length");
        for (std::string const length : {"+2", "-2", "0x2", "", "2 2", "2;", "2.0", "18446744073709551616"})
            bad("S29", "length: " + length, ok_ + "Content-Length: " + length + "\r\n\r\nab",
                "framing: Content-Length");
        large("S30", "the largest length", ok_ + "Content-Length: 18446744073709551615\r\n\r\nx",
              "body: more than 1048576 bytes");
        large("S57", "a length one beyond the limit", ok_ + "Content-Length: 1048577\r\n\r\nx",
              "body: more than 1048576 bytes");
    }

    void ends_of_bodies()
    {
        std::string const good = ok_ + good_length_ + "\r\n" + good_;
        cut("S31", "a body cut short", ok_ + "Content-Length: 20\r\n\r\n{}", "body 2 of 20 bytes");
        cut("S31", "a body that never began", ok_ + "Content-Length: 20\r\n\r\n", "body 0 of 20 bytes");
        taken("S32", "bytes behind the answer", good + "xxxxxxxxxxxxxxxxxxx", false);
        taken("S33", "a body that ends with the stream", ok_ + "\r\n" + good_, false, true);
        {
            row& r = content("S34", "a body where there is none", 204, good_);
            r.bytes = "HTTP/1.1 204 No Content\r\n" + good_length_ + "\r\n" + good_;
            r.reusable = false;
            r.poll = expected{api_errc::unavailable, "unreadable answer: empty"};
            r.verdict = submit_classification::indeterminate;
            r.submit = {errc::outcome_unknown, "unreadable success: empty"};
        }
        {
            row& r = content("S34", "an unchanged answer with a body", 304, good_);
            r.reusable = false;
            r.poll = expected{errc::bad_response, "redirect"};
            r.verdict = submit_classification::indeterminate;
            r.submit = {errc::outcome_unknown, "redirect"};
        }
        std::string const wait = "HTTP/1.1 100 Continue\r\n\r\n";
        bad("S35", "fifty interim answers", repeat(wait, 50) + good, "interim answers: more than 10");
        taken("S35", "ten interim answers", repeat(wait, 10) + good, true);
        taken("S36", "early hints",
              "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n" + good, true);
        taken("S36", "processing", "HTTP/1.1 102 Processing\r\n\r\n" + good, true);
        bad("S36", "an interim answer with a transfer coding",
            "HTTP/1.1 102 Processing\r\nTransfer-Encoding: gzip\r\n\r\n" + good,
            "framing: transfer coding gzip");
        bad("S37", "another protocol, unasked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + good, "upgrade");
        for (std::string const size : {"g", "-5", "0x5", "", " 5", "5 5", "+5"})
            bad("S38", "chunk size: " + size, chunked_ + size + "\r\nhello\r\n0\r\n\r\n",
                size == "5 5" ? "bad chunk: extension" : "bad chunk");
        bad("S38", "a chunk size of 17 digits", chunked_ + "00000000000000005\r\nhello\r\n0\r\n\r\n",
            "bad chunk");
        bad("S38", "a chunk size line of LF alone", chunked_ + "5\nhello\n0\n\n", "bad chunk");
        bad("S38", "CR alone behind a chunk size", chunked_ + "5\rxhello\r\n0\r\n\r\n", "bad chunk");
        large("S38", "the largest chunk", chunked_ + "ffffffffffffffff\r\n", "body: more than 1048576 bytes");
        large("S57", "chunks beyond the limit",
              chunked_ + repeat("40000\r\n" + std::string(0x40000, 'x') + "\r\n", 4) + "1\r\nx\r\n0\r\n\r\n",
              "body: more than 1048576 bytes");
        refused("S57", "a body without a length beyond the limit",
                ok_ + "\r\n" + std::string(body_limit + 1, 'x'), errc::response_too_large,
                "body: more than 1048576 bytes", true);
        bad("S39", "no line end behind a chunk", chunked_ + "5\r\nhello0\r\n\r\n", "bad chunk");
        bad("S39", "something else in place of CR behind a chunk", chunked_ + "5\r\nhellox\n0\r\n\r\n",
            "bad chunk");
        bad("S39", "LF alone behind a chunk", chunked_ + "5\r\nhello\n0\r\n\r\n", "bad chunk");
        bad("S40", "an extension of many bytes",
            chunked_ + "5;" + std::string(10'000, 'x') + "\r\nhello\r\n0\r\n\r\n", "bad chunk: extension");
        bad("S40", "an extension with LF", chunked_ + "5;a\nb\r\nhello\r\n0\r\n\r\n", "bad chunk: extension");
        bad("S40", "blanks without an extension", chunked_ + "5 \r\nhello\r\n0\r\n\r\n",
            "bad chunk: extension");
        large("S41", "twenty thousand trailers", chunked_ + "0\r\n" + repeat("a: b\r\n", 20'000) + "\r\n",
              "trailers: more than 64");
        large("S41", "one trailer without end",
              chunked_ + "0\r\na: " + std::string(2 * header_limit, 'b') + "\r\n\r\n",
              "trailers: more than 16384 bytes");
        bad("S41", "a trailer without a colon", chunked_ + "0\r\nabc\r\n\r\n", "trailer");
        bad("S41", "a folded trailer", chunked_ + "0\r\na: b\r\n c\r\n\r\n", "trailer");
        bad("S41", "a trailer with a control character", chunked_ + "0\r\na: b\x01\r\n\r\n", "trailer");
        bad("S41", "a trailer that ends with LF alone", chunked_ + "0\r\na: b\n\r\n", "line ending");
        bad("S42", "a length in a trailer", chunked_ + "0\r\nContent-Length: 5\r\n\r\n",
            "framing: Content-Length in a trailer");
        bad("S42", "a coding in a trailer", chunked_ + "0\r\ntransfer-encoding: chunked\r\n\r\n",
            "framing: Transfer-Encoding in a trailer");
        cut("S43", "no last chunk", chunked_ + "5\r\nhello\r\n", "body cut after 5 bytes");
        cut("S43", "cut in a chunk", chunked_ + "5\r\nhel", "body cut after 3 bytes");
        cut("S43", "cut in a chunk size", chunked_ + "5", "body cut after 0 bytes");
        cut("S43", "cut behind the last chunk", chunked_ + "5\r\nhello\r\n0\r\n", "body cut after 5 bytes");
        cut("S43", "cut in a trailer", chunked_ + "0\r\na: b", "body cut after 0 bytes");
        taken("S48", "two answers at once", good + good, false);
        taken("S33", "an answer that says the connection ends with it, though it does not",
              ok_ + "Connection: close\r\n" + good_length_ + "\r\n" + good_, false);
        taken("S33", "an answer in the version that keeps no connection",
              "HTTP/1.0 200 OK\r\n" + good_length_ + "\r\n" + good_, false);
        row& r = content("S73", "a compressed success", 200, "");
        r.bytes = answer(200, "\x1f\x8b\x08\x08", "Content-Encoding: gzip\r\n");
        r.refused = expected{errc::bad_response, "content encoding gzip"};
        row& refusal = content("S73", "a compressed refusal, of which the status counts", 402, "");
        refusal.bytes = answer(402, "\x1f\x8b\x08\x08", "Content-Encoding: br\r\n");
        refusal.poll = expected{api_errc::payment_required};
        refusal.verdict = submit_classification::refused;
        refusal.submit = {api_errc::payment_required};
    }

    void sizes()
    {
        std::string const rest = good_length_ + "\r\n" + good_;
        taken("S44", "one long field within the limit", ok_ + "A: " + std::string(9'000, 'b') + "\r\n" + rest,
              true);
        large("S44", "one field beyond the limit",
              ok_ + "A: " + std::string(header_limit, 'b') + "\r\n" + rest, "headers: more than 16384 bytes");
        large("S44", "a header beyond the limit",
              ok_ + repeat("A: " + std::string(500, 'b') + "\r\n", 40) + rest,
              "headers: more than 16384 bytes");
        large("S44", "five thousand fields", ok_ + repeat("A: b\r\n", 5'000) + rest, "fields: more than 100");
        large("S45", "five hundred short fields", ok_ + repeat("A: b\r\n", 500) + rest,
              "fields: more than 100");
        large("S46", "a status line without end", "HTTP/1.1 200 " + std::string(200'000, 'O'),
              "headers: more than 16384 bytes");
        large("S46", "a field name without end", ok_ + std::string(200'000, 'A'),
              "headers: more than 16384 bytes");
        large("S46", "lines without end", ok_ + repeat("A: " + std::string(200, 'b') + "\r\n", 1'000),
              "headers: more than 16384 bytes");
    }

    void unreadable_bodies()
    {
        unreadable("S49", "an empty body", "", "empty");
        unreadable("S49", "a body of blanks", " \r\n", "empty");
        for (std::string const body : {"null", "42", "\"x\"", "[]", "true"})
            unreadable("S50", "not an object: " + body, body, "not an object");
        unreadable("S51", "a brace", "{", "bad JSON: incomplete at byte 1");
        unreadable("S51", "a text without end", R"({"code":2)", "bad JSON: incomplete at byte 9");
        unreadable("S52", "two documents", "{}{}", "bad JSON: other text at byte 2");
        unreadable("S52", "text behind the document", "{} x", "bad JSON: other text at byte 3");
        for (std::string const body :
             {R"({"a":1,})", "{/**/}", "{'a':1}", R"({"a":01})", R"({"a":0x1})", R"({"a":NaN})",
              R"({"a":+1})", "{a:1}", "<html><body>bad gateway</body></html>", "upstream connect error"})
            unreadable("S52", "not JSON: " + body, body, "bad JSON: ");
        row& mark = content("S53", "a byte order mark", 200, "\xEF\xBB\xBF" + good_);
        mark.poll = expected{};
        mark.verdict = submit_classification::accepted;
        unreadable("S53", "two byte order marks", "\xEF\xBB\xBF\xEF\xBB\xBF" + good_, "bad JSON: ");
        unreadable("S54", "UTF-16 with its mark", std::string("\xFF\xFE{\0}\0", 6),
                   "bad JSON: not UTF-8 at byte 0");
        unreadable("S54", "UTF-16 without a mark", std::string("{\0}\0", 4), "bad JSON: not UTF-8 at byte 1");
        unreadable("S55", "a byte that is not UTF-8", "{\"a\":\"\xFF\"}", "bad JSON: not UTF-8 at byte 6");
        unreadable("S55", "an overlong form", "{\"a\":\"\xC0\xAF\"}", "bad JSON: not UTF-8 at byte 6");
        unreadable("S55", "half a surrogate pair", R"({"a":"\ud800"})", "bad JSON: ");
        unreadable("S55", "a raw control character", "{\"a\":\"\x01\"}", "bad JSON: ");
        unreadable("S56", "too deep", R"({"a":)" + repeat("[", 32) + repeat("]", 32) + "}",
                   "bad JSON: nested more than 32 levels deep");
        unreadable("S56", "very deep", std::string(100'000, '['),
                   "bad JSON: nested more than 32 levels deep");
        unreadable("S58", "a very long text", R"({"a":")" + std::string(900'000, 'x') + "\"}",
                   "too large: a text of more than 65536 bytes");
        unreadable("S58", "a very long list", R"({"a":[)" + repeat("0,", 100'000) + "0]}",
                   "too large: more than 4096 entries");
        unreadable("S58", "an object of very many members",
                   R"({"a":{)" + repeat(R"("k":0,)", 100'000) + R"("k":0}})",
                   "too large: more than 4096 entries");
        row& type = content("S52", "a page in place of JSON", 200, "");
        type.bytes = answer(200, "<html>https://h/x?sig=SECRET</html>", "Content-Type: text/html\r\n");
        type.poll = expected{api_errc::unavailable, "bad JSON: ", "<html>https://h/x?[redacted]"};
        type.verdict = submit_classification::indeterminate;
        type.submit = {errc::outcome_unknown, "bad JSON: ", "<html>https://h/x?[redacted]"};
    }

    std::string task(std::string const& members) const
    {
        return R"({"code":200,"data":{"id":"task_1",)" + members + "}}";
    }

    void numbers_and_fields()
    {
        for (std::string const number :
             {"1e999", "-1e999", "1.5", "\"50\"", "\"50%\"", "\"soon\"", "null", "{}", "[]", "250", "-7",
              "9223372036854775808", "123456789012345678901234567890"})
            for_poll("S61", "progress: " + number, task(R"("status":"processing","progress":)" + number), "");
        for_poll("S60", "a cost that is not finite",
                 task(R"("status":"processing","cost":1e999,"credits_cost":-1e999)"), "");
        for_poll(
            "S62", "figures nobody can believe",
            task(
                R"("status":"processing","cost":-1,"created":-1,"completed":99999999999999,"estimated_time":1e30)"),
            "");
        for_poll("S62", "a link that expired long ago, and one that never will",
                 task(R"("status":"completed","result":{"videos":[{"url":"https://h/1","expires_at":0},)"
                      R"({"url":"https://h/2","expires_at":253402300800}]})"),
                 "");
        for_poll("S64", "a list where an object belongs", R"({"data":[{"id":"task_1","status":"pending"}]})",
                 "field data: not an object");
        for_poll("S64", "a text where an object belongs", R"({"data":"task_1"})",
                 "field data: not an object");
        for_poll("S66", "an unknown status", task(R"("status":"polishing")"), "");
        for_poll("S66", "a status in capitals", task(R"("status":"PENDING")"), "");
        for_poll("S66", "no status", task(R"("progress":1)"), "no status");
        for_poll("S66", "an empty status", task(R"("status":"")"), "field status: not a word");
        for_poll("S66", "a number for a status", task(R"("status":3)"), "field status: not a word");
        for_poll("S66", "a very long status", task(R"("status":")" + std::string(10'000, 'x') + '"'), "");
        for_poll("S66", "no data", R"({"code":200,"data":null})", "no status");
        for (std::string const result :
             {"null", "{}", "[]", R"({"videos":[]})", R"({"videos":[{"url":""}]})",
              R"({"videos":[{"url":[]}]})", R"({"videos":[{"url":7}]})", R"({"videos":{}})"})
            for_poll("S67", "completed with the result " + result,
                     task(R"("status":"completed","result":)" + result), "completed without a result");
        for_poll("F83", "an answer about another task", R"({"data":{"id":"task_2","status":"pending"}})",
                 "about another task");
    }

    void ids()
    {
        auto const with = [](std::string const& id) {
            return R"({"code":200,"data":[{"status":"submitted","task_id":)" + id + "}]}";
        };
        for_submit("S63", "no id", R"({"code":200,"data":[{"status":"submitted"}]})", "no task id");
        for_submit("S63", "no data", R"({"code":200})", "no task id");
        for_submit("S63", "an empty list", R"({"code":200,"data":[]})", "no task id");
        for (std::string const id : {"7.5", "{}", "null", "[]", "true"})
            for_submit("S63", "id: " + id, with(id), "field task_id: not a text");
        for (std::string const id :
             {R"("")", R"("a/b")", R"("..")", R"("a?b")", R"("a#b")", R"("a b")", R"("a\r\nb")",
              R"("a\u0000b")", R"("\u00e4")", R"("a%2fb")", R"("a\u202eb")"})
            for_submit("S63", "id: " + id, with(id), "field task_id: not an id");
        for_submit("S63", "an id of ten thousand letters", with('"' + std::string(10'000, 'a') + '"'),
                   "field task_id: not an id");
        for_submit("S64", "an object where the list belongs", R"({"code":200,"data":{"task_id":"task_1"}})",
                   "");
        for_submit("S64", "a text where the list belongs", R"({"code":200,"data":"task_1"})", "no task id");
        for_submit("S65", "two tasks", R"({"code":200,"data":[{"task_id":"task_1"},{"task_id":"task_2"}]})",
                   "expected 1 task, got 2: task_1 task_2");
        for_submit("S59", "two ids under one name",
                   R"({"code":200,"data":[{"task_id":"task_1","task_id":"task_2"}]})",
                   "duplicate key: task_2, task_1");
        for_submit("S59", "two ids, one name spelt with an escape",
                   R"({"code":200,"data":[{"task\u005fid":"task_1","task_id":"task_2"}]})",
                   "duplicate key: task_2");
        for_submit("S59", "two lists of tasks",
                   R"({"data":[{"task_id":"task_1"}],"data":[{"task_id":"task_2"}]})",
                   "duplicate key: task_2, task_1");
        for_submit("S59", "one id twice", R"({"code":200,"data":[{"task_id":"task_1","task_id":"task_1"}]})",
                   "");
        for_submit("S59", "something else twice", R"({"a":1,"a":2,"data":[{"task_id":"task_1"}]})", "");
        for_submit("S60", "an id beside a number that is not finite",
                   R"({"data":[{"task_id":"task_1","cost":1e999}]})", "");
        for_submit("F63", "not a success, yet with a task",
                   R"({"success":false,"data":[{"task_id":"task_1"}]})",
                   "not a success, yet with a task: task_1");
        row& both =
            content("F63", "an error, yet with a task", 200, R"({"code":400,"data":[{"task_id":"task_1"}]})");
        both.verdict = submit_classification::indeterminate;
        both.submit = {errc::outcome_unknown, "an error, yet with a task: task_1"};
    }

    void statuses()
    {
        using v = submit_classification;
        auto const error = [](std::string const& code, std::string const& type = {}) {
            return R"({"error":{"code":")" + code + R"(","type":")" + type + R"(","message":"words"}})";
        };
        std::string const unproved = "the answer does not prove that no task was made";
        expected const unknown{errc::outcome_unknown, unproved, "words"};

        for (int const code : {600, 999})
            status("S10", "a status beyond all", code, error(""), {errc::bad_response, "unexpected status"},
                   v::indeterminate, {errc::outcome_unknown, "unexpected status", "words"});
        status("F65", "see other", 303, "", {errc::bad_response, "redirect"}, v::indeterminate,
               {errc::outcome_unknown, "redirect"});
        for (int const code : {301, 302, 307, 308}) {
            status("F65", "a redirect", code, "", {errc::bad_response, "redirect"}, v::refused,
                   {errc::bad_response, "redirect"});
            status("F65", "a redirect, yet with a task", code, good_, {errc::bad_response, "redirect"},
                   v::indeterminate, {errc::outcome_unknown, "redirect, yet with a task: task_1"});
        }
        status("F66", "a refusal, yet with a task", 400, R"({"message":"words","data":{"task_id":"task_1"}})",
               {errc::task_not_found, "", "words"}, v::indeterminate,
               {errc::outcome_unknown, "an error, yet with a task: task_1", "words"});
        status("F73", "too many requests, yet with a task", 429,
               R"({"message":"words","data":{"task_id":"task_1"}})", {api_errc::rate_limited, "", "words"},
               v::indeterminate, {errc::outcome_unknown, "an error, yet with a task: task_1", "words"});
        status("F65", "several choices", 300, "", {errc::bad_response, "redirect"}, v::indeterminate,
               {errc::outcome_unknown, "redirect"});

        auto const refused_by = [&](std::string id, int code, std::string const& body, error_code poll,
                                    error_code submit) {
            status(std::move(id), "a refusal", code, body, {poll, "", "words"}, v::refused,
                   {submit, "", "words"});
        };
        refused_by("F66", 400, error("", "invalid_request_error"), errc::task_not_found,
                   api_errc::invalid_request);
        refused_by("F66", 422, error("bad_response_status_code"), api_errc::invalid_request,
                   api_errc::invalid_request);
        refused_by("F67", 401, error("", "authentication_error"), api_errc::unauthorized,
                   api_errc::unauthorized);
        refused_by("F67", 403, error("", "permission_error"), api_errc::forbidden, api_errc::forbidden);
        refused_by("F68", 402, error("", "payment_required"), api_errc::payment_required,
                   api_errc::payment_required);
        refused_by("F68", 403, error("insufficient_user_quota"), api_errc::payment_required,
                   api_errc::payment_required);
        refused_by("F68", 429, error("insufficient_balance"), api_errc::payment_required,
                   api_errc::payment_required);
        refused_by("F69", 404, error("model_not_found"), errc::task_not_found, api_errc::not_found);
        refused_by("F72", 413, error(""), api_errc::too_large, api_errc::too_large);
        refused_by("F72", 415, error(""), api_errc::invalid_request, api_errc::invalid_request);
        refused_by("F66", 405, error(""), api_errc::invalid_request, api_errc::invalid_request);
        refused_by("F66", 400, error("content_policy_violation"), api_errc::content_rejected,
                   api_errc::content_rejected);

        status("F70", "a slow gateway", 408, error(""), {api_errc::unavailable, "", "words"},
               v::indeterminate, unknown);
        status("F71", "a conflict", 409, error("whatever"), {api_errc::unavailable, "", "words"},
               v::indeterminate, unknown);
        status("F71", "a conflict whose outcome is not known", 409, error("idempotency_result_indeterminate"),
               {api_errc::unavailable, "", "words"}, v::indeterminate, unknown);
        status("F71", "the first request still runs", 409, error("idempotency_in_progress"),
               {api_errc::unavailable, "", "words"}, v::still_running, {api_errc::conflict, "", "words"});
        status("F71", "the key was used for another body", 409, error("idempotency_key_reused"),
               {api_errc::unavailable, "", "words"}, v::refused, {api_errc::conflict, "", "words"});
        status("F73", "too many requests", 429, error("", "rate_limit_error"),
               {api_errc::rate_limited, "", "words"}, v::rate_limited, {api_errc::rate_limited, "", "words"});
        for (int const code : {500, 502, 503, 504})
            status("F74", "a failed service", code, error("", "server_error"),
                   {api_errc::unavailable, "", "words"}, v::indeterminate, unknown);
        status("F76", "the key store is away", 503, error("idempotency_unavailable"),
               {api_errc::unavailable, "", "words"}, v::not_executed, {api_errc::unavailable, "", "words"});
        for (int const code : {418, 451, 499})
            status("F78", "a status of the gateway's own", code, error(""), {api_errc::other, "", "words"},
                   v::indeterminate, unknown);

        struct inner
        {
            char const* code;
            error_code poll;
            v verdict;
            error_code submit;
        };
        for (inner const& i :
             {inner{"400", errc::task_not_found, v::refused, api_errc::invalid_request},
              inner{"401", api_errc::unauthorized, v::refused, api_errc::unauthorized},
              inner{"\"401\"", api_errc::unauthorized, v::refused, api_errc::unauthorized},
              inner{"402", api_errc::payment_required, v::refused, api_errc::payment_required},
              inner{"429", api_errc::rate_limited, v::rate_limited, api_errc::rate_limited},
              inner{"500", api_errc::unavailable, v::indeterminate, errc::outcome_unknown}}) {
            for (std::string const& body :
                 {std::string(R"({"code":)") + i.code + R"(,"message":"words"})",
                  std::string(R"({"error":{"code":)") + i.code + R"(,"message":"words"}})"})
                status("F63", std::string("200 outside, inside ") + i.code, 200, body, {i.poll, "", "words"},
                       i.verdict, {i.submit, "", "words"});
        }
        for (std::string const body :
             {R"({"code":1001,"message":"words"})", R"({"success":false,"message":"words"})",
              R"({"error":{"code":"no_idea","message":"words"}})"})
            status("F63", "200 outside, inside an error nobody knows: " + body, 200, body,
                   {api_errc::unavailable, "unreadable answer: no status", "words"}, v::indeterminate,
                   {errc::outcome_unknown, "unreadable success: no task id", "words"});
    }

    void texts()
    {
        auto const says = [&](std::string id, std::string what, std::string const& body,
                              std::string const& text) {
            status(std::move(id), std::move(what), 500, body, {api_errc::unavailable, "", text},
                   submit_classification::indeterminate, {errc::outcome_unknown, "", text});
        };
        says("S82", "a page", "<html><title>502 Bad Gateway</title></html>",
             "<html><title>502 Bad Gateway</title></html>");
        says("S82", "plain words", "upstream connect error", "upstream connect error");
        says("S82", "nothing", "", "");
        says("S82", "a megabyte", std::string(body_limit, 'x'), std::string(512, 'x') + "...");
        says("S83", "an error with a message", R"({"error":{"message":"words"}})", "words");
        says("S83", "an error that is the message", R"({"error":"words"})", "words");
        says("S83", "a message alone", R"({"message":"words"})", "words");
        says("S83", "a detail alone", R"({"detail":"words"})", "words");
        says("S83", "a list of details", R"({"detail":[{"loc":["body"],"msg":"words","type":"missing"}]})",
             "words");
        says("S83", "a list of errors", R"({"errors":[{"message":"words"}]})", "words");
        says("S83", "an error in an error", R"({"error":{"error":{"message":"words"}}})", "words");
        says("S83", "a code alone", R"({"code":"1001"})", "");
        says("S84", "a signed link",
             R"({"error":{"message":"cannot fetch https://h/v.mp4?X-Sig=SECRET&e=1 now"}})",
             "cannot fetch https://h/v.mp4?[redacted] now");
        says("S84", "a signed link with a fragment", R"({"message":"see HTTPS://h/v#SECRET"})",
             "see HTTPS://h/v#[redacted]");
        says("S84", "a link with a password", R"({"message":"proxy http://u:SECRET@h:80/ failed"})",
             "proxy http://[redacted]@h:80/ failed");
        says("S84", "a link without its scheme", R"({"message":"cannot fetch h.example/v.mp4?X-Sig=SECRET"})",
             "cannot fetch h.example/v.mp4?[redacted]");
        says("S84", "a link in broken JSON", R"({"url":"https:\/\/h\/v?SECRET\/x)", "v?[redacted]");
        says("S84", "a link behind a very long text",
             R"({"message":")" + std::string(500, 'x') + R"( https://h/v?sig=SECRET"})",
             "xxx https://h/v...");
        says("S85", "escapes that steer a terminal", R"({"message":"a\u001b[31mb\u009bc"})",
             "a\\x1b[31mb\\xc2\\x9bc");
        says("S85", "line ends", R"({"message":"a\r\nHTTP/1.1 200 OK"})", "a\\x0d\\x0aHTTP/1.1 200 OK");
        says("S85", "marks that turn the direction", R"({"message":"a\u202eb"})", "a\\xe2\\x80\\xaeb");
        says("S85", "a hundred thousand letters", R"({"message":")" + std::string(50'000, 'y') + "\"}",
             std::string(512, 'y') + "...");
        says("S85", "text that is not UTF-8", "bad \xff gateway", "bad \\xff gateway");
        says("S85", "text in another script",
             "{\"message\":\"\xe4\xbd\x99\xe9\xa2\x9d\xe4\xb8\x8d\xe8\xb6\xb3\"}",
             "\xe4\xbd\x99\xe9\xa2\x9d\xe4\xb8\x8d\xe8\xb6\xb3");
    }

    std::vector<row> rows_;
};

inline std::vector<row> const& rows()
{
    static table const all;
    return all.rows();
}

} // namespace bad_responses
