// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_VALIDATOR_HPP
#define APIMART_VALIDATION_VALIDATOR_HPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/parameter/model_info.hpp>
#include <apimart/text/file_url.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/validation/json_pointer.hpp>
#include <apimart/validation/json_reader.hpp>
#include <apimart/validation/media_text.hpp>
#include <apimart/validation/mentions.hpp>
#include <apimart/validation/request_body.hpp>
#include <apimart/validation/shot_script.hpp>
#include <apimart/validation/spelling.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace apimart::detail {

inline boost::json::value const* member(boost::json::object const& object, std::string_view name)
{
    return object.if_contains(boost::json::string_view(name));
}

// A whole number as JSON has it; a number with a fraction or an exponent is none, whatever its value.
inline bool as_integer(boost::json::value const& value, std::int64_t& number) noexcept
{
    if (value.is_int64()) {
        number = value.get_int64();
        return true;
    }
    if (value.is_uint64()) {
        // Beyond the signed range, and thereby beyond every rule.
        number = value_rule::unlimited;
        return true;
    }
    return false;
}

inline bool holds(boost::json::value const& value, constant const& wanted)
{
    switch (wanted.holds()) {
    case constant::type::boolean:
        return value.is_bool() && value.get_bool() == wanted.flag();
    case constant::type::text:
        return value.is_string() && std::string_view(value.get_string()) == wanted.text();
    case constant::type::number:
        return value.is_int64() && value.get_int64() == wanted.number();
    case constant::type::nothing:
        break;
    }
    return value.is_null();
}

// Walks one body along the rows of its kind of generation and reports whatever does not fit.
class validator
{
public:
    validator(model_info const& model, kind_info const& kind, boost::json::object const& body,
              beside_body const& beside, validation_result& found)
        : model_(model), kind_(kind), body_(body), beside_(beside), found_(found)
    {}

    void run()
    {
        for (auto const& one : body_)
            check_member(std::string_view(one.key()), one.value());
        for (std::size_t i = 0; i != kind_.rows.size(); ++i)
            if (given_[i] == nullptr)
                check_missing(kind_.rows[i]);
        for (std::size_t i = 0; i != kind_.rows.size(); ++i)
            if (given_[i] != nullptr)
                check_against_others(kind_.rows[i], *given_[i]);
    }

private:
    using value = boost::json::value;

    // ---- words ----

    void add_error(json_pointer const& where, std::string rule, std::string given)
    {
        found_.add_error(where.pointer(), std::move(rule), std::move(given));
    }
    void add_warning(json_pointer const& where, std::string rule, std::string given)
    {
        found_.add_warning(where.pointer(), std::move(rule), std::move(given));
    }
    void add_type_error(json_pointer const& where, std::string_view type, value const& given,
                        bool media = false)
    {
        add_error(where, "must be a JSON " + std::string(type), excerpt(given, media));
    }

    // "a, b or c".
    template <class Word>
    static std::string alternatives(std::size_t count, Word word)
    {
        std::string text;
        for (std::size_t i = 0; i != count; ++i) {
            if (i != 0)
                text += i + 1 == count ? " or " : ", ";
            text += word(i);
        }
        return text;
    }
    static std::string choices_of(value_rule const& rule)
    {
        return alternatives(rule.choice_count, [&](std::size_t i) { return rule.choices[i]; });
    }
    static std::string numbers_of(value_rule const& rule)
    {
        return alternatives(rule.number_count,
                            [&](std::size_t i) { return std::to_string(rule.numbers[i]); });
    }

    static std::string count_rule(std::int64_t minimum, std::int64_t maximum)
    {
        if (maximum == value_rule::unlimited)
            return "must have at least " + entries(minimum);
        if (minimum == 0)
            return "must have at most " + entries(maximum);
        return "must have " + std::to_string(minimum) + " to " + entries(maximum);
    }
    static std::string entries(std::int64_t count)
    {
        return count_of(static_cast<std::size_t>(count), "entry", "entries");
    }

    // ---- members of the body ----

    bool is_extra(std::string_view name) const
    {
        return std::find(beside_.extra_fields.begin(), beside_.extra_fields.end(), name) !=
               beside_.extra_fields.end();
    }

    void check_member(std::string_view name, value const& given)
    {
        json_pointer const where(root_, name);
        if (is_extra(name)) {
            if (name == model_field || model_.knows(name))
                add_error(where, "is a parameter of " + std::string(model_.id) + ", not an extra",
                          excerpt(given, true));
            else
                check_free_value(where, given, 1);
            return;
        }
        if (name == model_field)
            return;
        parameter_spec const* const known = kind_.find(name);
        if (known >= kind_.rows.data() && known < kind_.rows.data() + kind_.rows.size())
            given_[static_cast<std::size_t>(known - kind_.rows.data())] = &given;
        if (known == nullptr) {
            check_unknown(where, name, given);
            return;
        }
        switch (known->requirement) {
        case requirement::ignored:
            if (known->values.kind != value_kind::shots && known->values.kind != value_kind::urls)
                check_value(*known, where, given);
            else if (!given.is_array())
                add_type_error(where, "array", given);
            add_warning(where, "has no effect for " + std::string(kind_.name), excerpt(given, true));
            return;
        case requirement::fixed:
        case requirement::discriminator:
            check_value(*known, where, given);
            if (given.is_bool() && !holds(given, known->fixed))
                add_error(where,
                          "must be " + std::string(known->fixed.flag() ? "true" : "false") + " for " +
                              std::string(kind_.name),
                          excerpt(given));
            return;
        case requirement::undocumented:
            add_warning(where, "is not said to work for " + std::string(kind_.name), excerpt(given, true));
            break;
        default:
            break;
        }
        check_value(*known, where, given);
    }

    void check_unknown(json_pointer const& where, std::string_view name, value const& given)
    {
        if (found_.full()) {
            found_.add_error({}, {}, {});
            return;
        }
        std::string rule = "is not a parameter of " + std::string(model_.id);
        if (model_.knows(name)) {
            rule += " for " + std::string(kind_.name);
        } else {
            // The rows of this kind come first, so that they win over equally near names of other kinds.
            suggestion meant(name);
            for (parameter_spec const& one : kind_.rows)
                meant.consider(one.name);
            for (kind_info const& kind : model_.kinds)
                for (parameter_spec const& one : kind.rows)
                    meant.consider(one.name);
            for (parameter_spec const& one : tables::common_parameters.rows)
                meant.consider(one.name);
            rule += meant.question();
        }
        add_error(where, std::move(rule), excerpt(given, true));
    }

    void check_missing(parameter_spec const& one)
    {
        json_pointer const where(root_, one.name);
        switch (one.requirement) {
        case requirement::required:
            add_error(where, "is required for " + std::string(kind_.name), "");
            break;
        case requirement::discriminator:
            // Which value was meant is not known, so all of them are named.
            add_error(where, "is required: " + choices_of(one.values), "");
            break;
        case requirement::recommended_argument:
        case requirement::recommended:
            add_warning(where, "should be given for " + std::string(kind_.name), "");
            break;
        default:
            break;
        }
    }

    // ---- values ----

    void check_value(parameter_spec const& one, json_pointer const& where, value const& given)
    {
        value_rule const& rule = one.values;
        is_picture_ = takes_picture(one.name) || rule.kind == value_kind::elements;
        switch (rule.kind) {
        case value_kind::text:
        case value_kind::shot_script:
            check_text(rule, where, given);
            break;
        case value_kind::integer:
            check_integer(rule, where, given);
            break;
        case value_kind::boolean:
            if (!given.is_bool())
                add_type_error(where, "boolean", given);
            else if (rule.only_true && !given.get_bool())
                add_error(where, "must be true, or left out", "false");
            break;
        case value_kind::choice:
            check_choice(rule, where, given);
            break;
        case value_kind::url:
            check_url(rule, where, given);
            break;
        case value_kind::urls:
            check_urls(where, given, rule.minimum, rule.maximum);
            break;
        case value_kind::shots:
            check_shots(rule, where, given);
            break;
        case value_kind::elements:
            check_elements(rule, where, given);
            break;
        case value_kind::enabled_object:
            check_enabled_object(where, given);
            break;
        case value_kind::object:
            if (!given.is_object())
                add_type_error(where, "object", given);
            else
                check_free_value(where, given, 1);
            break;
        }
    }

    void check_text(value_rule const& rule, json_pointer const& where, value const& given)
    {
        if (!given.is_string()) {
            add_type_error(where, "string", given);
            return;
        }
        std::string_view const text(given.get_string());
        check_text(where, text, rule.kind == value_kind::shot_script ? 1 : rule.minimum, rule.maximum,
                   rule.recommended_maximum);
        if (rule.kind == value_kind::shot_script && !read_shot_script(text).well_formed)
            add_error(where, "must consist of shots written as `Shot number,seconds,text;`", excerpt(text));
    }

    void check_text(json_pointer const& where, std::string_view text, std::int64_t minimum,
                    std::int64_t maximum, std::int64_t advised)
    {
        utf8_scan const scan = scan_utf8(text);
        auto const length = static_cast<std::int64_t>(scan.code_points);
        auto characters = [](std::int64_t count) {
            return count_of(static_cast<std::size_t>(count), "character", "characters");
        };
        if (!scan.valid())
            add_error(where, "must be UTF-8; the byte at offset " + std::to_string(scan.bad_byte) + " is not",
                      excerpt(text));
        else if (minimum > 0 && is_blank(text))
            add_error(where, text.empty() ? "must not be empty" : "must not be white space only",
                      excerpt(text));
        else if (length > maximum)
            add_error(where, "must have at most " + characters(maximum), characters(length));
        else if (length > advised)
            add_warning(where, "should have at most " + characters(advised), characters(length));
    }

    void check_integer(value_rule const& rule, json_pointer const& where, value const& given)
    {
        std::int64_t number = 0;
        if (!as_integer(given, number)) {
            add_type_error(where, "integer", given);
            return;
        }
        if (rule.number_count != 0 && !rule.lists_number(number)) {
            std::string wanted = numbers_of(rule);
            if (rule.numbers_recommended)
                add_warning(where, "should be " + std::move(wanted), excerpt(given));
            else
                add_error(where, "must be " + std::move(wanted), excerpt(given));
        } else if (!rule.allows_number(number)) {
            add_error(where,
                      "must be between " + std::to_string(rule.minimum) + " and " +
                          std::to_string(rule.maximum),
                      excerpt(given));
        } else if (number > rule.recommended_maximum) {
            add_warning(where, "should be at most " + std::to_string(rule.recommended_maximum),
                        excerpt(given));
        }
    }

    void check_choice(value_rule const& rule, json_pointer const& where, value const& given)
    {
        if (!given.is_string()) {
            add_type_error(where, "string", given);
            return;
        }
        std::string_view const text(given.get_string());
        if (rule.allows_choice(text))
            return;
        suggestion meant(text);
        for (std::size_t i = 0; i != rule.choice_count; ++i)
            meant.consider(rule.choices[i]);
        add_error(where, "must be " + choices_of(rule) + meant.question(), excerpt(text));
    }

    void check_url(value_rule const& rule, json_pointer const& where, value const& given)
    {
        if (!given.is_string()) {
            add_type_error(where, "string", given, true);
            return;
        }
        std::string_view const text(given.get_string());
        if (!rule.base64_allowed() || begins_like_a_url(text) || is_local_file(text)) {
            check_url_text(where, text);
            return;
        }
        base64_picture const picture(text);
        if (!picture.well_formed()) {
            if (!is_absolute_http_url(text))
                add_error(where,
                          "must be an absolute http or https URL, or a JPEG or PNG picture in Base64" +
                              std::string(
                                  looks_like_a_path(text)
                                      ? "; of a local file, `first_frame_image(image_file(path))` gives that"
                                      : ""),
                          excerpt(text, true));
        } else if (picture.bytes() > rule.picture.bytes) {
            add_error(where, picture_size_rule(rule.picture.bytes),
                      count_of(static_cast<std::size_t>(picture.bytes()), "byte", "bytes"));
        } else if (!picture.begins_like_a_picture()) {
            add_warning(where, "should be a JPEG or PNG picture if it is Base64", excerpt(text, true));
        }
    }

    // It is uploaded before the request is sent.
    bool is_local_file(std::string_view text) const
    {
        return is_picture_ && text.starts_with(file_scheme) &&
               std::find(beside_.local_files.begin(), beside_.local_files.end(), text) !=
                   beside_.local_files.end();
    }

    void check_url_text(json_pointer const& where, std::string_view text)
    {
        if (!is_local_file(text) && !is_absolute_http_url(text))
            add_error(where,
                      "must be an absolute http or https URL" +
                          std::string(looks_like_a_path(text) || text.starts_with(file_scheme)
                                          ? "; the service fetches it and sees no local files"
                                          : "") +
                          (is_picture_ && looks_like_a_path(text) ? ": a picture is uploaded first" : ""),
                      excerpt(text, true));
    }

    void check_urls(json_pointer const& where, value const& given, std::int64_t minimum, std::int64_t maximum)
    {
        if (!given.is_array()) {
            add_type_error(where, "array", given, true);
            return;
        }
        check_count(where, given.get_array(), minimum, maximum);
        std::size_t index = 0;
        for (value const& entry : given.get_array()) {
            json_pointer const place(where, index++);
            if (!entry.is_string())
                add_type_error(place, "string", entry, true);
            else
                check_url_text(place, std::string_view(entry.get_string()));
        }
    }

    void check_count(json_pointer const& where, boost::json::array const& list, std::int64_t minimum,
                     std::int64_t maximum)
    {
        auto const count = static_cast<std::int64_t>(list.size());
        if (count < minimum || count > maximum)
            add_error(where, count_rule(minimum, maximum), entries(count));
    }

    void check_enabled_object(json_pointer const& where, value const& given)
    {
        if (!given.is_object()) {
            add_type_error(where, "object", given);
            return;
        }
        constexpr std::array<std::string_view, 1> fields = {enabled_field};
        check_fields(where, given.get_object(), fields);
        if (value const* enabled = member(given.get_object(), enabled_field))
            if (!enabled->is_bool())
                add_type_error(json_pointer(where, enabled_field), "boolean", *enabled);
    }

    // Every field must be there, and no other.
    void check_fields(json_pointer const& where, boost::json::object const& object,
                      std::span<std::string_view const> fields)
    {
        for (auto const& one : object) {
            std::string_view const name(one.key());
            if (std::find(fields.begin(), fields.end(), name) != fields.end())
                continue;
            suggestion meant(name);
            for (std::string_view const field : fields)
                meant.consider(field);
            add_error(json_pointer(where, name), "is not a field of this object" + meant.question(),
                      excerpt(one.value(), true));
        }
        for (std::string_view const field : fields)
            if (member(object, field) == nullptr)
                add_error(json_pointer(where, field), "is required", "");
    }

    // A text within an object; its absence was reported by check_fields.
    void check_text_field(json_pointer const& where, boost::json::object const& object,
                          std::string_view field, std::int64_t maximum)
    {
        value const* given = member(object, field);
        if (given == nullptr)
            return;
        json_pointer const place(where, field);
        if (!given->is_string())
            add_type_error(place, "string", *given);
        else
            check_text(place, std::string_view(given->get_string()), 1, maximum, maximum);
    }

    void check_shots(value_rule const& rule, json_pointer const& where, value const& given)
    {
        if (!given.is_array()) {
            add_type_error(where, "array", given);
            return;
        }
        check_count(where, given.get_array(), rule.minimum, rule.maximum);
        constexpr std::array<std::string_view, 3> fields = {shot_field::index, shot_field::prompt,
                                                            shot_field::duration};
        std::int64_t const total = video_length();
        std::int64_t sum = 0;
        bool all_known = true;
        std::size_t index = 0;
        for (value const& entry : given.get_array()) {
            json_pointer const place(where, index++);
            if (!entry.is_object()) {
                add_type_error(place, "object", entry);
                all_known = false;
                continue;
            }
            boost::json::object const& object = entry.get_object();
            check_fields(place, object, fields);
            check_text_field(place, object, shot_field::prompt, rule.item_maximum);
            check_shot_number(json_pointer(place, shot_field::index), member(object, shot_field::index),
                              index);
            std::int64_t seconds = 0;
            if (check_shot_length(json_pointer(place, shot_field::duration),
                                  member(object, shot_field::duration), total, seconds))
                sum += seconds;
            else
                all_known = false;
        }
        if (all_known && total != value_rule::unlimited && sum != total && !given.get_array().empty())
            add_error(where, "must last together as long as the video: " + seconds_text(total),
                      seconds_text(sum));
    }

    static std::string seconds_text(std::int64_t seconds)
    {
        return count_of(static_cast<std::size_t>(seconds), "second", "seconds");
    }

    void check_shot_number(json_pointer const& where, value const* given, std::size_t wanted)
    {
        std::int64_t number = 0;
        if (given == nullptr)
            return;
        if (!as_integer(*given, number))
            add_type_error(where, "integer", *given);
        else if (number != static_cast<std::int64_t>(wanted))
            add_error(where,
                      "must be " + std::to_string(wanted) + ": shots are numbered from 1 in their order",
                      excerpt(*given));
    }

    // Whether the length is usable for the sum.
    bool check_shot_length(json_pointer const& where, value const* given, std::int64_t total,
                           std::int64_t& seconds)
    {
        if (given == nullptr)
            return false;
        if (!as_integer(*given, seconds)) {
            add_type_error(where, "integer", *given);
            return false;
        }
        if (seconds >= 1 && seconds <= total)
            return true;
        if (total == value_rule::unlimited || total < 1)
            add_error(where, "must be at least 1", excerpt(*given));
        else
            add_error(where, "must be between 1 and the length of the video, " + std::to_string(total),
                      excerpt(*given));
        return false;
    }

    // The length that the video will have: as given, or as the service presumes. Unlimited if unknown.
    std::int64_t video_length() const
    {
        parameter_spec const* const length = kind_.find(parameter::duration::name);
        if (length == nullptr)
            return value_rule::unlimited;
        value const* const given = member(body_, length->name);
        if (given == nullptr)
            return length->values.default_value.holds() == constant::type::number
                       ? length->values.default_value.number()
                       : value_rule::unlimited;
        std::int64_t number = 0;
        return as_integer(*given, number) ? number : value_rule::unlimited;
    }

    void check_elements(value_rule const& rule, json_pointer const& where, value const& given)
    {
        if (!given.is_array()) {
            add_type_error(where, "array", given);
            return;
        }
        check_count(where, given.get_array(), rule.minimum, rule.maximum);
        constexpr std::array<std::string_view, 3> fields = {element_field::name, element_field::description,
                                                            element_field::pictures};
        std::size_t index = 0;
        for (value const& entry : given.get_array()) {
            json_pointer const place(where, index);
            if (!entry.is_object()) {
                add_type_error(place, "object", entry);
            } else {
                boost::json::object const& object = entry.get_object();
                check_fields(place, object, fields);
                check_text_field(place, object, element_field::name, value_rule::unlimited);
                check_text_field(place, object, element_field::description, value_rule::unlimited);
                if (value const* pictures = member(object, element_field::pictures))
                    check_urls(json_pointer(place, element_field::pictures), *pictures, rule.item_minimum,
                               rule.item_maximum);
                // In a list that is too long anyway, comparing all with all would only cost time.
                if (static_cast<std::int64_t>(index) <= rule.maximum)
                    check_name_is_new(place, given.get_array(), index);
            }
            ++index;
        }
    }

    static std::string_view element_name(value const& entry)
    {
        boost::json::object const* object = entry.if_object();
        value const* name = object != nullptr ? member(*object, element_field::name) : nullptr;
        return name != nullptr && name->is_string() ? std::string_view(name->get_string())
                                                    : std::string_view();
    }

    void check_name_is_new(json_pointer const& where, boost::json::array const& list, std::size_t index)
    {
        std::string_view const name = element_name(list[index]);
        for (std::size_t earlier = 0; earlier != index && !name.empty(); ++earlier)
            if (element_name(list[earlier]) == name) {
                add_warning(json_pointer(where, element_field::name),
                            "should differ from the names of other elements", excerpt(name));
                return;
            }
    }

    // A value without a rule still has to arrive as what it is.
    void check_free_value(json_pointer const& where, value const& given, std::size_t depth)
    {
        // The body itself is the first level.
        if (depth >= max_nesting && given.is_structured()) {
            add_error(where, "is nested too deeply", "");
            return;
        }
        auto check_utf8 = [&](json_pointer const& place, std::string_view text) {
            if (utf8_scan const scan = scan_utf8(text); !scan.valid())
                add_error(place,
                          "must be UTF-8; the byte at offset " + std::to_string(scan.bad_byte) + " is not",
                          excerpt(text));
        };
        if (given.is_string()) {
            check_utf8(where, std::string_view(given.get_string()));
        } else if (given.is_double()) {
            if (!std::isfinite(given.get_double()))
                add_error(where, "must be a finite number",
                          std::isnan(given.get_double()) ? "not a number" : "infinity");
        } else if (boost::json::array const* array = given.if_array()) {
            std::size_t index = 0;
            for (value const& entry : *array)
                check_free_value(json_pointer(where, index++), entry, depth + 1);
        } else if (boost::json::object const* object = given.if_object()) {
            for (auto const& one : *object) {
                json_pointer const place(where, std::string_view(one.key()));
                check_utf8(place, std::string_view(one.key()));
                check_free_value(place, one.value(), depth + 1);
            }
        }
    }

    // ---- rules across parameters ----

    void check_against_others(parameter_spec const& one, value const& given)
    {
        if (one.requirement == requirement::ignored)
            return;
        json_pointer const where(root_, one.name);
        switch (one.values.references) {
        case reference_kind::nothing:
            break;
        case reference_kind::images:
            if (given.is_string())
                check_image_mentions(where, std::string_view(given.get_string()));
            break;
        case reference_kind::shots:
            if (given.is_string())
                check_script(where, std::string_view(given.get_string()));
            break;
        case reference_kind::elements:
            if (given.is_string())
                check_element_mentions(where, std::string_view(given.get_string()));
            else if (given.is_array())
                check_element_mentions_of_shots(where, given.get_array());
            break;
        }
    }

    void check_image_mentions(json_pointer const& where, std::string_view text)
    {
        value const* const list = member(body_, parameter::image_urls::name);
        std::size_t const count = list != nullptr && list->is_array() ? list->get_array().size() : 0;
        for_each_image_mention(text, [&](std::string_view whole, std::uint64_t number) {
            if (number < 1 || number > count)
                add_warning(where,
                            "should refer to one of the given pictures; " +
                                std::string(parameter::image_urls::name) + " has " +
                                count_of(count, "entry", "entries"),
                            excerpt(whole));
        });
    }

    void check_script(json_pointer const& where, std::string_view text)
    {
        if (text.find(shot_word) == std::string_view::npos)
            return;
        script_summary const script = read_shot_script(text);
        std::int64_t const total = video_length();
        if (!script.well_formed || total == value_rule::unlimited)
            return;
        if (!script.in_order)
            add_warning(where, "should number its shots from 1 in their order", "");
        if (script.seconds != total)
            add_warning(where,
                        "should have shots that last together as long as the video: " + seconds_text(total),
                        seconds_text(script.seconds));
    }

    void check_element_mentions(json_pointer const& where, std::string_view text)
    {
        value const* const list = member(body_, parameter::element_list::name);
        boost::json::array const* const elements = list != nullptr ? list->if_array() : nullptr;
        parameter_spec const* const known = kind_.find(parameter::element_list::name);
        if (elements != nullptr && known != nullptr &&
            static_cast<std::int64_t>(elements->size()) > known->values.maximum)
            return;
        for_each_element_mention(text, [&](std::string_view rest) {
            if (found_.full())
                return;
            suggestion meant(leading_word(rest));
            if (elements != nullptr)
                for (value const& entry : *elements) {
                    if (begins_with_name(rest, element_name(entry)))
                        return;
                    meant.consider(element_name(entry));
                }
            if (!leading_word(rest).empty())
                add_warning(where,
                            "should refer to elements of " + std::string(parameter::element_list::name) +
                                meant.question(),
                            excerpt(std::string_view("@" + std::string(leading_word(rest)))));
        });
    }

    void check_element_mentions_of_shots(json_pointer const& where, boost::json::array const& shots)
    {
        std::size_t index = 0;
        for (value const& entry : shots) {
            json_pointer const place(where, index++);
            boost::json::object const* object = entry.if_object();
            value const* text = object != nullptr ? member(*object, shot_field::prompt) : nullptr;
            if (text != nullptr && text->is_string())
                check_element_mentions(json_pointer(place, shot_field::prompt),
                                       std::string_view(text->get_string()));
        }
    }

    model_info const& model_;
    kind_info const& kind_;
    boost::json::object const& body_;
    beside_body const& beside_;
    bool is_picture_ = false; // what is being checked
    validation_result& found_;
    json_pointer root_;
    std::array<boost::json::value const*, parameter_spec::max_in_a_table>
        given_{}; // by the position of the row
};

} // namespace apimart::detail

#endif
