// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_JSON_READER_HPP
#define APIMART_VALIDATION_JSON_READER_HPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/json_pointer.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

// Reading a body: what Boost.JSON lets through or does not tell is found here.
namespace apimart::detail {

inline constexpr std::size_t deepest_nesting = 32;

struct json_census
{
    std::size_t members = 0;
    std::size_t doubles = 0;

    void take(boost::json::value const& value)
    {
        if (boost::json::object const* object = value.if_object()) {
            members += object->size();
            for (auto const& member : *object)
                take(member.value());
        } else if (boost::json::array const* array = value.if_array()) {
            for (boost::json::value const& entry : *array)
                take(entry);
        } else {
            doubles += value.is_double();
        }
    }
};

// Every member of a valid JSON text has exactly one colon outside of strings.
inline std::size_t written_member_count(std::string_view json) noexcept
{
    std::size_t count = 0;
    char const* at = json.data();
    char const* const end = at + json.size();
    while (at != end) {
        if (*at != '"') {
            count += *at == ':';
            ++at;
            continue;
        }
        // Most of a body is text, so strings are jumped over. A quote that ends one has an even number of
        // backslashes before it.
        for (char const* const begin = at++;;) {
            at = static_cast<char const*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
            if (at == nullptr)
                return count;
            char const* escape = at;
            while (escape - 1 != begin && escape[-1] == '\\')
                --escape;
            ++at;
            if ((at - 1 - escape) % 2 == 0)
                break;
        }
    }
    return count;
}

// Names the members that a valid JSON text writes twice. Only walked once it is known that there are some.
class duplicate_finder
{
public:
    duplicate_finder(std::string_view json, diagnostics& found) : json_(json), found_(found)
    {
        value(json_path());
    }

private:
    void skip_blanks()
    {
        while (at_ < json_.size() &&
               (json_[at_] == ' ' || json_[at_] == '\t' || json_[at_] == '\n' || json_[at_] == '\r'))
            ++at_;
    }

    char next()
    {
        skip_blanks();
        return at_ < json_.size() ? json_[at_] : '\0';
    }

    std::string_view string()
    {
        std::size_t const begin = at_;
        for (++at_; at_ < json_.size() && json_[at_] != '"'; ++at_)
            if (json_[at_] == '\\')
                ++at_;
        ++at_;
        return json_.substr(begin, at_ - begin);
    }

    void value(json_path const& path)
    {
        char const first = next();
        if (first == '{')
            object(path);
        else if (first == '[')
            array(path);
        else if (first == '"')
            string();
        else
            while (at_ < json_.size() && json_[at_] != ',' && json_[at_] != '}' && json_[at_] != ']')
                ++at_;
    }

    void object(json_path const& path)
    {
        std::set<std::string, std::less<>> names;
        ++at_;
        while (next() == '"') {
            // The same name can be spelt in several ways, with escapes.
            std::string name(std::string_view(boost::json::parse(string()).get_string()));
            json_path const member(path, name);
            if (names.contains(name))
                found_.refuse(member.pointer(), "must not be given twice", "");
            next();
            ++at_;
            value(member);
            names.insert(std::move(name));
            if (next() == ',')
                ++at_;
        }
        ++at_;
    }

    void array(json_path const& path)
    {
        ++at_;
        for (std::size_t index = 0; at_ < json_.size() && next() != ']'; ++index) {
            value(json_path(path, index));
            if (next() == ',')
                ++at_;
        }
        ++at_;
    }

    std::string_view json_;
    diagnostics& found_;
    std::size_t at_ = 0;
};

// Reads the numbers with a fraction or an exponent once more. Boost.JSON 1.81 may miss the nearest double by
// one unit in the last place, and then what is written differs from what was read.
class double_corrector
{
public:
    // Of a valid JSON text without duplicate members, so that text and value have the same order.
    double_corrector(std::string_view json, boost::json::value& value) : json_(json) { correct(value); }

private:
    void correct(boost::json::value& value)
    {
        if (boost::json::object* object = value.if_object()) {
            for (auto& member : *object)
                correct(member.value());
        } else if (boost::json::array* array = value.if_array()) {
            for (boost::json::value& entry : *array)
                correct(entry);
        } else if (value.is_number()) {
            std::string_view const written = next_number();
            // Out of range, the result stays as it was.
            if (double* number = value.if_double())
                std::from_chars(written.data(), written.data() + written.size(), *number);
        }
    }

    std::string_view next_number()
    {
        for (bool in_string = false;; ++at_) {
            char const c = json_[at_];
            if (c == '"')
                in_string = !in_string;
            else if (c == '\\' && in_string)
                ++at_;
            else if (!in_string && (c == '-' || (c >= '0' && c <= '9')))
                break;
        }
        std::size_t const begin = at_;
        at_ = std::min(json_.find_first_not_of("+-.0123456789eE", at_), json_.size());
        return json_.substr(begin, at_ - begin);
    }

    std::string_view json_;
    std::size_t at_ = 0;
};

// The value of a JSON text; null and a reason in `found` if it is none.
inline boost::json::value parse_json_text(std::string_view json, std::size_t longest, diagnostics& found)
{
    if (json.size() > longest) {
        found.refuse("", "must have at most " + std::to_string(longest) + " bytes",
                     std::to_string(json.size()) + " bytes");
        return {};
    }
    if (utf8_scan const text = scan_utf8(json); !text.valid()) {
        found.refuse("", "must be UTF-8; the byte at offset " + std::to_string(text.bad_byte) + " is not",
                     "");
        return {};
    }

    boost::json::parse_options options;
    options.max_depth = deepest_nesting;
    unsigned char scratch[4096];
    boost::json::parser parser({}, options, scratch);
    boost::system::error_code error;
    std::size_t const read = parser.write_some(json.data(), json.size(), error);
    if (!error && read < json.size())
        error = boost::json::error::extra_data;
    if (error == boost::json::error::too_deep) {
        found.refuse("", "must not be nested more than " + std::to_string(deepest_nesting) + " levels deep",
                     "");
        return {};
    }
    if (error) {
        found.refuse("", "must be JSON: " + error.message() + " at offset " + std::to_string(read), "");
        return {};
    }
    boost::json::value value = parser.release();
    json_census census;
    census.take(value);
    if (written_member_count(json) != census.members)
        duplicate_finder(json, found);
    else if (census.doubles != 0)
        double_corrector(json, value);
    return value;
}

} // namespace apimart::detail

#endif
