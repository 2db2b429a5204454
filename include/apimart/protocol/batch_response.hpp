// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_BATCH_RESPONSE_HPP
#define APIMART_PROTOCOL_BATCH_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/json_document.hpp>
#include <apimart/task.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace apimart::detail {

// The body of a query for many tasks. Source: API reference, section 4.5.
inline std::string batch_query_body(std::vector<std::string_view> const& ids)
{
    boost::json::array list;
    list.reserve(ids.size());
    for (std::string_view const each : ids)
        list.emplace_back(each);
    return boost::json::serialize(boost::json::object{{"task_ids", std::move(list)}});
}

// Where the tasks stand in an answer about many; none of the forms is documented.
inline boost::json::array const* items_of(boost::json::value const& document)
{
    for (boost::json::value const* const in : {member_of(&document, "data"), &document}) {
        if (in == nullptr)
            continue;
        if (boost::json::array const* const list = in->if_array())
            return list;
        for (std::string_view const name : {"tasks", "results"}) {
            boost::json::value const* const found = member_of(in, name);
            if (boost::json::array const* const list = found == nullptr ? nullptr : found->if_array())
                return list;
        }
    }
    return nullptr;
}

// By the task's id, the body that an answer about that task alone would have.
using batch_answers = std::unordered_map<std::string, std::string>;

// Judges a complete answer about many tasks.
inline result<batch_answers> read_batch_response(http_response const& response, std::chrono::sys_seconds now)
{
    result<boost::json::value> const document = read_json_document(response, now);
    if (!document)
        return document.error();
    boost::json::array const* const items = items_of(*document);
    if (items == nullptr)
        return explain_unreadable("no list of tasks", response, now);
    batch_answers answers;
    for (boost::json::value const& each : *items) {
        for (std::string_view const name : {"id", "task_id"}) {
            boost::json::value const* const id = member_of(&each, name);
            if (boost::json::string const* const text = id == nullptr ? nullptr : id->if_string()) {
                answers.emplace(*text, boost::json::serialize(each));
                break;
            }
        }
    }
    return answers;
}

// Whether it is all that is wanted to know: in an answer about many, what a task ended with can be left out.
inline bool is_complete(task_state const& state)
{
    return !is_final(state.status()) || !state.videos().empty() || !state.error().text().empty();
}

} // namespace apimart::detail

#endif
