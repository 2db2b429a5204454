// SPDX-License-Identifier: BSL-1.0
// GET /v1/tasks/{task_id} and POST /v1/tasks/batch.
#ifndef APIMART_TESTING_ROUTES_TASK_QUERY_HPP
#define APIMART_TESTING_ROUTES_TASK_QUERY_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/service/service_state.hpp>
#include <apimart/testing/service/task_record.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// One task.
inline reply answer_poll(service_state& state, request_view const& request)
{
    auto const id = percent_decoded(request.path.substr(std::string_view("/v1/tasks/").size()));
    std::lock_guard const lock(state.mutex);
    auto const found = id ? state.tasks.find(*id) : state.tasks.end();
    if (found == state.tasks.end()) {
        switch (state.form().unknown_id) {
        case scenario::unknown_id_form::error_404:
            return state.error(error_description(404, "task not found"));
        case scenario::unknown_id_form::error_in_200:
            return reply(200, R"({"code":400,"message":"Invalid task ID"})");
        default:
            return state.error(error_description(400, "Invalid task ID"));
        }
    }
    std::string body = R"({"code":200,"data":)";
    body.reserve(640);
    state.writer.write(body, found->first, found->second, task_writer::within::single);
    body += '}';
    return reply(200, std::move(body));
}

/// Many tasks.
inline reply answer_batch(service_state& state, request_view const& request)
{
    if (state.form().batch == scenario::batch_form::off)
        return state.not_found(request);
    boost::system::error_code malformed;
    auto const parsed =
        boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), malformed);
    auto const* object = malformed ? nullptr : parsed.if_object();
    auto const* ids = object == nullptr ? nullptr : object->if_contains("task_ids");
    if (ids == nullptr || !ids->is_array())
        return state.invalid("task_ids", "`task_ids` must be an array");
    // Ids that are not known are left out; nobody has documented what the service does with them.
    std::lock_guard const lock(state.mutex);
    std::string body = R"({"code":200,"data":[)";
    bool first = true;
    for (auto const& each : ids->get_array()) {
        auto const* text = each.if_string();
        auto const found = text == nullptr ? state.tasks.end()
                                           : state.tasks.find(std::string_view(text->data(), text->size()));
        if (found == state.tasks.end())
            continue;
        body += first ? "" : ",";
        first = false;
        state.writer.write(body, found->first, found->second, task_writer::within::batch);
    }
    body += "]}";
    return reply(200, std::move(body));
}

} // namespace apimart::testing::emulation

#endif
