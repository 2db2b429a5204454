// SPDX-License-Identifier: BSL-1.0
// Reading one JSON object of a request field by field, keeping the first objection.
#ifndef APIMART_TESTING_RULES_FIELD_CHECKS_HPP
#define APIMART_TESTING_RULES_FIELD_CHECKS_HPP

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// Why a request is refused: the field as a path (`multi_prompt[1].index`) and a sentence that names it.
class violation
{
public:
    violation(std::string path, std::string_view reason)
        : field(std::move(path)), message("`" + field + "` " + std::string(reason))
    {}

    std::string field;
    std::string message;
};

/// Whether a field must be there.
enum class presence : bool
{
    optional,
    required
};

/// The characters of a UTF-8 text, counted as code points.
inline std::size_t code_points(std::string_view text) noexcept
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xc0') != '\x80'; }));
}

/// Whether a text is an absolute http or https URL with a host.
inline bool is_web_url(std::string_view text) noexcept
{
    std::size_t const start = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
    if (start == 0 || start >= text.size() || std::string_view("/?#").find(text[start]) != text.npos)
        return false;
    return std::none_of(text.begin(), text.end(), [](char c) {
        auto const code = static_cast<unsigned char>(c);
        return code <= 0x20 || code == 0x7f;
    });
}

/// Whether a text is an image as Base64, with or without a `data:image/...;base64,` prefix.
inline bool is_base64_image(std::string_view text) noexcept
{
    constexpr std::string_view scheme = "data:image/";
    if (text.starts_with(scheme)) {
        auto const comma = text.find(";base64,");
        if (comma == text.npos)
            return false;
        text.remove_prefix(comma + 8);
    }
    while (text.ends_with('='))
        text.remove_suffix(1);
    return text.size() >= 4 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
           });
}

/// Reads the fields of one object and remembers the first thing that is wrong with it.
///
/// Every reader returns "nothing" after an objection, so rules can be written one after the other without
/// asking in between. A JSON null counts as an absent field.
class field_checks
{
public:
    /// Reads `object`; `where` goes before each field name in objections.
    field_checks(boost::json::object const& object, std::string where, std::optional<violation>& first)
        : object_(&object), where_(std::move(where)), first_(&first)
    {}

    /// The first objection stands; later ones are often only its consequences.
    void refuse(std::string_view field, std::string_view reason)
    {
        if (!*first_)
            first_->emplace(where_ + std::string(field), reason);
    }

    boost::json::value const* find(std::string_view field) const
    {
        auto const* value = object_->if_contains(field);
        return value == nullptr || value->is_null() ? nullptr : value;
    }

    bool has(std::string_view field) const { return find(field) != nullptr; }

    /// A text; a required one must say something.
    std::optional<std::string_view> text(std::string_view field, presence needed = presence::optional)
    {
        auto const* value = required(field, needed);
        if (value == nullptr)
            return std::nullopt;
        auto const* string = value->if_string();
        if (string == nullptr) {
            refuse(field, "must be a string");
            return std::nullopt;
        }
        if (needed == presence::required &&
            std::string_view(*string).find_first_not_of(" \t\n\v\f\r") == std::string_view::npos) {
            refuse(field, "is required and must not be empty");
            return std::nullopt;
        }
        return std::string_view(string->data(), string->size());
    }

    /// One of a list of words, compared letter by letter.
    std::optional<std::string_view> word(std::string_view field,
                                         std::initializer_list<std::string_view> allowed,
                                         presence needed = presence::optional)
    {
        auto const given = text(field, needed);
        if (!given || std::find(allowed.begin(), allowed.end(), *given) != allowed.end())
            return given;
        std::string list;
        for (auto const& each : allowed)
            list.append(list.empty() ? "" : ", ").append(each);
        refuse(field, "must be one of " + list);
        return std::nullopt;
    }

    /// An integer between two bounds. A quoted number and a number with a fraction part are no integers.
    std::optional<std::int64_t> integer(std::string_view field, std::int64_t low, std::int64_t high,
                                        presence needed = presence::optional)
    {
        auto const* value = required(field, needed);
        if (value == nullptr)
            return std::nullopt;
        std::string const range = std::to_string(low) + " to " + std::to_string(high);
        if (!value->is_int64() && !value->is_uint64()) {
            refuse(field, "must be an integer (a plain number without quotes) from " + range);
            return std::nullopt;
        }
        auto const* number = value->if_int64();
        if (number == nullptr || *number < low || *number > high) {
            refuse(field, "must be from " + range);
            return std::nullopt;
        }
        return *number;
    }

    std::optional<bool> boolean(std::string_view field)
    {
        auto const* value = find(field);
        if (value == nullptr)
            return std::nullopt;
        if (!value->is_bool()) {
            refuse(field, "must be true or false");
            return std::nullopt;
        }
        return value->get_bool();
    }

    boost::json::object const* object(std::string_view field)
    {
        auto const* value = find(field);
        if (value == nullptr)
            return nullptr;
        if (!value->is_object())
            refuse(field, "must be an object");
        return value->if_object();
    }

    /// An array with a permitted number of entries.
    boost::json::array const* array(std::string_view field, std::size_t least, std::size_t most,
                                    presence needed = presence::optional)
    {
        auto const* value = required(field, needed);
        if (value == nullptr)
            return nullptr;
        auto const* entries = value->if_array();
        if (entries == nullptr) {
            refuse(field, "must be an array");
            return nullptr;
        }
        if (entries->size() < least || entries->size() > most) {
            refuse(field, "must have " + std::to_string(least) + " to " + std::to_string(most) + " entries");
            return nullptr;
        }
        return entries;
    }

    /// The path of the `i`-th entry of an array field.
    std::string entry(std::string_view field, std::size_t i) const
    {
        return where_ + std::string(field) + '[' + std::to_string(i) + ']';
    }

    /// Checks of an entry of an array field that must be an object; nothing when it is not one.
    std::optional<field_checks> inside(std::string_view field, boost::json::array const& entries,
                                       std::size_t i)
    {
        auto const* nested = entries[i].if_object();
        if (nested == nullptr) {
            refuse(std::string(field) + '[' + std::to_string(i) + ']', "must be an object");
            return std::nullopt;
        }
        return field_checks(*nested, entry(field, i) + '.', *first_);
    }

private:
    boost::json::value const* required(std::string_view field, presence needed)
    {
        auto const* value = find(field);
        if (value == nullptr && needed == presence::required)
            refuse(field, "is required");
        return value;
    }

    boost::json::object const* object_;
    std::string where_;
    std::optional<violation>* first_;
};

} // namespace apimart::testing::emulation

#endif
