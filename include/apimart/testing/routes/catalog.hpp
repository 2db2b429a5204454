// SPDX-License-Identifier: BSL-1.0
// The models that are offered, and what they accept: GET /v1/models and what is below it, /v1/model-schema, /v1/model-docs.
#ifndef APIMART_TESTING_ROUTES_CATALOG_HPP
#define APIMART_TESTING_ROUTES_CATALOG_HPP

#include <apimart/models.hpp>
#include <apimart/schema.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/network/response_version.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/service/service_state.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// Tells of the models that the library knows, by its own tables.
class catalog_route
{
public:
    explicit catalog_route(service_state& state) noexcept : state_(state) {}

    reply answer(request_view const& request)
    {
        constexpr std::string_view one = "/v1/models/";
        constexpr std::string_view schema = "/schema";
        if (request.path == "/v1/models")
            return list(request);
        if (request.path == "/v1/model-schema")
            return about(request.parameter("model"), request, &catalog_route::schema_of_model);
        if (request.path == "/v1/model-docs")
            return about(request.parameter("model"), request, &catalog_route::documentation);
        auto const name = request.path.substr(one.size());
        if (name.ends_with(schema))
            return about(name.substr(0, name.size() - schema.size()), request,
                         &catalog_route::schema_of_model);
        return about(name, request, &catalog_route::item);
    }

private:
    using object = boost::json::object;

    static constexpr std::string_view submit_path = "/v1/videos/generations";
    static constexpr std::string_view operation_name = "video_generation";
    static constexpr std::string_view schema_version = "2026-07-30";

    /// Answers by `tell` for the model of that name, which is percent-encoded.
    reply about(std::optional<std::string_view> encoded, request_view const& request,
                object (catalog_route::*tell)(model_info const&, request_view const&) const)
    {
        if (!encoded || encoded->empty())
            return state_.invalid("model", "`model` is required");
        auto const operation = request.parameter("operation");
        if (operation && *operation != operation_name)
            return state_.invalid("operation", "`operation` must be one of: " + std::string(operation_name));
        auto const name = percent_decoded(*encoded);
        model_info const* const model = name ? find_model(*name) : nullptr;
        if (model == nullptr) {
            error_description what(404, "model not found: " + name.value_or(std::string(*encoded)));
            what.param = "model";
            return state_.error(what);
        }
        return reply(200, boost::json::serialize((this->*tell)(*model, request)));
    }

    reply list(request_view const& request)
    {
        auto const category = request.parameter("category");
        boost::json::array all;
        if (!category || *category == "video")
            for (model_info const& model : models())
                all.push_back(item(model, request));
        return reply(200, boost::json::serialize(
                              object{{"object", "list"}, {"data", std::move(all)}, {"success", true}}));
    }

    object item(model_info const& model, request_view const& request) const
    {
        object out{{"id", model.id},
                   {"object", "model"},
                   {"created", 1'763'088'289},
                   {"owned_by", "apimart"},
                   {"supported_endpoint_types", boost::json::array{"video-generation"}}};
        auto const wanted = percent_decoded(request.parameter("expand").value_or("")).value_or("");
        if (wanted.find("category") != std::string::npos) {
            out["category"] = "video";
            auto& tags = out["capability_tags"].emplace_array();
            for (kind_info const& kind : model.kinds)
                tags.push_back(boost::json::string_view(kind.name));
        }
        if (wanted.find("parameters") != std::string::npos)
            out["parameters"] = object{{"operation", operation_name}, {"method", "POST"},
                                       {"endpoint", submit_path},     {"schema_version", schema_version},
                                       {"source", "model_schema"},    {"input_schema", input_schema(model)}};
        return out;
    }

    object schema_of_model(model_info const& model, request_view const&) const
    {
        return {
            {"object", "model.input_schema"},
            {"model", model.id},
            {"operation", operation_name},
            {"endpoint", object{{"method", "POST"}, {"path", submit_path}}},
            {"idempotency", object{{"header", "Idempotency-Key"},
                                   {"replay_header", "Idempotency-Replayed"},
                                   {"required", false},
                                   {"retention_seconds", 86'400},
                                   {"scope", "api_key_endpoint"}}},
            {"input_schema", input_schema(model)},
            {"response_contract", object{{"header", response_version_header}, {"version", response_version}}},
            {"schema_version", schema_version}};
    }

    /// The library's own, but that the service takes fields that it does not know.
    static object input_schema(model_info const& model)
    {
        object schema = schema_of(model);
        object& definitions = schema["$defs"].as_object();
        for (kind_info const& kind : model.kinds)
            definitions[boost::json::string_view(kind.name)].as_object()["additionalProperties"] = true;
        return schema;
    }

    object documentation(model_info const& model, request_view const&) const
    {
        std::string const address = state_.origin + "/v1/model-docs?model=" + std::string(model.id);
        return {{"object", "model.documentation"},
                {"model", model.id},
                {"doc_url", address},
                {"markdown_url", address},
                {"markdown", markdown(model)},
                {"fetched_at", state_.unix_now()},
                {"cache_ttl_seconds", 604'800},
                {"stale", false}};
    }

    static std::string markdown(model_info const& model)
    {
        std::string page = "# " + std::string(model.id) + "\n\n`POST " + std::string(submit_path) + "`\n";
        object const schema = schema_of(model);
        for (kind_info const& kind : model.kinds) {
            page.append("\n## ").append(kind.name).append("\n\n| field | description |\n|---|---|\n");
            object const& of_kind = schema.at("$defs").at(boost::json::string_view(kind.name)).as_object();
            for (auto const& [name, field] : of_kind.at("properties").as_object())
                page.append("| `")
                    .append(name)
                    .append("` | ")
                    .append(field.at("description").as_string())
                    .append(" |\n");
        }
        return page;
    }

    service_state& state_;
};

} // namespace apimart::testing::emulation

#endif
