// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_REQUEST_HPP
#define APIMART_OPERATIONS_REQUEST_HPP

#include <apimart/api_request.hpp>
#include <apimart/api_response.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/policy/retry.hpp>
#include <apimart/protocol/error_response.hpp>

#include <boost/beast/http/verb.hpp>
#include <boost/url/rfc/pchars.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// What stands in a request line and could end it, or lead elsewhere, is not sent.
inline std::optional<error_info> check_target(std::string_view path)
{
    bool const is_path =
        path.starts_with('/') && !path.starts_with("//") && std::all_of(path.begin(), path.end(), [](char c) {
            return boost::urls::pchars(static_cast<unsigned char>(c)) || c == '/' || c == '?' || c == '%';
        });
    if (is_path)
        return std::nullopt;
    return error_info(errc::invalid_request,
                      "a path begins with / and is percent-encoded, not \"" + printable(path, 128) + '"');
}

// What asks for a body that is not sent, changes the connection or is not spoken by the service, is not sent either.
inline std::optional<error_info> check_method(boost::beast::http::verb method)
{
    using boost::beast::http::verb;
    switch (method) {
    case verb::get:
    case verb::post:
    case verb::put:
    case verb::patch:
    case verb::delete_:
        return std::nullopt;
    default:
        return error_info(errc::invalid_request, "a method is GET, POST, PUT, PATCH or DELETE, not \"" +
                                                     std::string(to_string(method)) + '"');
    }
}

// One request of any kind to the service, and its complete answer or why there is none. Where no connection could be made it
// goes to the next address of the service.
inline awaitable<void> ask_service(client_state& client, operation& op, exchange& x,
                                   api_request const& wanted)
{
    endpoint_cursor at = client.first_endpoint();
    do {
        api_endpoint const& endpoint = client.endpoint(at);
        http_request request(endpoint.origin, lane::poll);
        request.head.append(std::string_view(to_string(wanted.method())))
            .append(" ")
            .append(endpoint.base)
            .append(wanted.path());
        request.head.append(endpoint.tail);
        if (wanted.method() != boost::beast::http::verb::get) {
            request.head.append("Content-Type: application/json\r\nContent-Length: ")
                .append(std::to_string(wanted.body().size()))
                .append("\r\n");
            request.body = wanted.body();
        }
        request.head += "\r\n";
        request.response_limit = client.runtime.limits.body_limit;
        request.counted = &client.runtime.counters.status_requests_sent;
        op.active = &x;
        co_await x.send(std::move(request));
        op.active = nullptr;
        client.emit_attempt(op.kind, op.number, op.tag, op.attempts, {}, {}, endpoint.origin.host, x);
    } while (!op.stop_reason && client.failover(at, x.result));
}

inline result<http_response> read_answer(client_state const& client, http_result& outcome, bool is_repeatable)
{
    authorization const& credentials = client.credentials;
    if (outcome.phase == request_phase::answered && is_success(outcome.response.status))
        return std::move(outcome.response);
    if (outcome.phase == request_phase::answered)
        return credentials.redacted(read_error_response(outcome.response.status, outcome.response,
                                                        error_document(outcome.response),
                                                        client.runtime.wall_clock()));
    error_info why = error_info(outcome.error, outcome.detail)
                         .underlying(outcome.underlying)
                         .http_status(outcome.http_status);
    // What it may have changed is not asked for a second time by anybody who does not know.
    if (!is_repeatable && outcome.phase == request_phase::committed)
        why.underlying(why.code()).code(make_error_code(errc::outcome_unknown));
    return credentials.redacted(std::move(why));
}

// A GET is repeated as other reads are, and nothing else is.
inline awaitable<result<http_response>> call_service(client_state& client, operation& op,
                                                     api_request const& wanted, status_options options)
{
    if (std::optional<error_info> bad = check_method(wanted.method()))
        co_return *bad;
    if (std::optional<error_info> bad = check_target(wanted.path()))
        co_return *bad;
    client.set_limit(op, options.timeout, client.runtime.now());
    bool const is_repeatable = wanted.method() == boost::beast::http::verb::get;
    read_retry again(client.config.retry, client.budget, client.seed(),
                     op.limit ? std::optional(op.limit->when()) : std::nullopt);
    exchange x(client.runtime, client.pool, client.connector);
    for (;;) {
        ++op.attempts;
        co_await ask_service(client, op, x, wanted);
        result<http_response> answer = read_answer(client, x.result, is_repeatable);
        if (answer) {
            client.budget.succeeded();
            co_return answer;
        }
        if (op.stop_reason && (is_repeatable || x.result.phase < request_phase::committed))
            co_return error_info(op.stop_reason);
        if (!is_repeatable)
            co_return answer;
        std::optional<error_info> const ended =
            co_await client.wait_to_retry(op, again, answer.error(), op.attempts - 1);
        if (ended)
            co_return *ended;
    }
}

// What a call of `client::request` is.
inline awaitable<result<api_response>> send_request(client_state& client, operation& op,
                                                    api_request const& wanted, status_options options)
{
    result<http_response> answer = co_await call_service(client, op, wanted, options);
    if (!answer)
        co_return answer.error();
    std::string body = client.credentials.redacted(std::move(answer->body));
    co_return api_response(answer->status, std::move(answer->content_type), std::move(body));
}

// What a call of `client::balance`, `client::usage` and the like is: a GET whose answer `read` judges.
template <class T>
awaitable<result<T>> get_value(client_state& client, operation& op, api_request const& wanted,
                               status_options options,
                               result<T> (*read)(http_response const&, std::chrono::sys_seconds))
{
    result<http_response> answer = co_await call_service(client, op, wanted, options);
    if (!answer)
        co_return answer.error();
    answer->body = client.credentials.redacted(std::move(answer->body));
    result<T> value = read(*answer, client.runtime.wall_clock());
    if (!value)
        co_return client.credentials.redacted(value.error());
    co_return value;
}

} // namespace apimart::detail

#endif
