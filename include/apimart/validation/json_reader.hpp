// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_JSON_READER_HPP
#define APIMART_VALIDATION_JSON_READER_HPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/json_pointer.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>
#include <boost/system/error_code.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

inline constexpr std::size_t max_nesting = 32;

// A handler for Boost.JSON's parser that makes a value as `boost::json::parse` does, names the members that
// an object has twice, of which that function keeps the last, and takes the nearest double to each number
// with a fraction or an exponent, which Boost.JSON 1.81 can miss by one unit in the last place.
class strict_json_handler
{
    using error_code = boost::system::error_code;
    using string_view = boost::json::string_view;

public:
    static constexpr std::size_t max_object_size = boost::json::object::max_size();
    static constexpr std::size_t max_array_size = boost::json::array::max_size();
    static constexpr std::size_t max_key_size = boost::json::string::max_size();
    static constexpr std::size_t max_string_size = boost::json::string::max_size();

    explicit strict_json_handler(validation_result& found) : found_(found) {}

    boost::json::value release() { return stack_.release(); }

    bool on_document_begin(error_code&)
    {
        stack_.reset();
        return true;
    }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&)
    {
        levels_.emplace_back(false);
        return true;
    }
    bool on_object_end(std::size_t size, error_code&)
    {
        levels_.pop_back();
        stack_.push_object(size);
        return ended();
    }
    bool on_array_begin(error_code&)
    {
        levels_.emplace_back(true);
        return true;
    }
    bool on_array_end(std::size_t size, error_code&)
    {
        levels_.pop_back();
        stack_.push_array(size);
        return ended();
    }
    bool on_key_part(string_view part, std::size_t, error_code&)
    {
        key_.append(part.data(), part.size());
        stack_.push_chars(part);
        return true;
    }
    bool on_key(string_view rest, std::size_t, error_code&)
    {
        key_.append(rest.data(), rest.size());
        stack_.push_key(rest);
        level& object = levels_.back();
        object.name = std::exchange(key_, {});
        if (!object.names.insert(object.name).second)
            found_.add_error(pointer(), "must not be given twice", "");
        return true;
    }
    bool on_string_part(string_view part, std::size_t, error_code&)
    {
        stack_.push_chars(part);
        return true;
    }
    bool on_string(string_view rest, std::size_t, error_code&)
    {
        stack_.push_string(rest);
        return ended();
    }
    bool on_number_part(string_view, error_code&) { return true; }
    bool on_int64(std::int64_t value, string_view, error_code&)
    {
        stack_.push_int64(value);
        return ended();
    }
    bool on_uint64(std::uint64_t value, string_view, error_code&)
    {
        stack_.push_uint64(value);
        return ended();
    }
    bool on_double(double value, string_view written, error_code&)
    {
        // Out of range, the value stays as it was.
        std::from_chars(written.data(), written.data() + written.size(), value);
        stack_.push_double(value);
        return ended();
    }
    bool on_bool(bool value, error_code&)
    {
        stack_.push_bool(value);
        return ended();
    }
    bool on_null(error_code&)
    {
        stack_.push_null();
        return ended();
    }
    bool on_comment_part(string_view, error_code&) { return true; }
    bool on_comment(string_view, error_code&) { return true; }

private:
    struct level
    {
        explicit level(bool array) : is_array(array) {}

        bool is_array;
        std::size_t index = 0;
        std::string name;
        std::set<std::string, std::less<>> names;
    };

    bool ended()
    {
        if (!levels_.empty())
            ++levels_.back().index;
        return true;
    }
    std::string pointer() const
    {
        std::string text;
        for (level const& one : levels_)
            append_step(text, one.is_array ? std::to_string(one.index) : one.name);
        return text;
    }

    validation_result& found_;
    boost::json::value_stack stack_;
    std::string key_;
    std::vector<level> levels_;
};

// The value of a JSON text; null and a reason in `found`, which is empty before, if it is none.
inline boost::json::value parse_json_text(std::string_view json, std::size_t max_size,
                                          validation_result& found)
{
    if (json.size() > max_size) {
        found.add_error("", "must have at most " + std::to_string(max_size) + " bytes",
                        std::to_string(json.size()) + " bytes");
        return {};
    }
    if (utf8_scan const text = scan_utf8(json); !text.valid()) {
        found.add_error("", "must be UTF-8; the byte at offset " + std::to_string(text.bad_byte) + " is not",
                        "");
        return {};
    }

    boost::json::parse_options options;
    options.max_depth = max_nesting;
    validation_result repeated;
    boost::json::basic_parser<strict_json_handler> parser(options, repeated);
    boost::system::error_code error;
    std::size_t const read = parser.write_some(false, json.data(), json.size(), error);
    if (!error && read < json.size())
        error = boost::json::error::extra_data;
    if (error == boost::json::error::too_deep) {
        found.add_error("", "must not be nested more than " + std::to_string(max_nesting) + " levels deep",
                        "");
        return {};
    }
    if (error) {
        found.add_error("", "must be JSON: " + error.message() + " at offset " + std::to_string(read), "");
        return {};
    }
    if (!repeated.ok())
        found = std::move(repeated);
    return parser.handler().release();
}

} // namespace apimart::detail

#endif
