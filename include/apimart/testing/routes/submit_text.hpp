// SPDX-License-Identifier: BSL-1.0
// What is said to an accepted submit, in every form that was met.
#ifndef APIMART_TESTING_ROUTES_SUBMIT_TEXT_HPP
#define APIMART_TESTING_ROUTES_SUBMIT_TEXT_HPP

#include <apimart/testing/faults/scenario.hpp>

#include <string_view>

namespace apimart::testing::emulation {

/// The reply with places for `{id}`, `{created}`, `{origin}` and `{request}`.
constexpr std::string_view submit_text(scenario::submit_reply_form form) noexcept
{
    using enum scenario::submit_reply_form;
    switch (form) {
    case array:
    case long_id:
    case error_in_200: // which is answered before it comes to a task
        return R"({"code":200,"data":[{"status":"submitted","task_id":"{id}"}]})";
    case numeric_id:
        return R"({"code":200,"data":[{"status":"submitted","task_id":{id}}]})";
    case object:
        return R"({"code":200,"data":{"id":"{id}","status":"submitted","progress":0,"created":{created},"type":"video"}})";
    case queued_202:
        return R"({"code":202,"data":{"object":"generation.task","id":"{id}","status":"queued","poll_url":"{origin}/v1/tasks/{id}"},"request_id":"{request}"})";
    case empty_array:
        return R"({"code":200,"data":[]})";
    case task_id_in_object:
        return R"({"code":200,"data":{"status":"submitted","task_id":"{id}"}})";
    case id_in_array:
        return R"({"code":200,"data":[{"id":"{id}","status":"submitted"}]})";
    case own_task_id:
        return R"({"code":200,"task_id":"{id}","status":"submitted"})";
    case own_id:
        return R"({"id":"{id}","status":"submitted"})";
    case id_as_data:
        return R"({"code":"success","data":"{id}"})";
    }
    return {};
}

} // namespace apimart::testing::emulation

#endif
