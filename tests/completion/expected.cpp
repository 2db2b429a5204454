// SPDX-License-Identifier: BSL-1.0
//
// Prints what an editor must offer, from the tables. A line for each pair:
//   pair POSITION MODEL KIND SETTER...
// and one for each parameter:
//   comment SETTER TEXT

#include <apimart/models.hpp>
#include <apimart/request/setter.hpp>

#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace apimart;

constexpr std::pair<std::string_view, std::string_view> sections[] = {
    {"kling-3.0-turbo", "3.1"},         {"kling-v3-omni", "3.2"}, {"kling-v2-6-motion-control", "3.3"},
    {"kling-v3-motion-control", "3.3"}, {"kling-v3", "3.4"},      {"veo3.1-fast-official", "3.5"},
    {"veo3.1-quality-official", "3.5"},
};

std::string values_of(value_rule const& rule)
{
    detail::sentence_writer out;
    detail::write_accepted(out, rule);
    if (rule.kind == value_kind::urls || rule.kind == value_kind::elements) {
        if (rule.maximum != value_rule::unlimited)
            out << ", at most " << rule.maximum;
    }
    switch (rule.default_value.holds()) {
    case constant::type::number:
        out << ", by default " << rule.default_value.number() << (rule.in_seconds ? "s" : "");
        break;
    case constant::type::text:
        out << ", by default " << rule.default_value.text();
        break;
    case constant::type::boolean:
        out << ", by default " << (rule.default_value.flag() ? "true" : "false");
        break;
    case constant::type::nothing:
        break;
    }
    return std::string(out.text());
}

// Which models take these values.
struct group
{
    std::string values;
    std::string models;
};

void print_comment(std::string_view name, std::string_view description)
{
    std::vector<group> groups;
    std::string sources;
    for (auto const& [id, section] : sections)
        for (kind_info const& kind : find_model(id)->kinds)
            for (parameter_spec const& row : kind.rows) {
                if (row.name != name || !detail::has_setter(row))
                    continue;
                std::string const values = values_of(row.values);
                group* place = nullptr;
                for (group& one : groups)
                    if (one.values == values)
                        place = &one;
                if (place == nullptr)
                    place = &groups.emplace_back(group{values, ""});
                if (place->models.find(std::string(id) + ",") == std::string::npos)
                    place->models += std::string(id) + ",";
                if (sources.find(section) == std::string::npos)
                    sources += (sources.empty() ? "" : ", ") + std::string(section);
            }
    for (parameter_spec const& row : tables::common_parameters.rows)
        if (row.name == name) {
            groups.push_back({values_of(row.values), "every model,"});
            sources = "2.2";
        }
    std::cout << "comment " << name << ' ' << description << '.';
    std::string_view before = " ";
    for (group const& one : groups) {
        std::cout << before;
        before = "; ";
        std::string_view models(one.models);
        models.remove_suffix(1);
        for (char const c : models)
            if (c == ',')
                std::cout << ", ";
            else
                std::cout << c;
        std::cout << ": " << one.values;
    }
    if (groups.empty())
        std::cout << " Set by the kind of generation";
    std::cout << ". Source: api-reference.md " << (sources.empty() ? "3.4" : sources) << ".\n";
}

} // namespace

int main()
{
    for (std::size_t position = 0; position != models().size(); ++position)
        for (kind_info const& kind : models()[position].kinds) {
            std::cout << "pair " << position << ' ' << models()[position].id << ' ' << kind.name;
            for (parameter_spec const& row : kind.rows)
                if (detail::has_setter(row))
                    std::cout << ' ' << row.name;
            for (parameter_spec const& row : tables::common_parameters.rows)
                std::cout << ' ' << row.name;
            std::cout << '\n';
        }
#define APIMART_PARAMETER(tag, words) print_comment(parameter::tag::name, parameter::tag::description);
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>
}
