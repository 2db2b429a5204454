// Whatever stands in an answer of the service, what is made of it never claims an id that is none, never proves that
// nothing was bought where a task is named, and can always be shown.
//
// The first line is the status and the value of Retry-After, the rest the body.

#include "target.hpp"

#include <apimart/protocol/balance_response.hpp>
#include <apimart/protocol/catalog_response.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/protocol/usage_response.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace apimart;
using namespace apimart::detail;
using fuzz::require;

constexpr std::string_view asked_for = "task_1";
constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'700'000'000)};

void require_showable(error_info const& why)
{
    require(bool(why.code()), "a failure has a code");
    std::string const told = why.describe();
    require(scan_utf8(told).valid(), "a failure is told in UTF-8");
    require(std::none_of(told.begin(), told.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }),
            "a failure steers no terminal");
    require(scan_utf8(told).code_points < 4000, "a failure is told in few words");
    require(why.client_message().size() < 8192 && why.server_message().text().size() < 8192 &&
                why.request_id().size() < 1024,
            "what a failure keeps has a bound");
    if (why.retry_after())
        require(why.retry_after()->count() >= 0 && why.retry_after()->count() <= max_retry_after,
                "a pause can be counted");
}

// Whether a tree, read by another reader, has a task's id where the documentation puts it.
bool names_a_task(std::string_view body)
{
    if (body.starts_with("\xEF\xBB\xBF"))
        body.remove_prefix(3);
    boost::system::error_code bad;
    boost::json::value const tree = boost::json::parse(body, bad);
    if (bad || !tree.is_object())
        return false;
    auto const has_id = [](boost::json::value const& place, char const* name) {
        auto const* const found = place.is_object() ? place.get_object().if_contains(name) : nullptr;
        return found != nullptr && found->is_string() && is_task_id(std::string_view(found->get_string()));
    };
    if (has_id(tree, "task_id"))
        return true;
    boost::json::value const* const data = tree.get_object().if_contains("data");
    if (data == nullptr)
        return false;
    if (data->is_array())
        return std::any_of(data->get_array().begin(), data->get_array().end(),
                           [&](auto const& one) { return has_id(one, "task_id") || has_id(one, "id"); });
    return has_id(*data, "task_id") || has_id(*data, "id");
}

void judge_submit(http_response const& reply)
{
    submit_response const submit = read_submit_response(reply, now);
    bool const named = names_a_task(reply.body);
    switch (submit.classification) {
    case submit_classification::accepted:
        require(is_success(reply.status), "only a success accepts");
        require(is_task_id(submit.task_id), "an accepted task has an id");
        require(reply.body.find(submit.task_id) != std::string::npos ||
                    reply.body.find('\\') != std::string::npos,
                "the id stands in the answer");
        require(!submit.why.code(), "an accepted task has no failure");
        return;
    case submit_classification::refused:
    case submit_classification::rate_limited:
        require(!named, "what names a task does not prove that none was made");
        require(reply.status < 500 && reply.status != 303 && reply.status != 408 && reply.status >= 200,
                "such a status proves nothing");
        break;
    case submit_classification::not_executed:
        require(!named, "what names a task was executed");
        break;
    case submit_classification::still_running:
    case submit_classification::indeterminate:
        break;
    }
    require(submit.task_id.empty(), "no id without a task");
    require_showable(submit.why);
    // With a documented inner code, 200 is as good as that.
    if (reply.status >= 500 && submit.classification != submit_classification::not_executed)
        require(submit.classification == submit_classification::indeterminate,
                "a failed service proves nothing");
    if (submit.classification == submit_classification::indeterminate) {
        require(submit.why.code() == errc::outcome_unknown, "doubt has its name");
        require(!(submit.why.code() == condition::retryable), "doubt is not retried");
    }
}

void judge_task(http_response const& reply)
{
    auto const task = read_task_response(reply, asked_for, now);
    if (!task) {
        require_showable(task.error());
        require(task.error().task_id() == asked_for, "the id is kept");
        return;
    }
    require(is_success(reply.status), "only a success tells a state");
    require(task->id() == asked_for, "the state is the task's that was asked for");
    require(task->progress().value_or(0) >= 0 && task->progress().value_or(0) <= 100, "progress is percent");
    for (auto const cost : {task->cost(), task->credits_cost()})
        require(cost.value_or(0) >= 0 && cost.value_or(0) < 1e300, "costs are finite");
    for (auto const seconds : {task->estimated_time(), task->actual_time()})
        require(!seconds || seconds->count() >= 0, "times do not run back");
    require((task->status() == task_status::succeeded) == !task->videos().empty(), "a success has a result");
    for (video_file const& each : task->videos())
        require(!each.url().empty() && each.task_id() == asked_for, "a video has a link");
    require(scan_utf8(task->raw_status()).valid() && task->raw_status().size() < 1024,
            "the service's word can be shown");
}

void require_label(std::string_view text)
{
    require(scan_utf8(text).valid() && text.size() < 4096, "a label is short");
    require(std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }),
            "a label steers no terminal");
}

// What is not about a task: only an answer that was asked for as a success comes here.
void judge_account(http_response const& reply)
{
    if (auto const held = read_balance_response(reply, now); !held)
        require_showable(held.error());
    auto const used = read_usage_response(reply, now);
    if (!used)
        require_showable(used.error());
    else
        for (usage_entry const& each : used->items()) {
            require_label(each.model());
            require_label(each.date());
        }
    auto const offered = read_models_response(reply, now);
    if (!offered)
        require_showable(offered.error());
    else
        for (listed_model const& each : *offered) {
            require(!each.id().empty(), "a model has an id");
            for (std::string const& label : {each.id(), each.owned_by(), each.category()})
                require_label(label);
        }
    auto const schema = read_schema_response(reply, now);
    if (!schema)
        require_showable(schema.error());
    else
        require(schema->input_schema().starts_with('{'), "a schema is an object");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), size});
    std::string_view const line = in.line();
    http_response reply;
    // As the parser gives them: from 100 to 999, and only final ones.
    reply.status = 0;
    for (char const digit : line.substr(0, 3))
        reply.status = reply.status * 10 + (digit >= '0' && digit <= '9' ? digit - '0' : 0);
    reply.status = std::max(reply.status, 200);
    reply.retry_after = line.substr(std::min<std::size_t>(line.size(), 4));
    reply.body = in.rest();
    judge_submit(reply);
    judge_task(reply);
    if (is_success(reply.status))
        judge_account(reply);
    return 0;
}
