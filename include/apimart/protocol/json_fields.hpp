// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_JSON_FIELDS_HPP
#define APIMART_PROTOCOL_JSON_FIELDS_HPP

#include <apimart/error.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/json_reader.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <forward_list>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace apimart::detail {

// A value of an answer as far as its readers look at it.
struct json_field
{
    enum class kind : unsigned char
    {
        absent,
        null,
        boolean,
        number,
        text,
        object,
        array
    };

    kind type = kind::absent;
    bool flag = false;
    double number = 0;
    std::string_view text = {};
    std::string_view digits = {}; // of an integer, which a double may not hold

    // A finite number, also where it is written as a text, with or without a percent sign.
    std::optional<double> lenient_number() const
    {
        double value = number;
        if (type == kind::text) {
            char const* const last = text.data() + text.size();
            auto const [end, code] = std::from_chars(text.data(), last, value);
            if (code != std::errc() || (end != last && (end + 1 != last || *end != '%')))
                return std::nullopt;
        } else if (type != kind::number) {
            return std::nullopt;
        }
        if (!std::isfinite(value))
            return std::nullopt;
        return value;
    }

    // The same where it is an integer: 5, 5.0, "5".
    std::optional<std::int64_t> lenient_integer() const
    {
        auto const value = lenient_number();
        // Beyond this a double no longer holds every integer; no field of the service comes near it.
        if (!value || std::abs(*value) > 9e15 || std::floor(*value) != *value)
            return std::nullopt;
        return static_cast<std::int64_t>(*value);
    }
};

// The place of a name among a few that are known while compiling, so that each comparison is of a fixed size; or their
// number.
template <auto const& Names>
std::size_t place_of(std::string_view name) noexcept
{
    return [name]<std::size_t... I>(std::index_sequence<I...>)
    {
        auto const is = [name](auto at) {
            constexpr std::string_view wanted = Names[at];
            return name.size() == wanted.size() &&
                   std::memcmp(name.data(), wanted.data(), wanted.size()) == 0;
        };
        std::size_t place = 0;
        static_cast<void>(((is(std::integral_constant<std::size_t, I>()) || (++place, false)) || ...));
        return place;
    }
    (std::make_index_sequence<Names.size()>());
}

// A handler for Boost.JSON's parser that finds the documented fields of an answer and makes no tree. `Fields`
// derives from it and names the places it knows by small numbers:
//   int member(int parent, std::string_view name)    the place of a member, or `nowhere`
//   void value(int place, json_field const& found)   a scalar, or the begin of an object or array
//   void close(int place)                            the end of an object or array
//   void repeated(int parent, int place)             the object at `parent` has this member a second time
// The elements of an array are at the array's own place.
template <class Fields>
class json_fields
{
public:
    static constexpr int nowhere = -1;
    static constexpr int document = 0;

    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = std::size_t{64} << 10U;
    static constexpr std::size_t max_string_size = std::size_t{64} << 10U;

    std::size_t entries() const noexcept { return entries_; }
    // Called before parsing: a text that stands in the body as it is needs no copy.
    void reads(std::string_view body) noexcept { body_ = body; }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return open(json_field::kind::object); }
    bool on_object_end(std::size_t size, error_code&) { return close(size); }
    bool on_array_begin(error_code&) { return open(json_field::kind::array); }
    bool on_array_end(std::size_t size, error_code&) { return close(size); }
    bool on_key_part(boost::json::string_view part, std::size_t, error_code&) { return append(part); }
    bool on_key(boost::json::string_view rest, std::size_t, error_code&)
    {
        level& object = levels_[depth_];
        std::string_view const name = whole(rest);
        place_ = object.place == nowhere ? nowhere : self().member(object.place, name);
        if (place_ != nowhere) {
            std::uint64_t const bit = std::uint64_t{1} << (static_cast<unsigned>(place_) % 64);
            if ((object.seen & bit) != 0)
                self().repeated(object.place, place_);
            object.seen |= bit;
        }
        return true;
    }
    bool on_string_part(boost::json::string_view part, std::size_t, error_code&) { return append(part); }
    bool on_string(boost::json::string_view rest, std::size_t, error_code&)
    {
        return scalar({.type = json_field::kind::text, .text = whole(rest)});
    }
    bool on_number_part(boost::json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t value, boost::json::string_view digits, error_code&)
    {
        return scalar({.type = json_field::kind::number,
                       .number = static_cast<double>(value),
                       .digits = {digits.data(), digits.size()}});
    }
    bool on_uint64(std::uint64_t value, boost::json::string_view digits, error_code&)
    {
        return scalar({.type = json_field::kind::number,
                       .number = static_cast<double>(value),
                       .digits = {digits.data(), digits.size()}});
    }
    bool on_double(double value, boost::json::string_view, error_code&)
    {
        return scalar({.type = json_field::kind::number, .number = value});
    }
    bool on_bool(bool value, error_code&)
    {
        return scalar({.type = json_field::kind::boolean, .flag = value});
    }
    bool on_null(error_code&) { return scalar({.type = json_field::kind::null}); }
    bool on_comment_part(boost::json::string_view, error_code&) { return true; }
    bool on_comment(boost::json::string_view, error_code&) { return true; }

protected:
    // Whether the value that is being told is an element of an array.
    bool in_array() const noexcept { return levels_[depth_].is_array; }

private:
    struct level
    {
        int place = document; // of the object's members or the array's elements
        bool is_array = false;
        std::uint64_t seen = 0; // the places of an object's members so far
    };

    Fields& self() noexcept { return static_cast<Fields&>(*this); }
    int current() const noexcept { return in_array() ? levels_[depth_].place : place_; }

    bool scalar(json_field const& found)
    {
        if (int const at = current(); at != nowhere)
            self().value(at, found);
        return true;
    }
    bool open(json_field::kind type)
    {
        int at = current();
        bool const is_array = type == json_field::kind::array;
        if (at != nowhere)
            self().value(at, {.type = type});
        // A list of lists, or a list in the document's place, is nothing that is documented.
        if (is_array && (in_array() || depth_ == 0))
            at = nowhere;
        levels_[++depth_] = {at, is_array, 0};
        return true;
    }
    bool close(std::size_t size)
    {
        int const at = levels_[depth_--].place;
        entries_ += size;
        if (at != nowhere)
            self().close(at);
        return true;
    }

    bool append(boost::json::string_view part)
    {
        part_.append(part.data(), part.size());
        return true;
    }
    // The parser unescapes a text into memory of its own, which is gone when the text has been told.
    std::string_view whole(boost::json::string_view rest)
    {
        std::less_equal<char const*> const before;
        if (part_.empty() && before(body_.data(), rest.data()) &&
            before(rest.data(), body_.data() + body_.size()))
            return {rest.data(), rest.size()};
        texts_.push_front(part_.append(rest.data(), rest.size()));
        part_.clear();
        return texts_.front();
    }

    std::array<level, max_nesting + 1> levels_{};
    std::size_t depth_ = 0;
    int place_ = document;
    std::size_t entries_ = 0;
    std::string_view body_;
    std::string part_;
    std::forward_list<std::string> texts_;
};

inline std::string json_problem(std::string_view body, error_code code, std::size_t place)
{
    std::string const at = " at byte " + std::to_string(place);
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return "empty";
    if (utf8_scan const text = scan_utf8(body); !text.valid())
        return "bad JSON: not UTF-8 at byte " + std::to_string(text.bad_byte);
    // Valid UTF-8 in form, but text in two bytes per character.
    if (std::size_t const zero = body.find('\0'); zero != std::string_view::npos)
        return "bad JSON: not UTF-8 at byte " + std::to_string(zero);
    if (code == boost::json::error::too_deep)
        return "bad JSON: nested more than " + std::to_string(max_nesting) + " levels deep";
    if (code == boost::json::error::incomplete)
        return "bad JSON: incomplete at byte " + std::to_string(body.size());
    if (code == boost::json::error::extra_data)
        return "bad JSON: other text" + at;
    return "bad JSON: " + code.message() + at;
}

// Reads a body into `Fields`, which stay valid as long as this object and the body. A byte order mark is
// tolerated; the body must be exactly one JSON document of bounded depth and size.
template <class Fields>
class json_answer
{
public:
    explicit json_answer(std::string_view body) : parser_(options())
    {
        if (body.starts_with("\xEF\xBB\xBF"))
            body.remove_prefix(3);
        parser_.handler().reads(body);
        error_code code;
        std::size_t const used = parser_.write_some(false, body.data(), body.size(), code);
        if (code == boost::json::error::string_too_large || code == boost::json::error::key_too_large)
            problem_ = "too large: a text of more than " + std::to_string(Fields::max_string_size) + " bytes";
        else if (code || used != body.size())
            problem_ = json_problem(body, code ? code : boost::json::error::extra_data, used);
        else if (body.size() > large && fields().entries() > max_entries)
            problem_ = "too large: more than " + std::to_string(max_entries) + " entries";
    }
    json_answer(json_answer const&) = delete;
    json_answer& operator=(json_answer const&) = delete;

    Fields const& fields() const noexcept { return parser_.handler(); }
    // Such as "bad JSON: incomplete at byte 12"; empty of a body that could be read.
    std::string const& problem() const noexcept { return problem_; }

private:
    // Far larger than any documented answer.
    static constexpr std::size_t large = std::size_t{64} << 10U;
    static constexpr std::size_t max_entries = 4096;

    static boost::json::parse_options options()
    {
        boost::json::parse_options chosen;
        chosen.max_depth = max_nesting;
        return chosen;
    }

    boost::json::basic_parser<Fields> parser_;
    std::string problem_;
};

} // namespace apimart::detail

#endif
