// SPDX-License-Identifier: BSL-1.0
// The service behind the sockets: a request goes in, a reply comes out.
#ifndef APIMART_TESTING_SERVICE_SERVICE_HPP
#define APIMART_TESTING_SERVICE_SERVICE_HPP

#include <apimart/testing/emulator_options.hpp>
#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/network/response_version.hpp>
#include <apimart/testing/routes/account.hpp>
#include <apimart/testing/routes/catalog.hpp>
#include <apimart/testing/routes/submit.hpp>
#include <apimart/testing/routes/task_query.hpp>
#include <apimart/testing/routes/upload.hpp>
#include <apimart/testing/routes/usage.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/filled_text.hpp>
#include <apimart/testing/service/callback_order.hpp>
#include <apimart/testing/service/request_record.hpp>
#include <apimart/testing/service/service_state.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// All state of one emulated service. Every member function may be called from any thread.
class service
{
public:
    /// `origin` is what links to files start with.
    service(emulator_options const& options, std::string origin)
        : state_(options, std::move(origin)), faults_(options.scenario.all_faults(), state_.seed)
    {}

    /// The largest request body.
    static constexpr std::uint64_t largest_body = 64U << 20U;

    emulator_options const& options() const noexcept { return state_.options; }
    service_clock& clock() noexcept { return state_.clock; }
    std::int64_t unix_now() const { return state_.unix_now(); }

    using request_number = emulation::request_number;

    /// A request whose header arrived: its place in the books, and the fault that strikes it.
    class arrival
    {
    public:
        request_number number;
        std::optional<fault> scripted;
    };

    /// A request's header arrived: counts it and says which fault strikes it.
    arrival arrived(operation what, std::uint64_t connection, bool first_on_connection)
    {
        arrival out;
        if (what == operation::books)
            return out;
        std::lock_guard const lock(state_.mutex);
        state_.books.request_arrived(first_on_connection);
        state_.books.submits_received += what == operation::submit ? 1 : 0;
        state_.books.polls += what == operation::poll ? 1 : 0;
        state_.books.batch_queries += what == operation::batch ? 1 : 0;
        out.number = state_.books.requests.size();
        auto& entry = state_.books.requests.emplace_back(connection, what, state_.clock.now());
        if (auto stroke = faults_.strike(what)) {
            entry.fault = static_cast<std::uint32_t>(stroke->index);
            out.scripted = std::move(*stroke);
        }
        return out;
    }

    /// A request was read completely.
    void read(request_number number, request_view const& request)
    {
        if (!number)
            return;
        std::unique_ptr<request_entry::submit_part> details;
        if (operation_of(request.verb, request.path) == operation::submit) {
            details = std::make_unique<request_entry::submit_part>();
            details->body = sha256(request.body);
            if (auto const key = request.header("Idempotency-Key"))
                details->idempotency_key.emplace(*key);
        }
        std::lock_guard const lock(state_.mutex);
        auto& entry = state_.books.requests[*number];
        entry.reached = request_phase::read;
        entry.submit = std::move(details);
    }

    /// A request got this far.
    void reached(request_number number, request_phase phase)
    {
        if (!number)
            return;
        std::lock_guard const lock(state_.mutex);
        state_.books.requests[*number].reached = phase;
    }

    /// What is answered to a request.
    void answered(request_number number, unsigned status)
    {
        if (!number)
            return;
        std::lock_guard const lock(state_.mutex);
        state_.books.requests[*number].status = static_cast<std::uint16_t>(status);
    }

    /// A connection was accepted: its number, from 1, and the fault that strikes it.
    std::pair<std::uint64_t, std::optional<fault>> connected()
    {
        std::lock_guard const lock(state_.mutex);
        auto stroke = faults_.strike(operation::connection);
        return {++accepted_connections_, stroke ? std::optional<fault>(std::move(*stroke)) : std::nullopt};
    }

    /// Adds a fault to the script.
    void plan(fault what)
    {
        std::lock_guard const lock(state_.mutex);
        faults_.plan(std::move(what));
    }

    /// The titles of the planned faults that did not strike.
    std::vector<std::string> unconsumed_faults() const
    {
        std::lock_guard const lock(state_.mutex);
        return faults_.unconsumed();
    }

    /// Every request so far.
    std::vector<request_record> requests() const
    {
        std::lock_guard const lock(state_.mutex);
        std::vector<request_record> out;
        out.reserve(state_.books.requests.size());
        for (auto const& each : state_.books.requests) {
            auto& record = out.emplace_back();
            record.connection = each.connection;
            record.what = each.what;
            record.reached = each.reached;
            record.status = each.status;
            record.time = each.time;
            if (each.fault != request_entry::no_fault)
                record.fault = faults_.title(each.fault);
            if (!each.submit)
                continue;
            record.idempotency_key = each.submit->idempotency_key;
            record.body_sha256 = hex(each.submit->body);
            record.replay = each.submit->replay;
            if (each.submit->task)
                record.task_id = state_.books.accepted[*each.submit->task].task_id;
        }
        return out;
    }

    void connection_ended()
    {
        std::lock_guard const lock(state_.mutex);
        state_.books.connection_ended();
    }

    void handshake_failed()
    {
        std::lock_guard const lock(state_.mutex);
        ++state_.books.handshakes_failed;
    }

    /// The books as JSON.
    boost::json::object books() const
    {
        std::lock_guard const lock(state_.mutex);
        auto out = state_.books.snapshot();
        out["faults_planned"] = faults_.planned();
        out["faults_consumed"] = faults_.consumed();
        auto& left = out["faults_unconsumed"].emplace_array();
        for (auto const& title : faults_.unconsumed())
            left.emplace_back(title);
        return out;
    }

    /// Carries a request out; `number` is its place in the books.
    reply answer(operation what, request_view const& request, bool from_this_machine,
                 request_number number = std::nullopt)
    {
        reply out = carried_out(what, request, from_this_machine, number);
        reached(number, request_phase::processed);
        answered(number, out.status);
        return out;
    }

    /// The answer to a body above the limit.
    reply too_large(operation what, request_number number)
    {
        if (what == operation::submit) {
            std::lock_guard const lock(state_.mutex);
            ++state_.books.rejected;
        }
        reply out = state_.error(error_description(413, "request body exceeds maximum " +
                                                            std::to_string(largest_body) + " bytes"));
        out.close = true;
        answered(number, out.status);
        return out;
    }

    /// The answer to bytes that are no HTTP request.
    reply not_http(unsigned status)
    {
        reply out = state_.error(error_description(status, "malformed request"));
        out.close = true;
        return out;
    }

    /// Notes what a fault answered to a submit, for a repetition of it.
    void remember_fault_reply(request_view const& request, request_number number, reply const& answer)
    {
        if (operation_of(request.verb, request.path) != operation::submit ||
            state_.form().idempotency_stores != scenario::idempotency_store::everything)
            return;
        auto const keyed = keyed_by(state_.form(), request, sha256(request.body));
        if (!keyed || !idempotency_keys::well_formed(keyed->key))
            return;
        std::lock_guard const lock(state_.mutex);
        auto const* submit = number ? state_.books.requests[*number].submit.get() : nullptr;
        bool const first_use = submit != nullptr && submit->task && !submit->replay;
        if (first_use || !state_.keys.knows(*keyed, state_.clock.now()))
            state_.keys.remember(*keyed, answer, state_.clock.now());
    }

    /// Notes whether a submit is held after its acceptance.
    void set_running(request_view const& request, bool running)
    {
        auto const keyed = keyed_by(state_.form(), request, sha256(request.body));
        std::lock_guard const lock(state_.mutex);
        if (keyed)
            state_.keys.set_running(*keyed, running, state_.clock.now());
    }

    /// Who is told of tasks whose end is to be told to a receiver. Set before the first request.
    void on_callback_ordered(std::function<void(callback_order)> order)
    {
        state_.callback = std::move(order);
    }

    /// The body of a callback: the task without a wrapper.
    std::string callback_body(std::string_view id)
    {
        std::lock_guard const lock(state_.mutex);
        auto& task = state_.tasks.at(id);
        // A query that is still to come is the first one to be told the end.
        bool const told = task.end_told;
        std::string body;
        state_.writer.write(body, id, task, task_writer::within::single);
        task.end_told = told;
        return body;
    }

    void callback_attempted()
    {
        std::lock_guard const lock(state_.mutex);
        ++state_.books.callbacks_attempted;
    }
    void callback_ended(bool delivered)
    {
        std::lock_guard const lock(state_.mutex);
        ++(delivered ? state_.books.callbacks_delivered : state_.books.callbacks_given_up);
    }

    /// The answer that a fault gives.
    reply fault_reply(fault const& scripted, request_view const* request = nullptr)
    {
        error_description what(scripted.status, !scripted.message.empty() ? std::string_view(scripted.message)
                                                : scripted.status == 429
                                                    ? "Rate limit exceeded. Please try again later"
                                                    : "scripted fault");
        if (!scripted.type.empty())
            what.type = scripted.type;
        what.code = scripted.code;
        reply out(scripted.status, "");
        switch (scripted.body) {
        case fault_body::json:
            out = state_.error(what);
            break;
        case fault_body::html:
            out.body = gateway_page(scripted.status);
            out.content_type = "text/html";
            break;
        case fault_body::cdn:
            out.body = cdn_page(scripted.status);
            out.content_type = "text/html; charset=UTF-8";
            if (scripted.status / 100 == 3 && scripted.headers.empty())
                out.add_header("Location", "https://www.example.com/");
            break;
        case fault_body::empty:
            break;
        case fault_body::garbage:
            out.body = "{\"code\":200,\"data\":[{\"task_";
            break;
        case fault_body::given:
            out.body = filled(
                scripted.content,
                {{"{task_id}", request == nullptr ? std::string_view()
                                                  : request->path.substr(request->path.rfind('/') + 1)}});
            out.content_type = scripted.content_type;
            break;
        case fault_body::json_in_200:
            out.status = 200;
            out.body = R"({"code":)" + std::to_string(scripted.status) + R"(,"message":)" +
                       json_quoted(what.message) + '}';
            break;
        }
        if (!scripted.retry_after.empty())
            out.add_header("Retry-After", scripted.retry_after);
        for (auto const& [name, value] : scripted.headers)
            out.add_header(name, value);
        return out;
    }

private:
    reply carried_out(operation what, request_view const& request, bool from_this_machine,
                      request_number number)
    {
        if (what == operation::books)
            return !from_this_machine                       ? state_.not_found(request)
                   : request.path == "/__emulator/requests" ? reply(200, requests_text())
                                                            : reply(200, boost::json::serialize(books()));
        if (what == operation::download)
            return download(request);
        bool const protected_path = what != operation::unknown || request.path.starts_with("/v1/");
        if (protected_path && !authorized(request)) {
            std::lock_guard const lock(state_.mutex);
            ++state_.books.unauthorized;
            return state_.error(
                error_description(401, request.bearer().empty() ? "API key is required" : "invalid API key"));
        }
        reply out = credited(what, request, number);
        if (protected_path && asks_for_new_contract(request))
            out.add_header(response_version_header, response_version);
        return out;
    }

    reply credited(operation what, request_view const& request, request_number number)
    {
        if (auto refusal = refusal_for_want_of_credit(state_)) {
            std::lock_guard const lock(state_.mutex);
            state_.books.rejected += what == operation::submit ? 1 : 0;
            return std::move(*refusal);
        }
        switch (what) {
        case operation::submit:
            return submit_route(state_).answer(request, number);
        case operation::poll:
            return answer_poll(state_, request);
        case operation::batch:
            return answer_batch(state_, request);
        case operation::balance:
            return answer_balance(state_);
        case operation::usage:
            return usage_route(state_).answer(request);
        case operation::models:
            return catalog_route(state_).answer(request);
        case operation::upload:
            return answer_upload(state_, request);
        default:
            return state_.not_found(request);
        }
    }

    std::string requests_text() const
    {
        static constexpr char const* phases[] = {"header", "read", "processed", "reply_begun", "reply_sent"};
        boost::json::array list;
        for (auto const& each : requests()) {
            boost::json::object entry;
            entry["connection"] = each.connection;
            entry["operation"] = boost::json::string(operation_words[static_cast<std::size_t>(each.what)]);
            entry["reached"] = phases[static_cast<std::size_t>(each.reached)];
            entry["status"] = each.status;
            entry["time"] = static_cast<double>(each.time.count()) / 1e9;
            entry["fault"] = each.fault;
            if (each.what == operation::submit) {
                if (each.idempotency_key)
                    entry["idempotency_key"] = *each.idempotency_key;
                else
                    entry["idempotency_key"] = nullptr;
                entry["body_sha256"] = each.body_sha256;
                entry["task_id"] = each.task_id;
                entry["replay"] = each.replay;
            }
            list.push_back(std::move(entry));
        }
        return boost::json::serialize(list);
    }

    bool authorized(request_view const& request) const
    {
        auto const key = request.bearer();
        return state_.options.api_key.empty() ? !key.empty() : key == state_.options.api_key;
    }

    reply download(request_view const& request)
    {
        bool const is_upload = request.path.starts_with(uploads_folder);
        // Files are made on the way, without keeping others waiting.
        auto result = is_upload ? std::optional<reply>() : state_.files.serve(request, unix_now());
        std::lock_guard const lock(state_.mutex);
        state_.books.authorization_leaks += request.header("Authorization") ? 1U : 0U;
        if (is_upload)
            return state_.uploads.serve(request, unix_now());
        state_.books.downloads += result->status < 300 && !result->length_only ? 1U : 0U;
        return std::move(*result);
    }

    service_state state_;
    fault_script faults_;
    std::uint64_t accepted_connections_ = 0;
};

} // namespace apimart::testing::emulation

#endif
