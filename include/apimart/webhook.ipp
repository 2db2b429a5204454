// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_WEBHOOK_IPP
#define APIMART_WEBHOOK_IPP

#include <apimart/protocol/json_fields.hpp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/protocol/webhook_address.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/webhook.hpp>

namespace apimart {

APIMART_INLINE result<std::string> callback_url(std::string_view webhook)
{
    if (std::string const rule = detail::broken_webhook_rule(webhook); !rule.empty()) {
        validation_result found;
        found.add_error("/webhook", "must " + rule, detail::excerpt(webhook, true));
        return error_info(errc::invalid_request).validation(std::move(found));
    }
    if (webhook.ends_with('/'))
        webhook.remove_suffix(1);
    return std::string(webhook) + "/callback";
}

APIMART_INLINE result<task_callback> task_callback::parse(std::string_view body)
{
    using fields = detail::task_fields;
    auto const bad = [](std::string words) { return error_info(errc::bad_callback, std::move(words)); };
    if (body.size() > max_body)
        return bad("the body must have at most " + std::to_string(max_body) + " bytes (got " +
                   std::to_string(body.size()) + ")");
    detail::json_answer<fields> const answer(body);
    if (!answer.problem().empty())
        return bad("the body is " + answer.problem());
    fields const& told = answer.fields();
    detail::json_field const& id = told[fields::id];
    std::string_view const text = id.text.empty() ? id.digits : id.text;
    if (std::string problem = told.problem(text); !problem.empty())
        return bad("the body tells no state of a task: " + problem);
    if (!detail::is_task_id(text))
        return bad("field id: must be a task id (got " + detail::excerpt(text) + ")");
    task_callback out;
    out.task_id_ = text;
    out.status_ = detail::classify_status(told[fields::status].text);
    out.raw_status_ = detail::printable(told[fields::status].text, 64);
    return out;
}

APIMART_INLINE std::string_view to_string(callback_effect effect) noexcept
{
    switch (effect) {
    case callback_effect::not_awaited:
        return "not awaited";
    case callback_effect::confirming:
        return "confirming";
    case callback_effect::deferred:
        return "deferred";
    case callback_effect::repeated:
        return "repeated";
    }
    return "not awaited";
}

} // namespace apimart

#endif
