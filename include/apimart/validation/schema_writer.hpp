// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_SCHEMA_WRITER_HPP
#define APIMART_VALIDATION_SCHEMA_WRITER_HPP

#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/element.hpp>
#include <apimart/parameter/model_info.hpp>
#include <apimart/parameter/shot.hpp>
#include <apimart/validation/json_of.hpp>
#include <apimart/validation/media_text.hpp>
#include <apimart/validation/request_body.hpp>
#include <apimart/validation/shot_script.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// Patterns are ECMA-262's. Other engines let `$` match before a last line break, too; this does not.
inline constexpr std::string_view pattern_end = "$(?!\\n)";

// An absolute http or https URL: the grammar of RFC 3986, which Boost.URL reads.
inline std::string url_pattern()
{
    std::string const plain = "-A-Za-z0-9._~!$&'()*+,;="; // unreserved characters and sub-delimiters
    auto characters = [&](std::string const& others) {
        return "(?:[" + plain + others + "]|%[0-9A-Fa-f]{2})";
    };
    std::string const byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    std::string const group = "[0-9A-Fa-f]{1,4}";
    std::string const last_two = "(?:" + group + ":" + group + "|" + byte + "(?:\\." + byte + "){3})";
    auto times = [&](int count) {
        return count == 0 ? "" : "(?:" + group + ":){" + std::to_string(count) + "}";
    };
    auto at_most = [&](int count) { // in front of "::"
        return count == 0   ? ""
               : count == 1 ? "(?:" + group + ")?"
                            : "(?:(?:" + group + ":){0," + std::to_string(count - 1) + "}" + group + ")?";
    };
    std::string ipv6 = times(6) + last_two;
    for (int after = 5; after >= 0; --after)
        ipv6 += "|" + at_most(5 - after) + "::" + times(after) + last_two;
    ipv6 += "|" + at_most(6) + "::" + group + "|" + at_most(7) + "::";
    std::string const host =
        "(?:\\[(?:" + ipv6 + "|v[0-9A-Fa-f]+\\.[" + plain + ":]+)\\]|" + characters("") + "+)";
    return "^[Hh][Tt][Tt][Pp][Ss]?://(?:" + characters(":") + "*@)?" + host + "(?::[0-9]*)?(?:/" +
           characters(":@") + "*)*(?:\\?" + characters(":@/?") + "*)?(?:#" + characters(":@/?") + "*)?" +
           std::string(pattern_end);
}

// White space, as within brackets of a pattern.
inline std::string blank_letters()
{
    return " \\t\\n\\v\\f\\r";
}

// What read_shot_script takes for shots and nothing else.
inline std::string shot_script_pattern()
{
    std::string const blanks = "[" + blank_letters() + "]*";
    std::string const number = blanks + "[0-9]{1,6}" + blanks + shot_comma;
    return "^" + blanks + "(?:" + std::string(shot_word) + number + number + blanks + "[^;" +
           blank_letters() + "][^;]*(?:" + shot_end + blanks + "|$))+" + std::string(pattern_end);
}

// Writes the tables of one model as a JSON Schema. Its structure is that of the validator: first the kind of
// generation is told from the body (kind_detection.hpp), then the rows of that kind are applied.
class schema_writer
{
public:
    explicit schema_writer(model_info const& model) : model_(model) {}

    boost::json::object whole()
    {
        object result;
        result["$schema"] = "https://json-schema.org/draft/2020-12/schema";
        result["title"] = text(model_.id);
        result["description"] = "Body of a video generation request";
        result["$comment"] =
            "Not said here: a whole number is written without fraction and exponent and fits "
            "into 64 bits; no field is given twice.";
        result["type"] = "object";
        result["properties"] = object{{model_field_name(), constant_model()}};
        result["required"] = boost::json::array{model_field_name()};
        for (kind_info const& kind : model_.kinds)
            definitions_[text(kind.name)] = of_kind(kind);
        for (auto& [key, value] : which_kind())
            result[key] = value;
        result["$defs"] = std::move(definitions_);
        return result;
    }

private:
    using object = boost::json::object;
    using array = boost::json::array;

    static boost::json::string_view text(std::string_view words) noexcept { return words; }
    static boost::json::string_view model_field_name() noexcept { return text(model_field); }

    static object reference(std::string_view definition)
    {
        return {{"$ref", "#/$defs/" + std::string(definition)}};
    }

    object constant_model() const { return {{"description", "The model's id"}, {"const", text(model_.id)}}; }

    // ---- which kind a body asks for ----

    // A body that has this field with this value.
    static object field_is(std::string_view name, object value)
    {
        return {{"properties", object{{text(name), std::move(value)}}}, {"required", array{text(name)}}};
    }

    static object all_of(array conditions)
    {
        return conditions.size() == 1 ? conditions.front().as_object() : object{{"allOf", conditions}};
    }
    static object any_of(array conditions)
    {
        return conditions.size() == 1 ? conditions.front().as_object() : object{{"anyOf", conditions}};
    }

    // The words that the kind writes itself.
    static array words_of(kind_info const& kind)
    {
        array words;
        for (parameter_spec const& one : kind.rows)
            if (one.requirement == requirement::discriminator)
                words.push_back(field_is(one.name, {{"const", json_of(one.fixed)}}));
        return words;
    }

    array marks_of(kind_info const& kind) const
    {
        array marks;
        for (parameter_spec const& one : kind.rows) {
            if (one.values.kind == value_kind::shot_script)
                marks.push_back(field_is(one.name, {{"type", "string"}, {"pattern", shot_script_pattern()}}));
            if (one.values.kind != value_kind::url && one.values.kind != value_kind::urls)
                continue;
            parameter_spec const* const in_plain = model_.kinds.back().find(one.name);
            if (in_plain == nullptr)
                marks.push_back(object{{"required", array{text(one.name)}}});
            else if (in_plain->requirement == requirement::ignored)
                marks.push_back(field_is(one.name, {{"not", object{{"type", "array"}, {"maxItems", 0}}}}));
        }
        return marks;
    }

    object which_kind() const
    {
        std::vector<std::pair<object, std::string_view>> choices;
        for (kind_info const& kind : model_.kinds)
            if (kind.has_discriminator)
                choices.emplace_back(all_of(words_of(kind)), kind.name);
        // With the first word alone, such a kind was meant, whose definition then refuses the body.
        for (kind_info const& kind : model_.kinds)
            if (kind.has_discriminator) {
                choices.emplace_back(words_of(kind).front().as_object(), kind.name);
                break;
            }
        for (kind_info const& kind : model_.kinds)
            if (!kind.has_discriminator && &kind != &model_.kinds.back())
                if (array marks = marks_of(kind); !marks.empty())
                    choices.emplace_back(any_of(std::move(marks)), kind.name);

        object result = reference(model_.kinds.back().name);
        for (; !choices.empty(); choices.pop_back())
            result = {{"if", std::move(choices.back().first)},
                      {"then", reference(choices.back().second)},
                      {"else", std::move(result)}};
        return result;
    }

    // ---- one kind ----

    object of_kind(kind_info const& kind)
    {
        object properties{{model_field_name(), constant_model()}};
        array required{model_field_name()};
        for (parameter_spec const& one : kind.rows) {
            properties[text(one.name)] = of_row(one, kind);
            if (one.requirement == requirement::required || one.requirement == requirement::discriminator)
                required.push_back(text(one.name));
        }
        for (parameter_spec const& one : tables::common_parameters.rows)
            properties[text(one.name)] = of_row(one, kind);
        return {{"title", text(kind.name)},
                {"type", "object"},
                {"properties", std::move(properties)},
                {"required", std::move(required)},
                {"additionalProperties", false}};
    }

    object of_row(parameter_spec const& one, kind_info const& kind)
    {
        object result{{"description", description(one, kind)}};
        for (auto& [key, value] : one.fixed.holds() != constant::type::nothing
                                      ? object{{"const", json_of(one.fixed)}}
                                  : one.requirement == requirement::ignored && is_list(one.values)
                                      ? object{{"type", "array"}} // its entries do not matter
                                      : of_value(one.values))
            result[key] = value;
        if (one.values.default_value.holds() != constant::type::nothing)
            result["default"] = json_of(one.values.default_value);
        return result;
    }

    static bool is_list(value_rule const& rule) noexcept
    {
        return rule.kind == value_kind::shots || rule.kind == value_kind::urls;
    }

    // What is only advised stands in the description, since it does not make a body invalid.
    static std::string description(parameter_spec const& one, kind_info const& kind)
    {
        std::string words(one.description);
        auto add = [&](std::string const& sentence) { words += ". " + sentence; };
        value_rule const& rule = one.values;
        if (one.requirement == requirement::ignored)
            add("Has no effect for " + std::string(kind.name));
        if (one.requirement == requirement::undocumented)
            add("Not said to work for " + std::string(kind.name));
        if (one.requirement == requirement::recommended_argument ||
            one.requirement == requirement::recommended)
            add("Should be given");
        if (one.requirement == requirement::derived)
            add("Should be the sum of the seconds of all shots");
        if (rule.recommended_maximum != value_rule::unlimited)
            add("Should be at most " + std::to_string(rule.recommended_maximum) +
                (rule.kind == value_kind::integer ? "" : " characters"));
        if (rule.numbers_recommended)
            add("Should be one of the examples");
        return words;
    }

    // ---- one value ----

    object of_value(value_rule const& rule)
    {
        switch (rule.kind) {
        case value_kind::text:
            return of_text(rule.minimum, rule.maximum);
        case value_kind::shot_script: {
            object result = of_text(1, rule.maximum);
            result["pattern"] = shot_script_pattern();
            return result;
        }
        case value_kind::integer:
            return of_integer(rule);
        case value_kind::boolean:
            return rule.only_true ? object{{"const", true}} : object{{"type", "boolean"}};
        case value_kind::choice:
            return of_choice(rule);
        case value_kind::url:
            if (!rule.base64_allowed())
                return url();
            return {{"anyOf", array{url(), base64_picture_of(rule.picture.bytes)}}};
        case value_kind::urls:
            return list_of(url(), rule.minimum, rule.maximum);
        case value_kind::shots:
            return of_shots(rule);
        case value_kind::elements:
            return of_elements(rule);
        case value_kind::enabled_object:
            return complete_object({{text(enabled_field), object{{"type", "boolean"}}}});
        case value_kind::object:
            break;
        }
        return {{"type", "object"}};
    }

    static object of_text(std::int64_t minimum, std::int64_t maximum)
    {
        object result{{"type", "string"}};
        if (minimum > 0) {
            result["minLength"] = minimum;
            result["pattern"] = "[^" + blank_letters() + "]"; // not white space only
        }
        if (maximum != value_rule::unlimited)
            result["maxLength"] = maximum;
        return result;
    }

    static object of_integer(value_rule const& rule)
    {
        object result{{"type", "integer"}};
        array numbers;
        for (std::size_t i = 0; i != rule.number_count; ++i)
            numbers.push_back(rule.numbers[i]);
        if (!numbers.empty())
            result[rule.numbers_recommended ? "examples" : "enum"] = std::move(numbers);
        if (rule.minimum != -value_rule::unlimited)
            result["minimum"] = rule.minimum;
        if (rule.maximum != value_rule::unlimited)
            result["maximum"] = rule.maximum;
        return result;
    }

    static object of_choice(value_rule const& rule)
    {
        array choices;
        for (std::size_t i = 0; i != rule.choice_count; ++i)
            choices.push_back(text(rule.choices[i]));
        return {{"enum", std::move(choices)}};
    }

    static object list_of(object entry, std::int64_t minimum, std::int64_t maximum)
    {
        object result{{"type", "array"}, {"items", std::move(entry)}};
        if (minimum > 0)
            result["minItems"] = minimum;
        if (maximum != value_rule::unlimited)
            result["maxItems"] = maximum;
        return result;
    }

    // An object with all of these fields and no other.
    static object complete_object(object properties)
    {
        array required;
        for (auto const& one : properties)
            required.push_back(boost::json::value(one.key()));
        return {{"type", "object"},
                {"properties", std::move(properties)},
                {"required", std::move(required)},
                {"additionalProperties", false}};
    }

    object url()
    {
        constexpr std::string_view name = "url";
        if (!definitions_.contains(text(name)))
            definitions_[text(name)] = object{{"description", "An absolute http or https URL"},
                                              {"type", "string"},
                                              {"format", "uri"},
                                              {"pattern", url_pattern()}};
        return reference(name);
    }

    object base64_picture_of(std::int64_t bytes)
    {
        constexpr std::string_view name = "base64_picture";
        std::string const letter = "[A-Za-z0-9+/]";
        std::string const payload = "(?:" + letter + "{4})*(?:" + letter + "{4}|" + letter + "{3}=|" +
                                    letter + "{2}==)" + std::string(pattern_end);
        // The size of a picture is that of its text without head and padding.
        auto length_of = [&](std::size_t head, std::int64_t padding) {
            return static_cast<std::int64_t>(head) + (bytes + padding) / 3 * 4;
        };
        array spellings;
        auto add = [&](std::string_view head) {
            array paddings;
            for (std::int64_t padding = 0; padding != 3; ++padding)
                paddings.push_back(object{{"pattern", (padding == 0   ? "[^=]"
                                                       : padding == 1 ? "[^=]="
                                                                      : "==") +
                                                          std::string(pattern_end)},
                                          {"maxLength", length_of(head.size(), padding)}});
            spellings.push_back(
                object{{"pattern", "^" + std::string(head) + payload}, {"anyOf", std::move(paddings)}});
        };
        add("");
        for (std::string_view const head : base64_picture::heads)
            add(head);
        definitions_[text(name)] = object{{"description", "A JPEG or PNG picture in Base64, of at most " +
                                                              std::to_string(bytes) + " bytes"},
                                          {"type", "string"},
                                          {"anyOf", std::move(spellings)}};
        return reference(name);
    }

    object of_shots(value_rule const& rule)
    {
        constexpr std::string_view name = "shot";
        definitions_[text(name)] =
            complete_object({{text(shot_field::index), object{{"type", "integer"}, {"minimum", 1}}},
                             {text(shot_field::prompt), of_text(rule.item_minimum, rule.item_maximum)},
                             {text(shot_field::duration), object{{"type", "integer"}, {"minimum", 1}}}});
        object result = list_of(reference(name), rule.minimum, rule.maximum);
        result["$comment"] = "Not said here: the durations add up to the duration of the video.";
        if (rule.maximum == value_rule::unlimited)
            return result;
        array numbered;
        for (std::int64_t number = 1; number <= rule.maximum; ++number)
            numbered.push_back(
                object{{"properties", object{{text(shot_field::index), object{{"const", number}}}}}});
        // `items` would leave out what `prefixItems` names.
        result.erase("items");
        for (boost::json::value& one : numbered)
            one.as_object()["$ref"] = "#/$defs/" + std::string(name);
        result["prefixItems"] = std::move(numbered);
        return result;
    }

    object of_elements(value_rule const& rule)
    {
        return list_of(complete_object({{text(element_field::name), of_text(1, value_rule::unlimited)},
                                        {text(element_field::description), of_text(1, value_rule::unlimited)},
                                        {text(element_field::pictures),
                                         list_of(url(), rule.item_minimum, rule.item_maximum)}}),
                       rule.minimum, rule.maximum);
    }

    model_info const& model_;
    object definitions_;
};

} // namespace apimart::detail

#endif
