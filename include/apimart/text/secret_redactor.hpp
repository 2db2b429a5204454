// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_SECRET_REDACTOR_HPP
#define APIMART_TEXT_SECRET_REDACTOR_HPP

#include <apimart/text/base64.hpp>
#include <apimart/text/hex.hpp>
#include <apimart/text/redact.hpp>
#include <apimart/text/secret_string.hpp>

#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace apimart::detail {

// Takes a secret out of text that may echo it, in every form in which it could be read: as it is, in other case, spaced or
// broken into lines, percent-encoded, as escapes of JSON, JavaScript or HTML, as numbers of its bytes, in Base64 at any
// offset, and escapes within all of these; a long part of it; and its beginning, where the text was cut.
class secret_redactor
{
public:
    explicit secret_redactor(std::string_view secret) : secret_(secret)
    {
        for (std::size_t offset = 0; offset < 3 && secret_.size() >= telling; ++offset)
            encoded_[offset] = base64_at(offset);
        if (secret_.empty())
            return;
        for (char const first : {lower(secret_.front()), boost::urls::grammar::to_upper(secret_.front())}) {
            std::string digits;
            append_hex(digits, static_cast<unsigned char>(first));
            may_begin_ += {first, digits.front(), boost::urls::grammar::to_upper(digits.front())};
            may_begin_ += std::to_string(static_cast<unsigned char>(first)).front();
        }
        for (secret_string const& each : encoded_)
            may_begin_ += each.substr(0, 1);
        may_begin_ += "0-_"; // of `0x`, and of Base64 for addresses
    }

    bool occurs_in(std::string_view text) const { return find(text, false).second != 0; }

    std::string redact(std::string_view text) const
    {
        std::string out;
        for (bool behind_mark = false;; behind_mark = true) {
            auto const [begin, size] = find(text, behind_mark);
            out += text.substr(0, begin);
            if (size == 0)
                return out;
            out += redaction_mark;
            text.remove_prefix(begin + size);
        }
    }

private:
    using place = std::pair<std::size_t, std::size_t>; // where, and how long

    static constexpr std::size_t telling = 4; // so many characters at an end tell more than chance would
    static constexpr std::size_t much = 12;   // so many are not shown anywhere
    static constexpr int max_layers = 4;      // of escapes within escapes

    // A text, and where each of its characters begins in the one that it was made of.
    struct view
    {
        std::string text;
        std::vector<std::size_t> begins; // with the end of all
    };

    static bool is_gap(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
    static char lower(char c) noexcept { return boost::urls::grammar::to_lower(c); }
    static int digit(char c) noexcept { return boost::urls::grammar::hexdig_value(c); }

    // A character as an escape spells it at the beginning of a text, and how long that is; zero where there is none that begins
    // as one of the kinds.
    static std::pair<char, std::size_t> escaped(std::string_view text, std::string_view kinds)
    {
        if (kinds.find(text.front()) == std::string_view::npos)
            return {};
        struct form
        {
            std::string_view begin;
            int base;
            std::size_t least_digits;
            std::size_t most_digits;
            std::string_view end = {};
        };
        // A reader of HTML does without the semicolon.
        static constexpr form numbers[] = {
            {"%u", 16, 4, 4},      {"%", 16, 2, 2},         {"&#x", 16, 1, 8, ";"}, {"&#X", 16, 1, 8, ";"},
            {"&#", 10, 1, 8, ";"}, {"\\u{", 16, 1, 8, "}"}, {"\\u", 16, 1, 4},      {"\\U0000", 16, 1, 4},
            {"\\U", 16, 1, 4},     {"\\x", 16, 1, 2},       {"\\", 8, 3, 3}};
        for (form const& each : numbers) {
            if (!text.starts_with(each.begin))
                continue;
            std::string_view const rest = text.substr(each.begin.size());
            int value = 0;
            std::size_t count = 0;
            while (count < std::min(rest.size(), each.most_digits) && digit(rest[count]) >= 0 &&
                   digit(rest[count]) < each.base)
                value = std::min(value * each.base + digit(rest[count++]), 0xFFFF);
            if (count >= each.least_digits && value <= 0x7F)
                return {static_cast<char>(value),
                        each.begin.size() + count +
                            (rest.substr(count).starts_with(each.end) ? each.end.size() : 0)};
        }
        static constexpr std::pair<std::string_view, char> names[] = {
            {"&quot;", '"'},   {"&amp;", '&'},    {"&lt;", '<'},     {"&gt;", '>'},  {"&apos;", '\''},
            {"&hyphen;", '-'}, {"&lowbar;", '_'}, {"&period;", '.'}, {"&sol;", '/'}, {"&plus;", '+'}};
        for (auto const& [name, means] : names)
            if (text.starts_with(name))
                return {means, name.size()};
        if (text.size() > 1 && text.front() == '\\')
            return {text[1], 2};
        return {};
    }

    static view unescaped(view const& from, std::string_view kinds)
    {
        view to;
        for (std::size_t at = 0; at < from.text.size();) {
            auto const [c, size] = escaped(std::string_view(from.text).substr(at), kinds);
            to.text += size != 0 ? c : from.text[at];
            to.begins.push_back(from.begins[at]);
            at += std::max<std::size_t>(size, 1);
        }
        to.begins.push_back(from.begins.back());
        return to;
    }

    // Whether nothing follows but the marks of a text that was cut, perhaps within an escape.
    static bool is_cut(std::string_view rest)
    {
        if (rest.ends_with("..."))
            rest.remove_suffix(3);
        if (rest.starts_with('"'))
            rest.remove_prefix(1);
        constexpr std::size_t longest_escape = 12;
        return rest.empty() || (rest.size() < longest_escape &&
                                std::string_view("%\\&").find(rest.front()) != std::string_view::npos);
    }

    // Each gives where the character ends that is spelt at `at`, or zero where it is another.
    static std::size_t next_letter(std::string_view text, std::size_t at, char wanted)
    {
        return lower(text[at]) == lower(wanted) ? at + 1 : 0;
    }
    static std::size_t next_in_base64(std::string_view text, std::size_t at, char wanted)
    {
        char const c = text[at] == '-' ? '+' : text[at] == '_' ? '/' : text[at];
        return c == wanted ? at + 1 : 0;
    }
    static std::size_t next_in_hex(std::string_view text, std::size_t at, char wanted)
    {
        while (at < text.size() &&
               (is_gap(text[at]) || text[at] == ':' || text[at] == '-' || text[at] == ','))
            ++at;
        if (text.substr(at).starts_with("0x"))
            at += 2;
        if (at + 1 >= text.size() || digit(text[at]) < 0 || digit(text[at + 1]) < 0)
            return 0;
        return lower(static_cast<char>(digit(text[at]) * 16 + digit(text[at + 1]))) == lower(wanted) ? at + 2
                                                                                                     : 0;
    }

    static std::size_t next_in_numbers(std::string_view text, std::size_t at, char wanted)
    {
        while (at < text.size() && (is_gap(text[at]) || text[at] == ','))
            ++at;
        unsigned value = 0;
        char const* const begin = text.data() + at;
        auto const [end, code] = std::from_chars(begin, text.data() + text.size(), value);
        return code == std::errc() && value <= 0x7F && lower(static_cast<char>(value)) == lower(wanted)
                   ? at + static_cast<std::size_t>(end - begin)
                   : 0;
    }

    // How long what is wanted is where it begins at `at`. Its beginning will do where it is long, or ends the text.
    template <class Next>
    static std::size_t match(std::string_view text, std::size_t const begin, std::string_view wanted,
                             std::size_t enough, Next next)
    {
        std::size_t at = begin;
        std::size_t matched = 0;
        while (matched < wanted.size()) {
            std::size_t from = at;
            while (matched > 0 && from < text.size() && is_gap(text[from]))
                ++from;
            std::size_t const end = from < text.size() ? next(text, from, wanted[matched]) : 0;
            if (end == 0)
                return matched >= (is_cut(text.substr(from)) ? enough : much) ? at - begin : 0;
            at = end;
            ++matched;
        }
        return at - begin;
    }

    // What Base64 makes of the secret behind so many bytes, without what depends on its neighbours.
    secret_string base64_at(std::size_t offset) const
    {
        secret_string const bytes = secret_string(offset, '\0') + secret_;
        secret_string text;
        append_base64(text, std::span(reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size()));
        std::size_t const begin = offset == 0 ? 0 : offset + 1;
        std::size_t const end = bytes.size() * 8 / 6;
        return text.substr(begin, end - begin);
    }

    // How long the secret is where it begins at `at`, or what is left of it without so many characters.
    std::size_t size_at(std::string_view text, std::size_t at, std::size_t skipped) const
    {
        std::size_t size = 0;
        auto const look = [&](secret_string const& all, std::size_t enough, auto next) {
            if (skipped == 0 ? !all.empty() : all.size() >= skipped + much)
                size = std::max(size, match(text, at, std::string_view(all).substr(skipped),
                                            skipped == 0 ? enough : much, next));
        };
        look(secret_, telling, next_letter);
        if (digit(text[at]) >= 0) {
            look(secret_, telling, next_in_hex);
            look(secret_, telling, next_in_numbers);
        }
        for (secret_string const& each : encoded_)
            look(each, 2 * telling, next_in_base64);
        return size;
    }

    // How long a part of the secret is that begins at `at`, such as one without its prefix.
    std::size_t part_at(std::string_view text, std::size_t at) const
    {
        std::size_t size = 0;
        for (std::size_t skipped = 1; skipped + much <= secret_.size() && at + much <= text.size(); ++skipped)
            if (lower(text[at]) == lower(secret_[skipped]))
                size = std::max(
                    size, match(text, at, std::string_view(secret_).substr(skipped), much, next_letter));
        return size;
    }

    // The first and there the longest, in a text and in all that its escapes may be hiding. Nowhere is its end. Behind a
    // mark the rest of a secret may stand, of which the beginning was taken for a part of an address.
    place find(std::string_view text, bool behind_mark) const
    {
        place first(text.size(), 0);
        if (secret_.empty())
            return first;
        find_beneath("%&\\", text, behind_mark, first);
        // What looks like an escape in the secret itself must not be taken for one of another kind.
        if (secret_.find_first_of("%&\\") != secret_string::npos)
            for (std::string_view const kind : {"%", "&", "\\"})
                find_beneath(kind, text, behind_mark, first);
        return first;
    }

    // The same beneath escapes of some kinds, where it is before `first` or there and longer.
    void find_beneath(std::string_view kinds, std::string_view text, bool behind_mark, place& first) const
    {
        view seen{std::string(text), {}};
        for (std::size_t at = 0; at <= text.size(); ++at)
            seen.begins.push_back(at);
        for (int layer = 0;; ++layer) {
            std::string_view const all = seen.text;
            bool may_be_rest = behind_mark;
            for (std::size_t at = 0; at < all.size() && seen.begins[at] <= first.first; ++at) {
                may_be_rest = all.substr(0, at).ends_with(redaction_mark) ||
                              (may_be_rest && (at == 0 || is_gap(all[at - 1])));
                bool const may_begin = may_begin_.find(all[at]) != std::string::npos;
                std::size_t size = std::max(may_begin ? size_at(all, at, 0) : 0, part_at(all, at));
                for (std::size_t skipped = 1; may_be_rest && skipped + much <= encoded_[2].size(); ++skipped)
                    size = std::max(size, size_at(all, at, skipped));
                if (size == 0)
                    continue;
                std::size_t const length = seen.begins[at + size] - seen.begins[at];
                if (seen.begins[at] < first.first || length > first.second)
                    first = {seen.begins[at], length};
            }
            std::size_t const before = seen.text.size();
            if (layer == max_layers || all.find_first_of(kinds) == std::string_view::npos)
                return;
            seen = unescaped(seen, kinds);
            if (seen.text.size() == before)
                return;
        }
    }

    secret_string secret_;
    std::array<secret_string, 3> encoded_;
    std::string may_begin_; // the characters that any of these can begin with
};

} // namespace apimart::detail

#endif
