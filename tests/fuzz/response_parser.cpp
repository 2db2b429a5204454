// Any bytes may arrive as an answer. However they are cut, they are read alike; where the end of an answer is
// said to be certain, Beast finds the same body; and what the decoders make of it never claims an id that is none
// and can always be shown.
//
// The first byte chooses how the rest is used. Built with -fsanitize=fuzzer this is a libFuzzer target. Otherwise
// it is a program that runs the table of bad answers and the files it is given, or writes the table as files.

#include <bad_response_table.hpp>

#include <apimart/http/response_parser.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

using namespace apimart;
using namespace apimart::detail;
using state = response_parser::state;

void require(bool good, char const* what)
{
    if (!good) {
        std::fprintf(stderr, "violated: %s\n", what);
        std::abort();
    }
}

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

reading read(std::string_view bytes, limits_of_input const& most, std::size_t step, bool streams)
{
    response_parser parser;
    // A parser that has served before must not differ from a new one.
    parser.reset(most.header, most.body, !streams);
    parser.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 1\r\n\r\n5;x\r\nhel");
    parser.reset(most.header, most.body, streams);
    reading out;
    for (std::size_t end = 0;;) {
        end = std::min(end + step, bytes.size());
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

void require_showable(error_info const& why)
{
    require(bool(why.code()), "a failure has a code");
    std::string const told = why.describe();
    require(scan_utf8(told).valid(), "a failure is told in UTF-8");
    require(std::none_of(told.begin(), told.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }),
            "a failure steers no terminal");
    require(scan_utf8(told).code_points < 4000, "a failure is told in few words");
}

void decode(int status, std::string_view body)
{
    http_response reply;
    reply.status = status;
    reply.body = std::string(body);
    submit_response const submit = read_submit_response(reply, {});
    if (submit.classification == submit_classification::accepted) {
        require(status >= 200 && status <= 299, "only a success accepts");
        require(is_task_id(submit.task_id), "an accepted task has an id");
        require(!submit.why.code(), "an accepted task has no failure");
    } else {
        require(submit.task_id.empty(), "no id without a task");
        require_showable(submit.why);
        if (status >= 500 && status <= 599 && submit.classification != submit_classification::not_executed)
            require(submit.classification == submit_classification::indeterminate,
                    "a failed service proves nothing");
    }
    auto const task = read_task_response(reply, "task_1", {});
    if (!task) {
        require_showable(task.error());
        require(task.error().task_id() == "task_1", "the id is kept");
        return;
    }
    require(task->progress().value_or(0) >= 0 && task->progress().value_or(0) <= 100, "progress is percent");
    require(task->cost().value_or(0) >= 0 && task->cost().value_or(0) < 1e300, "costs are finite");
    require((task->status() == task_status::succeeded) == !task->videos().empty(), "a success has a result");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size == 0)
        return 0;
    unsigned const choice = data[0];
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    if ((choice & 1U) != 0) {
        constexpr int statuses[] = {200, 202, 400, 409, 429, 500, 503, 303};
        decode(statuses[choice >> 5U], bytes);
        return 0;
    }
    limits_of_input const most{(choice & 2U) != 0 ? 64U : 16U << 10U, (choice & 4U) != 0 ? 8U : 1U << 20U,
                               (choice & 8U) != 0};
    reading const whole = read(bytes, most, bytes.size() + 1, false);
    require_same(whole, read(bytes, most, 1, false));
    require_same(whole, read(bytes, most, 1 + (choice >> 4U), false));
    reading const streamed = read(bytes, most, 1 + (choice >> 4U), true);
    require_same(streamed, read(bytes, most, bytes.size() + 1, true));
    if (whole.encoding.empty())
        require_same(whole, streamed);
    if (whole.reusable)
        compare_with_beast(bytes, whole);
    if (whole.end == state::done)
        decode(whole.status, whole.body);
    return 0;
}

#ifndef APIMART_LIBFUZZER
int main(int argc, char** argv)
{
    std::size_t inputs = 0;
    auto const run = [&](std::string const& input) {
        LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
        ++inputs;
    };
    std::string const folder = argc == 3 && std::string_view(argv[1]) == "--write" ? argv[2] : "";
    for (bad_responses::row const& row : bad_responses::rows()) {
        std::string const input = (row.closes ? '\x08' : '\0') + row.bytes;
        std::string_view const bytes = row.bytes;
        std::size_t const body = row.refused ? std::string_view::npos : bytes.find("\r\n\r\n");
        if (!folder.empty() && input.size() < 4096)
            std::ofstream(folder + "/" + std::to_string(inputs), std::ios::binary) << input;
        run(input);
        if (body != std::string_view::npos)
            run('\x01' + std::string(bytes.substr(body + 4)));
        // Large ones differ from these in nothing but the time that they take.
        constexpr std::size_t small = std::size_t{64} << 10U;
        for (char choice = 2; choice < 16 && row.bytes.size() < small; choice = static_cast<char>(choice + 2))
            run(choice + row.bytes);
    }
    for (int i = 1; i < argc && folder.empty(); ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        if (!file) {
            std::cerr << "cannot read " << argv[i] << '\n';
            return 1;
        }
        run(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    std::cout << inputs << " inputs\n";
    return inputs == 0 ? 1 : 0;
}
#endif
