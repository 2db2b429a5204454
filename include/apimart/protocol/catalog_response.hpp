// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_CATALOG_RESPONSE_HPP
#define APIMART_PROTOCOL_CATALOG_RESPONSE_HPP

#include <apimart/listed_model.hpp>
#include <apimart/model_schema.hpp>
#include <apimart/protocol/json_document.hpp>
#include <apimart/protocol/task_response.hpp>

#include <boost/json/serialize.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// In a list the method stands beside the endpoint, elsewhere in it.
inline model_schema read_model_schema(boost::json::value const& json, std::string_view model)
{
    auto const text = [&](std::string_view name) { return label_of(member_of(&json, name)); };
    boost::json::value const* const endpoint = member_of(&json, "endpoint");
    bool const is_nested = endpoint != nullptr && endpoint->is_object();
    model_schema schema;
    schema.model(std::string(model)).operation(text("operation")).version(text("schema_version"));
    schema.endpoint(is_nested ? label_of(member_of(endpoint, "method")) : text("method"),
                    is_nested ? label_of(member_of(endpoint, "path")) : label_of(endpoint));
    if (boost::json::value const* const input = member_of(&json, "input_schema"))
        schema.input_schema(boost::json::serialize(*input));
    boost::json::value const* const keys = member_of(&json, "idempotency");
    if (auto const retention = field_of(member_of(keys, "retention_seconds")).lenient_integer())
        schema.idempotency_retention(std::chrono::seconds(*retention));
    return schema;
}

// Judges a complete answer to a question for one model's schema. Source: API reference, section 7.3.
inline result<model_schema> read_schema_response(http_response const& response, std::chrono::sys_seconds now)
{
    result<boost::json::value> const document = read_json_document(response, now);
    if (!document)
        return document.error();
    boost::json::value const* const input = member_of(&*document, "input_schema");
    if (input == nullptr || !input->is_object())
        return explain_unreadable("field input_schema: not an object", response, now);
    return read_model_schema(*document, label_of(member_of(&*document, "model")));
}

inline listed_model read_listed_model(boost::json::value const& json, std::string id)
{
    listed_model model(std::move(id));
    auto const created = field_of(member_of(&json, "created")).lenient_integer();
    if (auto const seconds = plausible_seconds(created, year_9999))
        model.created_at(std::chrono::sys_seconds(*seconds));
    model.owned_by(label_of(member_of(&json, "owned_by")))
        .endpoint_types(labels_of(member_of(&json, "supported_endpoint_types")))
        .category(label_of(member_of(&json, "category")))
        .capability_tags(labels_of(member_of(&json, "capability_tags")));
    boost::json::value const* const parameters = member_of(&json, "parameters");
    if (parameters != nullptr && parameters->is_object())
        model.parameters(read_model_schema(*parameters, model.id()));
    return model;
}

// Judges a complete answer with the list of models. Source: API reference, section 7.3.
inline result<std::vector<listed_model>> read_models_response(http_response const& response,
                                                              std::chrono::sys_seconds now)
{
    result<boost::json::value> const document = read_json_document(response, now);
    if (!document)
        return document.error();
    boost::json::value const* const list = member_of(&*document, "data");
    if (list == nullptr || !list->is_array())
        return explain_unreadable("field data: not an array", response, now);
    std::vector<listed_model> models;
    models.reserve(list->get_array().size());
    for (boost::json::value const& each : list->get_array()) {
        std::string id = label_of(member_of(&each, "id"));
        if (id.empty())
            return explain_unreadable("field data[" + std::to_string(models.size()) + "].id: no text",
                                      response, now);
        models.push_back(read_listed_model(each, std::move(id)));
    }
    return models;
}

} // namespace apimart::detail

#endif
