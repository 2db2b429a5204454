// No form in which somebody could read a key gets through.
#include <apimart/text/redact.hpp>
#include <apimart/text/secret_redactor.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using apimart::detail::append_base64;
using apimart::detail::redact_urls;
using apimart::detail::redaction_mark;
using apimart::detail::secret_redactor;

namespace {

constexpr std::string_view key = "sk-Te5t/0123\"456+789_abc";

std::string hex(std::string_view text, std::string_view between = "")
{
    std::string out;
    for (char const c : text) {
        constexpr std::string_view digits = "0123456789abcdef";
        if (!out.empty())
            out += between;
        out += digits[static_cast<unsigned char>(c) / 16];
        out += digits[static_cast<unsigned char>(c) % 16];
    }
    return out;
}

std::string base64(std::string_view text)
{
    std::string out;
    append_base64(out, std::span(reinterpret_cast<unsigned char const*>(text.data()), text.size()));
    return out;
}

std::string replaced(std::string text, char from, char to)
{
    std::replace(text.begin(), text.end(), from, to);
    return text;
}

std::string upper(std::string text)
{
    for (char& c : text)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

// Of the last two, what follows decides where they end.
constexpr unsigned ended_spellings = 13;
constexpr unsigned spellings = ended_spellings + 2;

// One character in one of the spellings.
std::string spelt(char c, unsigned how)
{
    std::string const code = hex(std::string_view(&c, 1));
    auto const octal = [c](unsigned shift) { return std::to_string(static_cast<unsigned>(c) >> shift & 7U); };
    switch (how) {
    case 0:
        return "%" + code;
    case 1:
        return "%" + upper(code);
    case 2:
        return "\\u00" + code;
    case 3:
        return "&#x" + code + ";";
    case 4:
        return "&#" + std::to_string(static_cast<int>(c)) + ";";
    case 5:
        return "%25" + code;
    case 6:
        return upper(std::string(1, c));
    case 7:
        return std::string(1, c) + " ";
    case 8:
        return "%u00" + upper(code);
    case 9:
        return "\\U000000" + code;
    case 10:
        return "\\u{" + code + "}";
    case 11:
        return "\\" + octal(6) + octal(3) + octal(0);
    case 12:
        return c == '-' ? "&hyphen;" : c == '_' ? "&lowbar;" : c == '/' ? "&sol;" : std::string(1, c);
    case ended_spellings:
        return "&#" + std::to_string(static_cast<int>(c));
    case ended_spellings + 1:
        return "&#x" + code;
    default:
        return std::string(1, c);
    }
}

} // namespace

TEST_CASE("secrets: a key is taken out in every form in which it could be read")
{
    secret_redactor const redactor{std::string(key)};
    std::vector<std::string> forms{std::string(key),
                                   upper(std::string(key)),
                                   hex(key),
                                   upper(hex(key)),
                                   hex(key, ":"),
                                   hex(key, " "),
                                   base64(key),
                                   replaced(replaced(base64(key), '+', '-'), '/', '_'),
                                   base64("Bearer " + std::string(key)),
                                   base64("x" + std::string(key) + "tail"),
                                   base64("xy" + std::string(key) + "tail!"),
                                   base64("{\"k\":\"" + std::string(key) + "\"}")};
    for (unsigned how = 0; how < spellings; ++how) {
        std::string form;
        for (char const c : key)
            form += spelt(c, how);
        forms.push_back(form);
    }
    // As programs print bytes: [115 107 45], or with commas.
    for (std::string const between : {" ", ", ", ","}) {
        std::string numbers;
        for (char const c : key)
            numbers.append(numbers.empty() ? "" : between).append(std::to_string(static_cast<int>(c)));
        forms.push_back(numbers);
    }
    std::string escaped;
    for (char const c : key)
        escaped.append(1, '\\').append(1, c);
    forms.push_back(escaped);
    std::string slashed;
    for (char const c : key)
        slashed += (c == '/' || c == '"' ? "\\" : "") + std::string(1, c);
    forms.push_back(slashed);
    std::string lines = base64("Bearer " + std::string(key));
    for (std::size_t at = 5; at < lines.size(); at += 6)
        lines.insert(at, "\r\n");
    forms.push_back(lines);
    for (std::string const& form : forms) {
        CAPTURE(form);
        std::string const shown = redactor.redact("refused: '" + form + "' is no key");
        CHECK(shown.starts_with("refused: '"));
        CHECK(shown.ends_with("' is no key"));
        CHECK(shown.find(redaction_mark) != std::string::npos);
        CHECK_FALSE(redactor.occurs_in(shown));
        CHECK(shown.size() < form.size() + 40);
    }
}

TEST_CASE("secrets: any mixture of spellings is found, and what stands around it is left")
{
    secret_redactor const redactor{std::string(key)};
    std::mt19937 random(1); // NOLINT: the same texts every time
    for (int round = 0; round < 20'000; ++round) {
        std::string form;
        for (char const c : key)
            form += spelt(c, static_cast<unsigned>(random()) % ended_spellings);
        CAPTURE(form);
        std::string const shown = redactor.redact("<" + form + ">");
        CHECK(shown.starts_with("<[redacted]"));
        CHECK(shown.ends_with(">"));
        CHECK(shown.size() <= redaction_mark.size() + 3);
    }
}

TEST_CASE(
    "secrets: a text that was cut in the middle of a key, spelt in any way, does not end with its beginning")
{
    secret_redactor const redactor{std::string(key)};
    for (std::size_t size = 4; size < key.size(); ++size) {
        for (std::string const end : {"", "...", "\"...", "\""}) {
            std::string const beginning(key.substr(0, size));
            if (beginning.ends_with('"') || (key[size] == '"' && end.starts_with('"')))
                continue; // it could be the end of a quotation
            CAPTURE(beginning);
            CHECK(redactor.redact("your key " + beginning + end) == "your key [redacted]" + end);
            CHECK(redactor.redact("your key " + hex(beginning) + end) == "your key [redacted]" + end);
        }
    }
    std::string const encoded = base64(key);
    for (std::size_t size = 8; size < encoded.size(); ++size)
        CHECK(redactor.redact("x=" + encoded.substr(0, size) + "...") == "x=[redacted]...");
}

TEST_CASE("secrets: forms within forms, and a beginning that something else follows")
{
    secret_redactor const redactor{std::string(key)};
    auto const escaped = [](std::string_view text) {
        std::string out;
        for (char const c : text)
            out.append(c == '"' || c == '/' || c == '\\' ? "\\" : "").append(1, c);
        return out;
    };
    auto const percent = [](std::string_view text) {
        std::string out;
        for (char const c : text)
            out += (c >= '0' && c <= '9') || (c >= 'A' && c <= 'z') ? std::string(1, c)
                                                                    : "%" + hex(std::string_view(&c, 1));
        return out;
    };
    // Its Base64 has a slash and a plus.
    std::string const other = "x?>" + std::string(key) + "?>?";
    for (std::string const& form :
         {escaped(base64(key)), escaped(base64(other)), percent(base64(other)),
          percent(percent(percent(key))), escaped(escaped(key)), percent(escaped(key)),
          escaped(percent(escaped(key))), hex(key, ", "), "0x" + hex(key, ", 0x"), "\\x" + hex(key, "\\x"),
          escaped("\\x" + hex(key, "\\x")), percent(hex(key, ":"))}) {
        CAPTURE(form);
        std::string const shown = redactor.redact("'" + form + "'");
        CHECK(shown.find(redaction_mark) != std::string::npos);
        CHECK_FALSE(redactor.occurs_in(shown));
        CHECK(shown.size() < 40);
    }
    // Cut within an escape, or where an address was redacted that the key was taken for.
    std::string const spelt_out = "%" + hex(key, "%");
    CHECK(redactor.redact(spelt_out.substr(0, spelt_out.size() - 1) + "...") == "[redacted]%6...");
    CHECK(redactor.redact(std::string(key.substr(0, 15)) + "?[redacted]") == "[redacted]?[redacted]");
    CHECK(redactor.redact("https://h/?[redacted] " + std::string(key.substr(3)) + " there") ==
          "https://h/?[redacted] [redacted] there");
}

TEST_CASE("secrets: what looks like an escape in the key itself hides no part of it")
{
    struct echo
    {
        std::string_view key;
        std::string_view form;
    };
    for (echo const& each :
         {echo{"sk-W<Mou1U%cBr9Qs=keX8gUtdh", R"(\u0073k-\u0057<M\u006Fu1\u0055%c\u0042r9Qs=keX8gUtdh)"},
          echo{"sk-1883<X5yhKa5%6dv6p=Zn<d.", "sk-1883&lt;X5yhKa5%6dv6p=Zn&lt;d."},
          echo{"sk-1883<X5yhKa5&lt;v6p=Zn<d.", "sk-1883%3CX5yhKa5&lt;v6p=Zn%3cd."},
          echo{R"(sk-1883<X5yhKa5\154v6p=Zn<d.)", R"(sk-1883&lt;X5yhKa5\154v6p=Zn&lt;d.)"}}) {
        CAPTURE(each.form);
        CHECK(secret_redactor(std::string(each.key)).redact("'" + std::string(each.form) + "'") ==
              "'[redacted]'");
    }
}

TEST_CASE("secrets: a long part of a key is taken out, such as one without its prefix")
{
    secret_redactor const redactor{std::string(key)};
    for (std::size_t begin = 0; begin + 12 <= key.size(); ++begin) {
        for (std::size_t size = 12; begin + size <= key.size(); ++size) {
            std::string const part(key.substr(begin, size));
            CAPTURE(part);
            CHECK(redactor.redact("no such token: <" + part + ">") == "no such token: <[redacted]>");
            CHECK(redactor.redact("no such token: <" + upper(part) + ">") == "no such token: <[redacted]>");
        }
    }
    CHECK(redactor.redact("no such token: <" + std::string(key.substr(5, 11)) + ">").find(redaction_mark) ==
          std::string::npos);
}

TEST_CASE("secrets: other words stay as they are")
{
    secret_redactor const redactor{std::string(key)};
    for (std::string const text :
         {"", "completed", "a task...", "sk-", "%73%6b", "c2stVGU", "&#x;%zz\\u12", "sk-other-0123456789"}) {
        CAPTURE(text);
        CHECK(redactor.redact(text) == text);
    }
    CHECK(secret_redactor("e").redact("pet") == "p[redacted]t");
}

TEST_CASE("secrets: the permission in a link is dropped, however the link was encoded")
{
    for (std::string const link :
         {"https://h/v.mp4?sig=canary", "https:\\/\\/h\\/v.mp4?sig=canary",
          "https%3A%2F%2Fh%2Fv.mp4%3Fsig%3Dcanary", "https%3a%2f%2fh%2fv.mp4%3fsig%3dcanary",
          "https%253A%252F%252Fh%252Fv.mp4%253Fsig%253Dcanary",
          "https%25253A%25252F%25252Fh%25253fsig%25253Dcanary",
          "https%253A%252F%252Fh%252Fv.mp4%2523sig=canary", "https://h/v.mp4&#63;sig=canary",
          "https:&#x2F;&#x2F;h/v.mp4&#x3F;sig=canary",
          "https:\\u002F\\u002Fh\\u002Fv.mp4\\u003Fsig\\u003Dcanary", "https://h/go%3Fto%3Dcanary"}) {
        CAPTURE(link);
        std::string const shown = redact_urls("see " + link + " there");
        CHECK(shown.find("canary") == std::string::npos);
        CHECK(shown.ends_with(" there"));
    }
}
