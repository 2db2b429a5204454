// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_BODY_TEXT_HPP
#define APIMART_PROTOCOL_BODY_TEXT_HPP

#include <apimart/protocol/plain_json.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace apimart::detail {

// Appends what Boost.JSON writes for a value, byte by byte the same, without its machine for writing in pieces.
class body_writer
{
public:
    explicit body_writer(std::string& to) : to_(to) {}

    // Enough for an object of texts and numbers.
    static std::size_t likely_size(boost::json::object const& object)
    {
        constexpr std::size_t other_value = 24; // or the marks around a text
        std::size_t size = 2;
        for (boost::json::key_value_pair const& member : object) {
            boost::json::string const* const text = member.value().if_string();
            size += member.key().size() + other_value + (text != nullptr ? text->size() : 0);
        }
        return size;
    }

    void write(boost::json::object const& object)
    {
        char before = '{';
        for (boost::json::key_value_pair const& member : object) {
            to_ += before;
            before = ',';
            write(std::string_view(member.key()));
            to_ += ':';
            write(member.value());
        }
        to_ += before == '{' ? "{}" : "}";
    }

private:
    void write(boost::json::value const& value)
    {
        if (boost::json::string const* const text = value.if_string())
            write(std::string_view(*text));
        else if (boost::json::object const* const object = value.if_object())
            write(*object);
        else if (boost::json::array const* const list = value.if_array())
            write(*list);
        else if (std::int64_t const* const number = value.if_int64())
            write(*number);
        else if (value.is_bool())
            to_ += value.get_bool() ? "true" : "false";
        else
            to_ += boost::json::serialize(value); // seldom: null, and numbers that are no small integers
    }

    void write(boost::json::array const& list)
    {
        char before = '[';
        for (boost::json::value const& entry : list) {
            to_ += before;
            before = ',';
            write(entry);
        }
        to_ += before == '[' ? "[]" : "]";
    }

    void write(std::string_view text)
    {
        std::string_view const rest = text.substr(plain_json::ordinary_part(text));
        bool const needs_escapes = std::any_of(rest.begin(), rest.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
        });
        if (needs_escapes) {
            to_ += boost::json::serialize(boost::json::string_view(text));
            return;
        }
        to_ += '"';
        to_ += text;
        to_ += '"';
    }

    void write(std::int64_t number)
    {
        std::array<char, 24> digits{};
        to_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
    }

    std::string& to_;
};

} // namespace apimart::detail

#endif
