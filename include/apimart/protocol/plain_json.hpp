// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_PLAIN_JSON_HPP
#define APIMART_PROTOCOL_PLAIN_JSON_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace apimart::detail {

// Compares with a word known while compiling, which takes no call.
template <std::size_t Size>
bool is_word(std::string_view text, char const (&word)[Size]) noexcept
{
    return text.size() == Size - 1 && std::memcmp(text.data(), word, Size - 1) == 0;
}

// Reads JSON that says everything in the simplest way, in one pass and without memory: texts of ASCII without
// escapes, numbers of at most 15 digits without an exponent, little nesting. Of such a document it reads what
// Boost.JSON reads. It gives up on any other, valid or not, and then the caller must read that document in a
// way that knows all of JSON; nothing that was read so far may be used.
class plain_json
{
public:
    explicit plain_json(std::string_view text) noexcept
        : at_(text.data()), end_(text.data() + text.size()), good_(text.size() <= longest)
    {}

    bool good() const noexcept { return good_; }
    void give_up() noexcept
    {
        good_ = false;
        at_ = end_;
    }
    // Whether the document was plain, and is over.
    bool ended() noexcept { return good_ && next() == '\0' && at_ == end_; }

    // What comes next begins with this; zero at the end.
    char next() noexcept
    {
        // Mostly there are none, and what is none is greater than all of them.
        while (at_ != end_ && static_cast<unsigned char>(*at_) <= ' ' &&
               (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
        return at_ != end_ ? *at_ : '\0';
    }

    // `visit(name)` has to read the member's value. A name can come several times.
    template <class Visit>
    void object(Visit visit)
    {
        if (!take('{') || closed('}'))
            return;
        do {
            std::string_view const name = text();
            if (!take(':'))
                return;
            visit(name);
        } while (go_on('}'));
    }

    // `visit()` has to read the entry.
    template <class Visit>
    void array(Visit visit)
    {
        if (!take('[') || closed(']'))
            return;
        do
            visit();
        while (go_on(']'));
    }

    std::string_view text() noexcept
    {
        if (!take('"'))
            return {};
        char const* const begin = at_;
        at_ += ordinary_part(std::string_view(at_, static_cast<std::size_t>(end_ - at_)));
        if (at_ != end_ && *at_ == '"')
            return {begin, static_cast<std::size_t>(at_++ - begin)};
        give_up();
        return {};
    }

    std::int64_t integer() noexcept
    {
        decimal const read = number();
        if (read.places != 0)
            give_up();
        return read.digits;
    }

    double fraction() noexcept
    {
        static constexpr std::array<double, most_digits + 1> powers{
            1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
        decimal const read = number();
        // Both are exact, so that the quotient is the nearest double.
        return static_cast<double>(read.digits) / powers[read.places];
    }

    // How much of the beginning of a text is ASCII that stands for itself between quotation marks.
    static std::size_t ordinary_part(std::string_view text) noexcept
    {
        std::size_t at = 0;
        for (; text.size() - at >= 8; at += 8) {
            std::uint64_t const odd = odd_of_eight(text.data() + at);
            if (odd == 0)
                continue;
            // The first that is marked is rightly so.
            if constexpr (std::endian::native == std::endian::little)
                return at + static_cast<std::size_t>(std::countr_zero(odd)) / 8;
            break;
        }
        while (at != text.size() && is_ordinary(text[at]))
            ++at;
        return at;
    }

    void skip() { skip(0); }
    // Of a text, a number, a boolean or null; gives up on anything that holds others.
    void skip_scalar()
    {
        char const first = next();
        if (first == '{' || first == '[')
            give_up();
        else
            skip();
    }

private:
    static constexpr std::size_t longest = std::size_t{16} << 10U;
    static constexpr std::size_t most_digits = 15;
    static constexpr int deepest = 8;

    struct decimal
    {
        std::int64_t digits = 0;
        std::size_t places = 0; // of them behind the point
    };

    static bool is_ordinary(char c) noexcept
    {
        auto const byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte < 0x80 && c != '\\' && c != '"';
    }

    // Marks those of eight that are not; a loop over them one by one costs several times as much.
    static std::uint64_t odd_of_eight(char const* eight) noexcept
    {
        constexpr std::uint64_t each = 0x0101010101010101U;
        std::uint64_t word = 0;
        std::memcpy(&word, eight, sizeof word);
        std::uint64_t const quote = word ^ (each * '"');
        std::uint64_t const backslash = word ^ (each * '\\');
        // Borrowing can mark those above the first that is odd, but none below it.
        return ((word - each * 0x20) | (quote - each) | (backslash - each) | word) & (each * 0x80);
    }

    bool take(char wanted) noexcept
    {
        if (next() == wanted) {
            ++at_;
            return true;
        }
        give_up();
        return false;
    }
    bool closed(char closing) noexcept
    {
        if (next() != closing)
            return false;
        ++at_;
        return true;
    }
    // Behind an entry: whether another one comes.
    bool go_on(char closing) noexcept
    {
        if (next() == ',') {
            ++at_;
            return true;
        }
        take(closing);
        return false;
    }

    decimal number() noexcept
    {
        decimal read;
        bool const negative = next() == '-';
        if (negative)
            ++at_;
        char const* const begin = at_;
        std::size_t count = digits(read);
        bool sound = count != 0 && (*begin != '0' || count == 1);
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            read.places = digits(read);
            count += read.places;
            sound = sound && read.places != 0;
        }
        // A zero with a sign, and what goes on behind its digits, is for the other reader.
        if (!sound || count > most_digits || (negative && read.digits == 0) ||
            (at_ != end_ && (*at_ == 'e' || *at_ == 'E'))) {
            give_up();
            return {};
        }
        if (negative)
            read.digits = -read.digits;
        return read;
    }
    std::size_t digits(decimal& read) noexcept
    {
        // One too many is enough to know.
        auto const room = std::min<std::size_t>(most_digits + 1, static_cast<std::size_t>(end_ - at_));
        std::int64_t value = read.digits;
        char const* at = at_;
        for (char const* const last = at_ + room; at != last; ++at) {
            unsigned const digit = static_cast<unsigned char>(*at) - unsigned{'0'};
            if (digit > 9)
                break;
            value = value * 10 + digit;
        }
        read.digits = value;
        auto const count = static_cast<std::size_t>(at - at_);
        at_ = at;
        return count;
    }

    void literal(std::string_view word) noexcept
    {
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word))
            at_ += word.size();
        else
            give_up();
    }

    void skip(int depth)
    {
        switch (next()) {
        case '{':
        case '[':
            if (depth == deepest)
                give_up();
            else if (*at_ == '{')
                object([&](std::string_view) { skip(depth + 1); });
            else
                array([&] { skip(depth + 1); });
            return;
        case '"':
            text();
            return;
        case 't':
            literal("true");
            return;
        case 'f':
            literal("false");
            return;
        case 'n':
            literal("null");
            return;
        default:
            number();
            return;
        }
    }

    char const* at_;
    char const* end_;
    bool good_;
};

} // namespace apimart::detail

#endif
