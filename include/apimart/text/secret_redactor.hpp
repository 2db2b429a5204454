// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_SECRET_REDACTOR_HPP
#define APIMART_TEXT_SECRET_REDACTOR_HPP

#include <apimart/text/base64.hpp>
#include <apimart/text/redact.hpp>

#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// Takes a secret out of text that may echo it, in every form in which it could be read: as it is, in other case, spaced or
// broken into lines, percent-encoded, as escapes of JSON or HTML, in hexadecimal, in Base64 at any offset; and its
// beginning, where the text was cut.
class secret_redactor
{
public:
    explicit secret_redactor(std::string secret) : secret_(std::move(secret))
    {
        for (std::size_t offset = 0; offset < 3 && secret_.size() >= telling; ++offset)
            encoded_[offset] = base64_at(offset);
        mark_beginnings();
    }

    bool occurs_in(std::string_view text) const { return find(text, 0).has_value(); }

    std::string redact(std::string text) const
    {
        for (auto found = find(text, 0); found; found = find(text, found->first + redaction_mark.size()))
            text.replace(found->first, found->second, redaction_mark);
        return text;
    }

private:
    using place = std::pair<std::size_t, std::size_t>; // where, and how long
    // A character as a text spells it, and how long that is.
    using spelling = std::pair<char, std::size_t>;

    static constexpr std::size_t telling = 4; // so many characters of a key tell more than chance would

    static constexpr bool is_gap(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
    static char lower(char c) noexcept { return boost::urls::grammar::to_lower(c); }
    static int digit(char c) noexcept { return boost::urls::grammar::hexdig_value(c); }

    // Digits of a number, and what has to end it.
    static std::optional<spelling> number(std::string_view text, std::size_t at, int base,
                                          std::size_t most_digits, std::string_view end)
    {
        std::size_t const begin = at;
        int value = 0;
        for (; at < text.size() && at - begin < most_digits && digit(text[at]) >= 0 && digit(text[at]) < base;
             ++at)
            value = std::min(value * base + digit(text[at]), 0xFFFF);
        if (at == begin || value > 0xFF || !text.substr(at).starts_with(end))
            return std::nullopt;
        return spelling(static_cast<char>(value), at + end.size());
    }

    // The spelling of one character other than itself; its second is where it ends.
    static std::optional<spelling> escaped(std::string_view text, std::size_t at)
    {
        std::string_view const rest = text.substr(at);
        if (rest.starts_with("%25"))
            return number(text, at + 3, 16, 2, "");
        if (rest.starts_with('%'))
            return number(text, at + 1, 16, 2, "");
        if (rest.starts_with("&#x") || rest.starts_with("&#X"))
            return number(text, at + 3, 16, 8, ";");
        if (rest.starts_with("&#"))
            return number(text, at + 2, 10, 8, ";");
        if (rest.starts_with("\\u") || rest.starts_with("\\U"))
            return number(text, at + 2, 16, 4, "");
        if (rest.starts_with("\\x") || rest.starts_with("0x"))
            return number(text, at + 2, 16, 2, "");
        if (rest.starts_with('\\') && rest.size() > 1)
            return spelling(rest[1], at + 2);
        return std::nullopt;
    }

    // How long the secret is where it begins at `at`; its beginning counts where the text ends.
    template <class Next>
    std::optional<std::size_t> match(std::string_view text, std::size_t at, Next next) const
    {
        std::size_t const begin = at;
        std::size_t matched = 0;
        while (matched < secret_.size()) {
            while (matched > 0 && at < text.size() && is_gap(text[at]))
                ++at;
            std::string_view const rest = text.substr(std::min(at, text.size()));
            if (rest.empty() || rest == "..." || rest == "\"..." || rest == "\"")
                return matched >= telling ? std::optional(at - begin) : std::nullopt;
            std::size_t const end = next(text, at, secret_[matched]);
            if (end == 0)
                return std::nullopt;
            at = end;
            ++matched;
        }
        return at - begin;
    }

    // Where the character ends that is spelt at `at`; zero where it is another.
    static std::size_t next_in_words(std::string_view text, std::size_t at, char wanted)
    {
        if (auto const found = escaped(text, at); found && lower(found->first) == lower(wanted))
            return found->second;
        return lower(text[at]) == lower(wanted) ? at + 1 : 0;
    }
    static std::size_t next_in_hex(std::string_view text, std::size_t at, char wanted)
    {
        while (at < text.size() && (text[at] == ':' || text[at] == '-' || text[at] == ','))
            ++at;
        if (at + 1 >= text.size() || digit(text[at]) < 0 || digit(text[at + 1]) < 0)
            return 0;
        return lower(static_cast<char>(digit(text[at]) * 16 + digit(text[at + 1]))) == lower(wanted) ? at + 2
                                                                                                     : 0;
    }

    // What Base64 makes of the secret behind so many bytes, without what depends on its neighbours.
    std::string base64_at(std::size_t offset) const
    {
        std::string const bytes = std::string(offset, '\0') + secret_;
        std::string text;
        append_base64(text, std::span(reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size()));
        std::size_t const begin = offset == 0 ? 0 : offset + 1;
        std::size_t const end = bytes.size() * 8 / 6;
        return text.substr(begin, end - begin);
    }
    static constexpr char base64_letter(char c) noexcept { return c == '-' ? '+' : c == '_' ? '/' : c; }
    static std::optional<std::size_t> match_base64(std::string_view text, std::size_t at,
                                                   std::string_view encoded)
    {
        std::size_t const begin = at;
        std::size_t matched = 0;
        for (; matched < encoded.size(); ++at) {
            std::string_view const rest = text.substr(std::min(at, text.size()));
            if (rest.empty() || rest == "...")
                return matched >= 2 * telling ? std::optional(at - begin) : std::nullopt;
            if (matched > 0 && is_gap(text[at]))
                continue;
            if (base64_letter(text[at]) != encoded[matched])
                return std::nullopt;
            ++matched;
        }
        return at - begin;
    }

    // Most characters begin nothing that would have to be compared with the secret.
    void mark_beginnings()
    {
        if (secret_.empty())
            return;
        int const high = static_cast<unsigned char>(secret_[0]) >> 4U;
        for (std::size_t i = 0; i < begins_.size(); ++i) {
            auto const c = static_cast<char>(i);
            bool const is_word =
                lower(c) == lower(secret_[0]) || std::string_view("%&\\0").find(c) != std::string_view::npos;
            // Upper and lower case differ in one bit of their first digit.
            bool const is_hex =
                (digit(c) | 2) == (high | 2) || std::string_view(":-,").find(c) != std::string_view::npos;
            bool const is_base64 =
                std::any_of(encoded_.begin(), encoded_.end(),
                            [c](std::string const& each) { return each.starts_with(base64_letter(c)); });
            begins_[i] = is_word || is_hex || is_base64;
        }
    }

    std::optional<place> find(std::string_view text, std::size_t from) const
    {
        for (std::size_t at = from; at < text.size(); ++at) {
            if (!begins_[static_cast<unsigned char>(text[at])])
                continue;
            if (auto const size = match(text, at, next_in_words))
                return place(at, *size);
            if (auto const size = match(text, at, next_in_hex))
                return place(at, *size);
            for (std::string const& each : encoded_) {
                if (each.empty())
                    continue;
                if (auto const size = match_base64(text, at, each))
                    return place(at, *size);
            }
        }
        return std::nullopt;
    }

    std::string secret_;
    std::array<std::string, 3> encoded_;
    std::array<bool, 256> begins_{};
};

} // namespace apimart::detail

#endif
