// SPDX-License-Identifier: BSL-1.0
//
// The run-time validator against the documentation's tables, cell by cell: to a good body of each kind of
// each model every parameter is added in turn, or taken away where it is required.

#include "documented_grid.hpp"

#include <apimart/any_request.hpp>
#include <apimart/models.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace apimart;

boost::json::object body_of(documented::column const& column)
{
    return boost::json::parse("{\"model\":\"" + std::string(column.model) + "\"," + std::string(column.base) +
                              "}")
        .as_object();
}

// A value that is good in that column, and not only advised against.
boost::json::value sample_of(documented::line const& line, documented::column const& column)
{
    if (line.parameter == "duration" && column.model.starts_with("veo"))
        return 8;
    return boost::json::parse(boost::json::string_view(line.sample));
}

void check_cell(documented::line const& line, documented::column const& column, char letter)
{
    std::string const name(line.parameter);
    CAPTURE(name);
    CAPTURE(letter);
    boost::json::object const base = body_of(column);
    boost::json::object with = base;
    if (!base.contains(name))
        with[name] = sample_of(line, column);
    auto const request = any_request::from_json(with);

    switch (letter) {
    case '-':
        REQUIRE(!request.has_value());
        CHECK(request.error().entries().size() == 1);
        CHECK(request.error().entries()[0].pointer() == "/" + name);
        return;
    case 'K':
        CHECK((!request.has_value() || request->kind() != column.kind));
        return;
    case 'R': {
        REQUIRE(base.contains(name));
        boost::json::object without = base;
        without.erase(name);
        auto const incomplete = any_request::from_json(without);
        CHECK((!incomplete.has_value() || incomplete->kind() != column.kind));
        break;
    }
    case 'A': {
        boost::json::object without = base;
        without.erase(name);
        auto const incomplete = any_request::from_json(without);
        REQUIRE(incomplete.has_value());
        REQUIRE(incomplete->check().entries().size() == 1);
        CHECK(incomplete->check().entries()[0].pointer() == "/" + name);
        break;
    }
    default:
        break;
    }
    REQUIRE_MESSAGE(request.has_value(), request.error().describe());
    CHECK(request->kind() == column.kind);
    auto const found = request->check();
    bool const advised = letter == 'N' || letter == 'U';
    CHECK_MESSAGE(found.entries().size() == (advised ? 1 : 0), found.describe());
    for (violation const& one : found.entries())
        CHECK(one.pointer() == "/" + name);
}

} // namespace

TEST_CASE("request: the validator agrees with the documentation in every cell")
{
    std::size_t cells = 0;
    for (std::size_t at = 0; at != documented::columns.size(); ++at) {
        documented::column const& column = documented::columns[at];
        CAPTURE(std::string(column.model) + " " + std::string(column.kind));
        auto const plain = any_request::from_json(body_of(column));
        REQUIRE_MESSAGE(plain.has_value(), plain.error().describe());
        CHECK(plain->kind() == column.kind);
        CHECK_MESSAGE(plain->check().entries().empty(), plain->check().describe());
        for (documented::line const& line : documented::lines) {
            check_cell(line, column, documented::letter(line, at));
            ++cells;
        }
        // Fields of newer documentation, which the original one does not know.
        for (std::string_view const name : {"video_list", "image_with_roles", "sound", "cfg_scale"}) {
            check_cell({name, "[]", ""}, column, '-');
            ++cells;
        }
    }
    // Kinds that a model does not offer have no parameters at run time either.
    for (model_info const& model : models())
        for (kind_info const& kind : model.kinds) {
            bool written = false;
            for (documented::column const& column : documented::columns)
                written = written || (column.model == model.id && column.kind == kind.name);
            CHECK(written);
        }
    MESSAGE(cells << " cells: " << documented::columns.size() << " kinds of " << models().size()
                  << " models, " << documented::lines.size() << " parameters and 4 fields that are none");
}
