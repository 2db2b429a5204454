// A body in chunks, which says where an answer ends: a reader that is written from the grammar (RFC 9112, 7.1)
// finds the same body and the same end, with every cut.

#include "target.hpp"

#include <apimart/http/response_parser.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace apimart::detail;
using fuzz::require;
using state = response_parser::state;

constexpr std::size_t largest = 1U << 20U; // more is refused

enum class verdict
{
    complete,
    incomplete,
    malformed
};

struct reading
{
    verdict end = verdict::incomplete;
    std::string body;
    std::size_t used = 0;
    bool plain = true; // no extension, no trailer: nothing that may be refused for itself
};

std::optional<std::string_view> take_line(std::string_view& rest)
{
    std::size_t const end = rest.find("\r\n");
    if (end == std::string_view::npos)
        return std::nullopt;
    std::string_view const line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return line;
}

// Whether this could still become a line of its kind.
bool may_go_on(std::string_view line, std::string_view allowed_first)
{
    return line.find('\n') == std::string_view::npos &&
           (line.empty() || allowed_first.find(line.front()) != std::string_view::npos);
}

reading reference(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    reading out;
    std::string_view rest = bytes;
    auto const ends = [&](verdict how) {
        out.end = how;
        out.used = bytes.size() - rest.size();
        return out;
    };
    for (;;) {
        std::string_view const before = rest;
        auto const line = take_line(rest);
        if (!line)
            return ends(may_go_on(before, digits) ? verdict::incomplete : verdict::malformed);
        std::size_t const count = std::min(line->find_first_not_of(digits), line->size());
        std::string_view const behind = line->substr(count);
        if (count == 0 || (!behind.empty() && behind.find(';') == std::string_view::npos) ||
            behind.find_first_of("\r\n") != std::string_view::npos)
            return ends(verdict::malformed);
        out.plain = out.plain && behind.empty() && count <= 16;
        std::uint64_t size = 0;
        for (char const c : line->substr(0, count)) {
            if (size >> 60U != 0)
                return ends(verdict::malformed);
            size = size * 16 + digits.find(c) - (c >= 'A' && c <= 'F' ? 6 : 0);
        }
        if (size == 0)
            break;
        out.plain = out.plain && size < largest;
        std::size_t const there = static_cast<std::size_t>(std::min<std::uint64_t>(size, rest.size()));
        out.body += rest.substr(0, there);
        rest.remove_prefix(there);
        if (there != size)
            return ends(verdict::incomplete);
        std::string_view const end = rest.substr(0, 2);
        if (end != std::string_view("\r\n").substr(0, end.size()))
            return ends(verdict::malformed);
        if (end.size() < 2)
            return ends(verdict::incomplete);
        rest.remove_prefix(2);
    }
    for (;;) {
        out.plain = out.plain && (rest.empty() || rest.front() == '\r');
        auto const line = take_line(rest);
        if (!line)
            return ends(rest.find('\n') == std::string_view::npos ? verdict::incomplete : verdict::malformed);
        if (line->empty())
            return ends(verdict::complete);
        if (line->find(':') == std::string_view::npos ||
            line->find_first_of("\r\n") != std::string_view::npos)
            return ends(verdict::malformed);
    }
}

struct outcome
{
    state end;
    std::string body;
    std::size_t used = 0;
};

outcome read(std::string_view bytes, std::size_t first, std::size_t step)
{
    constexpr std::string_view head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    response_parser parser;
    parser.reset(4096, largest, false);
    parser.put(head);
    outcome out{state::body, {}};
    for (std::size_t end = first;; end += step) {
        end = std::min(end, bytes.size());
        out.used += parser.put(bytes.substr(out.used, end - out.used));
        if (parser.where() != state::body || end == bytes.size())
            break;
    }
    out.end = parser.where();
    out.body = parser.body();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    std::string_view const bytes(reinterpret_cast<char const*>(data), std::min<std::size_t>(size, 2048));
    reading const expected = reference(bytes);
    outcome const whole = read(bytes, bytes.size(), 1);
    if (whole.end == state::done) {
        require(expected.end == verdict::complete, "what is taken for complete is");
        require(whole.body == expected.body, "the body is the same");
        require(whole.used == expected.used, "the end is the same");
    } else if (expected.plain) {
        require(expected.end != verdict::complete, "what is complete is taken");
        require(expected.end == verdict::malformed || whole.end == state::body,
                "what may go on is waited for");
    }
    for (std::size_t cut = 0; cut < std::min<std::size_t>(bytes.size(), 300); ++cut) {
        outcome const other = read(bytes, cut, bytes.size());
        require(other.end == whole.end && other.body == whole.body, "the cuts do not change the answer");
    }
    outcome const each = read(bytes, 1, 1);
    require(each.end == whole.end && each.body == whole.body, "the cuts do not change the answer");
    return 0;
}
