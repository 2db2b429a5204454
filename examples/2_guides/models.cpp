// Prints what each model accepts, as Markdown, from the tables that the compiler and the validator use.

#include <apimart/models.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using apimart::requirement;
using apimart::value_kind;

std::string bounds(std::int64_t smallest, std::int64_t largest, std::string const& unit)
{
    bool const has_least = smallest > 1;
    bool const has_most = largest != apimart::value_rule::unlimited;
    if (smallest == largest)
        return std::to_string(smallest) + unit;
    if (has_least && has_most)
        return std::to_string(smallest) + " to " + std::to_string(largest) + unit;
    if (has_most)
        return "at most " + std::to_string(largest) + unit;
    return has_least ? "at least " + std::to_string(smallest) + unit : "";
}

std::string joined(std::vector<std::string> const& parts)
{
    std::string text;
    for (std::string const& part : parts)
        text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::string allowed(apimart::value_rule const& rule)
{
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < rule.choice_count; ++i)
        parts.push_back("`" + std::string(rule.choices[i]) + "`");
    std::string numbers;
    for (std::size_t i = 0; i < rule.number_count; ++i)
        numbers += (i == 0 ? "" : ", ") + std::to_string(rule.numbers[i]);
    std::string const unit = rule.in_seconds ? " s" : "";
    switch (rule.kind) {
    case value_kind::text:
        parts.push_back("text");
        break;
    case value_kind::boolean:
        parts.push_back(rule.only_true ? "only `true`" : "`true`, `false`");
        break;
    case value_kind::url:
        parts.push_back(rule.base64_allowed() ? "URL or Base64" : "URL");
        break;
    case value_kind::urls:
        parts.push_back("URLs");
        break;
    case value_kind::shots:
    case value_kind::shot_script:
        parts.push_back("shots");
        break;
    case value_kind::elements:
        parts.push_back("elements");
        break;
    case value_kind::enabled_object:
        parts.push_back("`true`, `false`");
        break;
    case value_kind::integer:
    case value_kind::choice:
    case value_kind::object:
        break;
    }
    if (!numbers.empty()) {
        parts.push_back(numbers + unit + (rule.numbers_recommended ? " advised" : ""));
    } else if (rule.kind == value_kind::integer) {
        parts.push_back(std::to_string(rule.minimum) + " to " + std::to_string(rule.maximum) + unit);
    } else if (rule.kind == value_kind::text) {
        parts.push_back(bounds(rule.minimum, rule.maximum, " characters"));
    } else {
        parts.push_back(bounds(rule.minimum, rule.maximum, ""));
    }
    std::erase(parts, "");
    return joined(parts);
}

std::string default_of(apimart::value_rule const& rule)
{
    using type = apimart::constant::type;
    switch (rule.default_value.holds()) {
    case type::number:
        return std::to_string(rule.default_value.number());
    case type::text:
        return "`" + std::string(rule.default_value.text()) + "`";
    case type::boolean:
        return rule.default_value.flag() ? "`true`" : "`false`";
    case type::nothing:
        break;
    }
    return "";
}

std::string_view standing(apimart::parameter_spec const* row)
{
    if (row == nullptr)
        return "";
    switch (row->requirement) {
    case requirement::required:
        return "required";
    case requirement::recommended_argument:
    case requirement::recommended:
        return "advised";
    case requirement::optional:
        return "optional";
    case requirement::undocumented:
        return "not said";
    case requirement::ignored:
        return "no effect";
    case requirement::fixed:
    case requirement::discriminator:
    case requirement::derived:
        return "set by the kind";
    }
    return "";
}

std::string table(apimart::model_info const& model)
{
    std::string text = "| parameter |";
    for (apimart::kind_info const& kind : model.kinds)
        text += " " + std::string(kind.name) + " |";
    text += " values | default |\n|---|";
    for (std::size_t i = 0; i < model.kinds.size(); ++i)
        text += "---|";
    text += "---|---|\n";
    std::vector<std::string_view> told;
    for (apimart::kind_info const& kind : model.kinds) {
        for (apimart::parameter_spec const& row : kind.rows) {
            if (std::find(told.begin(), told.end(), row.name) != told.end())
                continue;
            told.push_back(row.name);
            text += "| `" + std::string(row.name) + "` |";
            for (apimart::kind_info const& other : model.kinds) {
                auto const found =
                    std::find_if(other.rows.begin(), other.rows.end(),
                                 [&](apimart::parameter_spec const& r) { return r.name == row.name; });
                text += " " + std::string(standing(found == other.rows.end() ? nullptr : &*found)) + " |";
            }
            text += " " + allowed(row.values) + " | " + default_of(row.values) + " |\n";
        }
    }
    return text;
}

} // namespace

int main()
{
    // Models of one family share their tables; each table is printed once.
    std::vector<std::pair<std::string, std::string>> sections;
    for (apimart::model_info const& model : apimart::models()) {
        std::string const body = table(model);
        auto const same = std::find_if(sections.begin(), sections.end(),
                                       [&](auto const& section) { return section.second == body; });
        std::string const id = "`" + std::string(model.id) + "`";
        if (same == sections.end())
            sections.emplace_back(id, body);
        else
            same->first += ", " + id;
    }
    for (auto const& [heading, body] : sections)
        std::cout << "#### " << heading << "\n\n" << body << '\n';
}
