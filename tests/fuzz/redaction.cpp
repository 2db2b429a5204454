// A service, a gateway or a proxy may echo the key and signed links in any form. Whatever they write around it and
// however they spell it, no reader of ours can find it in what is shown.
//
// The first line chooses a spelling for each character of the key in turn, and one for the whole; in the rest, each `~`
// stands for the key and each `^` for a signed link.

#include "target.hpp"

#include <apimart/protocol/error_response.hpp>
#include <apimart/runtime/authorization.hpp>
#include <apimart/text/hex.hpp>
#include <apimart/text/printable.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace apimart::detail;
using fuzz::require;

constexpr std::string_view key = "sk-Te5t/0123\"456+789_abcXYZ?=&<8q";
constexpr std::string_view signature = "c41e0b97x6d3a8f52";
// So much of the key, from any place in it, is too much.
constexpr std::size_t telling = 13;

std::string hex(std::string_view text, std::string_view before, std::string_view between)
{
    std::string out;
    for (char const c : text)
        append_hex(out.append(out.empty() ? std::string_view() : between).append(before),
                   static_cast<unsigned char>(c));
    return out;
}

std::string base64(std::string_view text)
{
    std::string out;
    append_base64(out, {reinterpret_cast<unsigned char const*>(text.data()), text.size()});
    return out;
}

std::string percent_encoded(std::string_view text)
{
    std::string out;
    for (char const c : text) {
        bool const kept = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        out += kept ? std::string(1, c) : hex(std::string_view(&c, 1), "%", "");
    }
    return out;
}

std::string json_escaped(std::string_view text)
{
    std::string out;
    for (char const c : text)
        out.append(c == '"' || c == '/' || c == '\\' ? "\\" : "").append(1, c);
    return out;
}

std::string upper(std::string text)
{
    for (char& c : text)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return text;
}

std::string html_escaped(char c)
{
    switch (c) {
    case '"':
        return "&quot;";
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    default:
        return std::string(1, c);
    }
}

std::string spelt(char c, unsigned how)
{
    std::string const code = hex(std::string_view(&c, 1), "", "");
    switch (how) {
    case 1:
        return "%" + code;
    case 2:
        return "%" + upper(code);
    case 3:
        return "\\u00" + code;
    case 4:
        return "&#x" + code + ";";
    case 5:
        return "&#" + std::to_string(static_cast<int>(c)) + ";";
    case 6:
        return "%25" + code;
    case 7:
        return upper(std::string(1, c));
    case 8:
        return std::string(1, c) + " ";
    case 9:
        return json_escaped(std::string_view(&c, 1));
    case 10:
        return html_escaped(c);
    default:
        return std::string(1, c);
    }
}

std::string spelt_as_a_whole(std::string_view text, unsigned how, unsigned shift)
{
    std::string const behind = std::string(shift, 'x') + std::string(text) + std::string(shift, 'y');
    std::string out;
    switch (how) {
    case 1:
        return base64(behind);
    case 2:
        out = base64(behind);
        std::replace(out.begin(), out.end(), '+', '-');
        std::replace(out.begin(), out.end(), '/', '_');
        return out;
    case 3:
        return json_escaped(base64(behind));
    case 4:
        return percent_encoded(base64(behind));
    case 5:
        return hex(text, "", "");
    case 6:
        return upper(hex(text, "", ":"));
    case 7:
        return hex(text, "0x", ", ");
    case 8:
        return hex(text, "\\x", "");
    case 9:
        out = base64(behind);
        for (std::size_t at = 7; at < out.size(); at += 9)
            out.insert(at, "\r\n");
        return out;
    case 10:
        return percent_encoded(text);
    case 11:
        return percent_encoded(percent_encoded(text));
    case 12:
        return json_escaped(json_escaped(text));
    case 13:
        return hex(text, "", " ");
    default:
        return std::string(text);
    }
}

// ---- A reader that tries everything -----------------------------------------------------------------------------

int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Undoes one layer of escapes, of all kinds at once.
std::string unescaped(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::string_view const rest = text.substr(at);
        auto const number = [&](std::size_t from, std::size_t digits) {
            int value = 0;
            for (std::size_t i = from; i < from + digits; ++i) {
                if (i >= rest.size() || digit(rest[i]) < 0)
                    return -1;
                value = value * 16 + digit(rest[i]);
            }
            return value < 128 ? value : -1;
        };
        struct form
        {
            std::string_view begin;
            std::size_t digits;
        };
        bool found = false;
        for (form const& each : {form{"%", 2}, form{"\\u", 4}, form{"\\x", 2}}) {
            int const value = rest.starts_with(each.begin) ? number(each.begin.size(), each.digits) : -1;
            if (value < 0)
                continue;
            out += static_cast<char>(value);
            at += each.begin.size() + each.digits;
            found = true;
            break;
        }
        if (!found && rest.starts_with('&')) {
            std::size_t const end = std::min<std::size_t>(rest.find(';'), 10);
            if (end < rest.size() && rest[end] == ';') {
                std::string_view const name = rest.substr(1, end - 1);
                static constexpr std::pair<std::string_view, char> names[] = {
                    {"quot", '"'}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'}};
                char c = 0;
                for (auto const& [each, means] : names)
                    c = name == each ? means : c;
                if (name.starts_with("#x") && name.size() == 4 && digit(name[2]) >= 0 && digit(name[3]) >= 0)
                    c = static_cast<char>(digit(name[2]) * 16 + digit(name[3]));
                else if (name.starts_with('#') && name.size() > 1 && name.size() <= 4 &&
                         name.find_first_not_of("0123456789", 1) == std::string_view::npos)
                    c = static_cast<char>(std::stoi(std::string(name.substr(1))));
                if (c != 0) {
                    out += c;
                    at += end + 1;
                    found = true;
                }
            }
        }
        if (!found && rest.size() > 1 && rest[0] == '\\' && rest[1] != 'x' && rest[1] != 'u') {
            out += rest[1];
            at += 2;
            found = true;
        }
        if (!found) {
            out += rest[0];
            ++at;
        }
    }
    return out;
}

std::string without(std::string_view text, std::string_view dropped)
{
    std::string out;
    for (char const c : text)
        if (dropped.find(c) == std::string_view::npos)
            out += c;
    return out;
}

std::string base64_read(std::string_view text, std::size_t from)
{
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (char const c : text.substr(std::min(from, text.size()))) {
        std::size_t const value = letters.find(c == '-' ? '+' : c == '_' ? '/' : c);
        if (value == std::string_view::npos) {
            count = 0; // what follows may begin anew
            out += '\n';
            continue;
        }
        bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFFFU;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
        }
    }
    return out;
}

std::string hex_read(std::string_view text, std::size_t from)
{
    std::string out;
    for (std::size_t at = from; at + 1 < text.size();) {
        if (digit(text[at]) < 0 || digit(text[at + 1]) < 0) {
            out += '\n';
            ++at;
            continue;
        }
        out += static_cast<char>(digit(text[at]) * 16 + digit(text[at + 1]));
        at += 2;
    }
    return out;
}

bool tells(std::string const& text, std::string_view secret)
{
    std::string const all = upper(text);
    std::string const wanted = upper(std::string(secret));
    // So many characters in a row hold one of these blocks whole.
    constexpr std::size_t block = (telling + 1) / 2;
    for (std::size_t begin = 0; begin + block <= wanted.size(); begin += block) {
        std::string_view const piece = std::string_view(wanted).substr(begin, block);
        for (std::size_t at = all.find(piece); at != std::string::npos; at = all.find(piece, at + 1)) {
            std::size_t before = 0;
            while (before < std::min(at, begin) && all[at - before - 1] == wanted[begin - before - 1])
                ++before;
            std::size_t size = block;
            while (at + size < all.size() && begin + size < wanted.size() &&
                   all[at + size] == wanted[begin + size])
                ++size;
            if (before + size >= telling)
                return true;
        }
    }
    return false;
}

bool tells(std::string const& text)
{
    return tells(text, key) || tells(text, signature);
}

bool can_be_read(std::string const& shown)
{
    std::vector<std::string> views{shown};
    for (std::string next = unescaped(shown); views.size() < 5 && next != views.back();
         next = unescaped(next))
        views.push_back(next);
    for (std::string const& view : views) {
        std::string const joined = without(view, " \t\r\n");
        std::string digits = without(joined, ":-,");
        for (std::size_t at = digits.find("0x"); at != std::string::npos; at = digits.find("0x", at))
            digits.erase(at, 2);
        if (tells(view) || tells(joined) || tells(hex_read(digits, 0)) || tells(hex_read(digits, 1)))
            return true;
        for (std::size_t from = 0; from < 4; ++from)
            if (tells(base64_read(joined, from)))
                return true;
    }
    return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), std::min<std::size_t>(size, 250)});
    fuzz::choices how(in.line());
    unsigned const whole = how.below(14);
    unsigned const shift = how.below(3);
    unsigned const link_whole = how.below(4);
    std::string spelling;
    std::string_view const pattern = how.rest();
    for (std::size_t i = 0; i < key.size(); ++i)
        spelling += spelt(
            key[i], pattern.empty() ? 0 : fuzz::choices(pattern.substr(i % pattern.size(), 1)).below(11));
    // What is spelt as a whole is the plain key.
    if (whole != 0)
        spelling = spelt_as_a_whole(key, whole, shift);
    std::string link = "https://h/v.mp4?sig=" + std::string(signature);
    link = link_whole == 1   ? json_escaped(link)
           : link_whole == 2 ? percent_encoded(link)
           : link_whole == 3 ? "https:\\u002F\\u002Fh\\u002Fv.mp4\\u003Fsig\\u003D" + std::string(signature)
                             : link;
    std::string text;
    for (char const c : in.rest())
        text += text.size() > 400 ? std::string(1, c)
                : c == '~'        ? spelling
                : c == '^'        ? link
                                  : std::string(1, c);

    // Pieces that the fuzzer wrote itself say nothing about an echo.
    if (can_be_read(std::string(in.rest())))
        return 0;
    static authorization const holder{apimart::api_key(std::string(key))};
    std::string const redacted = holder.redacted(text);
    require(holder.redacted(redacted) == redacted, "what was redacted stays as it is");
    require(in.rest().find('^') != std::string_view::npos || !can_be_read(redacted), "no key is left");
    // As the answer of a service: cut, escaped, redacted, told.
    http_response reply;
    reply.status = 400;
    reply.body = text;
    apimart::error_info const why =
        holder.redacted(read_error_response(400, reply, error_document(reply), {}));
    std::string shown = why.describe();
    for (std::string const& each : {why.server_message().text(), why.server_message().code(),
                                    why.server_message().type(), why.request_id(), why.client_message()})
        shown += "\x01 | \x01" + each;
    require(!can_be_read(shown), "nothing secret is shown");
    return 0;
}
