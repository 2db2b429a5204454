// Every bad answer of the table, however its bytes are cut, through the parser and the decoders.
#include <bad_response_table.hpp>

#include <apimart/http/response_parser.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/text/utf8.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

using namespace apimart;
using namespace apimart::detail;

namespace {

constexpr std::size_t npos = std::string_view::npos;

struct reading
{
    response_parser::state state = response_parser::state::head;
    error_code code;
    std::string detail;
    int status = 0;
    std::string body;
    bool reusable = false;
    std::size_t largest_buffer = 0;

    friend bool operator==(reading const& a, reading const& b)
    {
        return a.state == b.state && a.code == b.code && a.detail == b.detail && a.status == b.status &&
               a.body == b.body && a.reusable == b.reusable;
    }
};

// `step` bytes at a time, the first time up to `first`. What is not used is offered again, as on a connection.
reading read(std::string_view bytes, bool closes, std::size_t first, std::size_t step)
{
    response_parser parser;
    parser.reset(bad_responses::header_limit, bad_responses::body_limit, false);
    reading out;
    std::size_t begin = 0;
    for (std::size_t end = std::min(first, bytes.size());; end = std::min(end + step, bytes.size())) {
        out.largest_buffer = std::max(out.largest_buffer, end - begin);
        begin += parser.put(bytes.substr(begin, end - begin));
        if (end == bytes.size() || parser.where() == response_parser::state::failed)
            break;
    }
    if (closes)
        parser.put_end();
    out.state = parser.where();
    if (out.state == response_parser::state::failed) {
        out.code = parser.why().code();
        out.detail = parser.why().client_message();
    } else {
        out.status = parser.status();
        out.body = parser.body();
        out.reusable = parser.keep_alive();
    }
    return out;
}

void check_text(error_info const& why, bad_responses::expected const& expected)
{
    CHECK(why.code() == expected.code);
    CHECK(why.client_message().find(expected.detail) != npos);
    CHECK(why.server_message().text().find(expected.service_text) != npos);
    std::string const told = why.describe();
    CHECK(told.find(bad_responses::secret) == npos);
    CHECK(std::none_of(told.begin(), told.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }));
    CHECK(scan_utf8(told).valid());
    CHECK(told.size() < 2000);
}

} // namespace

TEST_CASE("every bad answer is refused for its reason or taken for what it is, however its bytes are cut")
{
    REQUIRE(bad_responses::rows().size() >= 120);
    for (bad_responses::row const& row : bad_responses::rows()) {
        CAPTURE(row.id);
        CAPTURE(row.what);
        reading const whole = read(row.bytes, row.closes, row.bytes.size(), 1);
        if (row.refused) {
            CHECK(whole.state == response_parser::state::failed);
            CHECK(whole.code == row.refused->code);
            CHECK_MESSAGE(whole.detail.starts_with(row.refused->detail), whole.detail);
        } else {
            CHECK_MESSAGE(whole.state == response_parser::state::done, whole.detail);
            CHECK(whole.reusable == row.reusable);
        }
        CHECK(read(row.bytes, row.closes, 1, 1) == whole);
        CHECK(read(row.bytes, row.closes, 1, 1000) == whole);
        if (row.bytes.size() < 600) {
            for (std::size_t cut = 1; cut < row.bytes.size(); ++cut) {
                CAPTURE(cut);
                CHECK(read(row.bytes, row.closes, cut, row.bytes.size()) == whole);
            }
        }
    }
}

TEST_CASE("what is held of an answer that is not complete never exceeds the limit of its header")
{
    for (bad_responses::row const& row : bad_responses::rows()) {
        CAPTURE(row.id);
        CAPTURE(row.what);
        CHECK(read(row.bytes, row.closes, 1, 1).largest_buffer <= bad_responses::header_limit);
    }
}

TEST_CASE("every bad answer to a submit proves what it proves and no more")
{
    for (bad_responses::row const& row : bad_responses::rows()) {
        if (row.refused || !row.verdict)
            continue;
        CAPTURE(row.id);
        CAPTURE(row.what);
        reading const whole = read(row.bytes, row.closes, row.bytes.size(), 1);
        http_response reply;
        reply.status = whole.status;
        reply.body = whole.body;
        submit_response const judged = read_submit_response(reply, {});
        CHECK(judged.classification == *row.verdict);
        if (*row.verdict == submit_classification::accepted) {
            CHECK(judged.task_id == bad_responses::task_id);
            CHECK_FALSE(judged.why.code());
        } else {
            CHECK(judged.task_id.empty());
            check_text(judged.why, row.submit);
        }
    }
}

TEST_CASE("every bad answer about a task is an error of its kind, or a state without the bad part")
{
    for (bad_responses::row const& row : bad_responses::rows()) {
        if (row.refused || !row.poll)
            continue;
        CAPTURE(row.id);
        CAPTURE(row.what);
        reading const whole = read(row.bytes, row.closes, row.bytes.size(), 1);
        http_response reply;
        reply.status = whole.status;
        reply.body = whole.body;
        result<task_state> const judged = read_task_response(reply, bad_responses::task_id, {});
        if (!row.poll->code) {
            CHECK(judged.has_value());
        } else {
            REQUIRE_FALSE(judged.has_value());
            CHECK(judged.error().task_id() == bad_responses::task_id);
            check_text(judged.error(), *row.poll);
        }
    }
}
