// SPDX-License-Identifier: BSL-1.0
// The service behind the sockets: a request goes in, a reply comes out.
#ifndef APIMART_TESTING_SERVICE_SERVICE_HPP
#define APIMART_TESTING_SERVICE_SERVICE_HPP

#include <apimart/testing/emulator_options.hpp>
#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/files/file_server.hpp>
#include <apimart/testing/files/image_upload.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/model_list.hpp>
#include <apimart/testing/rules/request_rules.hpp>
#include <apimart/testing/rules/task_durations.hpp>
#include <apimart/testing/service/books.hpp>
#include <apimart/testing/service/callback_order.hpp>
#include <apimart/testing/service/idempotency_keys.hpp>
#include <apimart/testing/service/request_record.hpp>
#include <apimart/testing/service/task_id.hpp>
#include <apimart/testing/service/task_record.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// All state of one emulated service. Every member function may be called from any thread.
class service
{
public:
    /// `origin` is what links to result files start with.
    service(emulator_options const& options, std::string origin)
        : options_(options), origin_(std::move(origin)),
          files_(options.seed, options.scenario.file_bytes, options.scenario.link),
          writer_(options_.scenario, clock_, files_, origin_, options_.speed, options_.seed),
          faults_(options.scenario.all_faults(), options.seed),
          keys_(options.scenario.idempotency, retention(options))
    {}
    // writer_ refers to its neighbours.
    service(service const&) = delete;
    service& operator=(service const&) = delete;

    /// The largest request body.
    static constexpr std::uint64_t largest_body = 64U << 20U;

    emulator_options const& options() const noexcept { return options_; }
    service_clock& clock() noexcept { return clock_; }
    std::int64_t unix_now() const { return clock_.unix_seconds(clock_.now()); }

    /// The place of a request in the books; nothing for requests that are not in them.
    using request_number = std::optional<std::size_t>;

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
        std::lock_guard const lock(mutex_);
        books_.request_arrived(first_on_connection);
        books_.submits_received += what == operation::submit ? 1 : 0;
        books_.polls += what == operation::poll ? 1 : 0;
        books_.batch_queries += what == operation::batch ? 1 : 0;
        out.number = books_.requests.size();
        auto& entry = books_.requests.emplace_back(connection, what, clock_.now());
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
        std::lock_guard const lock(mutex_);
        auto& entry = books_.requests[*number];
        entry.reached = request_phase::read;
        entry.submit = std::move(details);
    }

    /// A request got this far.
    void reached(request_number number, request_phase phase)
    {
        if (!number)
            return;
        std::lock_guard const lock(mutex_);
        books_.requests[*number].reached = phase;
    }

    /// What is answered to a request.
    void answered(request_number number, unsigned status)
    {
        if (!number)
            return;
        std::lock_guard const lock(mutex_);
        books_.requests[*number].status = static_cast<std::uint16_t>(status);
    }

    /// A connection was accepted: its number, from 1, and the fault that strikes it.
    std::pair<std::uint64_t, std::optional<fault>> connected()
    {
        std::lock_guard const lock(mutex_);
        auto stroke = faults_.strike(operation::connection);
        return {++accepted_connections_, stroke ? std::optional<fault>(std::move(*stroke)) : std::nullopt};
    }

    /// Adds a fault to the script.
    void plan(fault what)
    {
        std::lock_guard const lock(mutex_);
        faults_.plan(std::move(what));
    }

    /// The titles of the planned faults that did not strike.
    std::vector<std::string> unconsumed_faults() const
    {
        std::lock_guard const lock(mutex_);
        return faults_.unconsumed();
    }

    /// Every request so far.
    std::vector<request_record> requests() const
    {
        std::lock_guard const lock(mutex_);
        std::vector<request_record> out;
        out.reserve(books_.requests.size());
        for (auto const& each : books_.requests) {
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
                record.task_id = books_.accepted[*each.submit->task].task_id;
        }
        return out;
    }

    void connection_ended()
    {
        std::lock_guard const lock(mutex_);
        books_.connection_ended();
    }

    void handshake_failed()
    {
        std::lock_guard const lock(mutex_);
        ++books_.handshakes_failed;
    }

    /// The books as JSON.
    boost::json::object books() const
    {
        std::lock_guard const lock(mutex_);
        auto out = books_.snapshot();
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
            std::lock_guard const lock(mutex_);
            ++books_.rejected;
        }
        reply out = error(error_description(413, "request body exceeds maximum " +
                                                     std::to_string(largest_body) + " bytes"));
        out.close = true;
        answered(number, out.status);
        return out;
    }

    /// The answer to bytes that are no HTTP request.
    reply not_http(unsigned status)
    {
        reply out = error(error_description(status, "malformed request"));
        out.close = true;
        return out;
    }

    /// Notes what a fault answered to a submit, for a repetition of it.
    void remember_fault_reply(request_view const& request, request_number number, reply const& answer)
    {
        if (operation_of(request.verb, request.path) != operation::submit ||
            options_.scenario.idempotency_stores != scenario::idempotency_store::everything)
            return;
        auto const keyed = keyed_by(request, sha256(request.body));
        if (!keyed || !idempotency_keys::well_formed(keyed->key))
            return;
        std::lock_guard const lock(mutex_);
        auto const* submit = number ? books_.requests[*number].submit.get() : nullptr;
        bool const first_use = submit != nullptr && submit->task && !submit->replay;
        if (first_use || !keys_.knows(*keyed, clock_.now()))
            keys_.remember(*keyed, answer, clock_.now());
    }

    /// Notes whether a submit is held after its acceptance.
    void set_running(request_view const& request, bool running)
    {
        auto const keyed = keyed_by(request, sha256(request.body));
        std::lock_guard const lock(mutex_);
        if (keyed)
            keys_.set_running(*keyed, running, clock_.now());
    }

    /// Who is told of tasks whose end is to be told to a receiver. Set before the first request.
    void on_callback_ordered(std::function<void(callback_order)> order) { callback_ = std::move(order); }

    /// The body of a callback: the task without a wrapper.
    std::string callback_body(std::string_view id)
    {
        std::lock_guard const lock(mutex_);
        auto& task = tasks_.at(id);
        // A query that is still to come is the first one to be told the end.
        bool const told = task.end_told;
        std::string body;
        writer_.write(body, id, task, task_writer::within::single);
        task.end_told = told;
        return body;
    }

    void callback_attempted()
    {
        std::lock_guard const lock(mutex_);
        ++books_.callbacks_attempted;
    }
    void callback_ended(bool delivered)
    {
        std::lock_guard const lock(mutex_);
        ++(delivered ? books_.callbacks_delivered : books_.callbacks_given_up);
    }

    /// The answer that a fault gives.
    reply fault_reply(fault const& scripted)
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
            out = error(what);
            break;
        case fault_body::html:
            out.body = gateway_page(scripted.status);
            out.content_type = "text/html";
            break;
        case fault_body::empty:
            break;
        case fault_body::garbage:
            out.body = "{\"code\":200,\"data\":[{\"task_";
            break;
        case fault_body::given:
            out.body = scripted.content;
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
            return !from_this_machine                       ? not_found(request)
                   : request.path == "/__emulator/requests" ? reply(200, requests_text())
                                                            : reply(200, boost::json::serialize(books()));
        if (what == operation::download)
            return download(request);
        bool const protected_path = what != operation::unknown || request.path.starts_with("/v1/");
        if (protected_path && !authorized(request)) {
            std::lock_guard const lock(mutex_);
            ++books_.unauthorized;
            return error(error_description(401, "invalid API key"));
        }
        switch (what) {
        case operation::submit:
            return submit(request, number);
        case operation::poll:
            return poll(request);
        case operation::batch:
            return batch(request);
        case operation::balance:
            return balance();
        case operation::models:
            return reply(200, model_list());
        case operation::upload:
            return upload(request);
        default:
            return not_found(request);
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

    /// Not less than ten seconds at the speeds that tests use, where a day is shorter than a pause.
    static service_clock::duration retention(emulator_options const& options)
    {
        double const asked = options.scenario.idempotency_seconds;
        double const seconds = std::max(std::min(asked, 10.0), asked / options.speed);
        return std::chrono::duration_cast<service_clock::duration>(std::chrono::duration<double>(seconds));
    }

    bool authorized(request_view const& request) const
    {
        auto const key = request.bearer();
        return options_.api_key.empty() ? !key.empty() : key == options_.api_key;
    }

    reply error(error_description const& what)
    {
        std::string const id = next_request_id();
        reply out(what.status, error_body(what, options_.scenario.error_code, id));
        out.add_header("X-Oneapi-Request-Id", id);
        return out;
    }

    reply not_found(request_view const& request)
    {
        return error(error_description(404, "Invalid URL (" + std::string(request.path) + ')'));
    }

    std::string next_request_id()
    {
        std::uint64_t const n = next_request_.fetch_add(1, std::memory_order_relaxed);
        constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        std::string id = utc_text(unix_now(), "%Y%m%d%H%M%S");
        char number[16];
        std::snprintf(number, sizeof number, "%09llu", static_cast<unsigned long long>(n % 1'000'000'000));
        id += number;
        std::uint64_t bits = draw(options_.seed, draw_for::request, n);
        for (int i = 0; i < 8; ++i, bits /= letters.size())
            id += letters[bits % letters.size()];
        return id;
    }

    reply submit(request_view const& request, request_number number)
    {
        auto const hash = sha256(request.body);
        auto const version = request.header("X-APIMart-Response-Version").value_or("");
        boost::system::error_code malformed;
        auto const parsed =
            boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), malformed);
        verdict judged;
        if (malformed)
            judged.refusal.emplace("body", "is not valid JSON");
        else if (!parsed.is_object())
            judged.refusal.emplace("body", "must be a JSON object");
        else
            judged = judge(parsed.get_object(), options_.scenario.profile, options_.scenario.inferred);
        auto const keyed = keyed_by(request, hash);

        std::lock_guard const lock(mutex_);
        if (keyed) {
            auto const ruling = keys_.rule(*keyed, clock_.now());
            if (ruling != key_ruling::execute)
                return ruled(ruling, *keyed, version, number);
        }
        auto const wrong = refused(judged);
        if (!wrong) {
            auto const n = ordered(judged, parsed.get_object(), request, hash, number);
            if (n) {
                if (keyed)
                    keys_.remember(*keyed, *n, clock_.now());
                return submitted(*n, version);
            }
        }
        ++books_.rejected;
        reply const answer = wrong ? *wrong : no_credit();
        if (keyed && options_.scenario.idempotency_stores == scenario::idempotency_store::everything)
            keys_.remember(*keyed, answer, clock_.now());
        return answer;
    }

    /// A submit with a key, where keys are honoured.
    std::optional<keyed_submit> keyed_by(request_view const& request, sha256_digest const& hash) const
    {
        auto const key = request.header("Idempotency-Key");
        if (!key || options_.scenario.idempotency == scenario::idempotency_form::off)
            return std::nullopt;
        auto const version = request.header("X-APIMart-Response-Version").value_or("");
        return keyed_submit(request.bearer(), *key,
                            version.empty() ? hash : sha256(hex(hash).append(version)));
    }

    /// Makes the task; nothing when the balance does not allow it, or is said not to.
    std::optional<std::uint64_t> ordered(verdict const& judged, boost::json::object const& body,
                                         request_view const& request, sha256_digest const& hash,
                                         request_number number)
    {
        bool const invalid = judged.refusal.has_value();
        bool const fails_by_form =
            options_.scenario.invalid_parameter == scenario::invalid_parameter_form::task_fails;
        auto const ending =
            (invalid && fails_by_form) || doomed(body) ? task_phase::failed : task_phase::completed;
        micro_usd const price = ending == task_phase::completed ? price_of(judged.what) : 0;
        if (static_cast<double>(committed_ + price) > options_.scenario.balance_usd * 1e6 ||
            options_.scenario.submit_reply == scenario::submit_reply_form::error_in_200)
            return std::nullopt;
        committed_ += price;
        std::optional<std::string> key;
        if (auto const given = request.header("Idempotency-Key"))
            key.emplace(*given);
        auto const n = accept(judged.what, ending, std::move(key), hash);
        books_.accepted.back().charge = price;
        note_task(number, n, false);
        auto& task = tasks_.at(books_.accepted.back().task_id);
        if (invalid && ending == task_phase::failed)
            task.reason = std::make_unique<std::string>(judged.refusal->message);
        auto const* webhook = body.if_contains("webhook");
        if (callback_ && webhook != nullptr && webhook->is_string() &&
            options_.scenario.callback != scenario::callback_form::off)
            callback_(callback_order(books_.accepted.back().task_id, webhook->get_string().c_str(),
                                     task.created + task.life.finished_after()));
        return n;
    }

    reply no_credit()
    {
        if (options_.scenario.submit_reply == scenario::submit_reply_form::error_in_200)
            return reply(200, R"({"code":402,"message":"insufficient balance"})");
        return error(error_description(402, "insufficient balance"));
    }

    /// What a refused body leads to; nothing when the scenario lets it through.
    std::optional<reply> refused(verdict const& judged)
    {
        if (judged.accepted())
            return std::nullopt;
        auto const form = options_.scenario.invalid_parameter;
        bool const lenient = form == scenario::invalid_parameter_form::ignored ||
                             form == scenario::invalid_parameter_form::task_fails;
        if (lenient && judged.model_known)
            return std::nullopt;
        bool const upstream = form == scenario::invalid_parameter_form::error_500 && judged.model_known;
        error_description what(upstream ? 500 : 400,
                               (upstream ? "build_request_failed: " : "") + judged.refusal->message);
        if (judged.refusal->field != "body")
            what.param = judged.refusal->field;
        return error(what);
    }

    /// Whether a task is bound to fail, by its prompt or by chance.
    bool doomed(boost::json::object const& body) const
    {
        auto const& word = options_.scenario.failure_word;
        auto const* prompt = body.if_contains("prompt");
        if (!word.empty() && prompt != nullptr && prompt->is_string()) {
            auto const& text = prompt->get_string();
            if (std::string_view(text.data(), text.size()).find(word) != std::string_view::npos)
                return true;
        }
        return unit_draw(options_.seed, draw_for::outcome, books_.accepted.size()) <
               options_.scenario.failure_fraction;
    }

    std::uint64_t accept(order const& what, task_phase ending, std::optional<std::string> key,
                         sha256_digest const& hash)
    {
        std::uint64_t const n = books_.accepted.size();
        books_.accepted.emplace_back(make_task_id(options_.seed, n), what, std::move(key), hash);
        task_record task(n, clock_.now(), what, plan_life(what, ending, options_.speed, options_.seed, n));
        task.estimate = std::llround(usual_duration(what).count() / options_.speed);
        tasks_.emplace(books_.accepted.back().task_id, std::move(task));
        return n;
    }

    reply submitted(std::uint64_t n, std::string_view version)
    {
        auto const& entry = books_.accepted[n];
        auto form = options_.scenario.submit_reply;
        if (options_.scenario.profile == model_profile::newer && version == "2026-07-27")
            form = scenario::submit_reply_form::queued_202;
        switch (form) {
        case scenario::submit_reply_form::object: {
            auto const created = clock_.unix_seconds(tasks_.at(entry.task_id).created);
            return reply(200, R"({"code":200,"data":{"id":")" + entry.task_id +
                                  R"(","status":"submitted","progress":0,"created":)" +
                                  std::to_string(created) + R"(,"type":"video"}})");
        }
        case scenario::submit_reply_form::queued_202:
            return reply(202, R"({"code":202,"data":{"object":"generation.task","id":")" + entry.task_id +
                                  R"(","status":"queued","poll_url":")" + origin_ + "/v1/tasks/" +
                                  entry.task_id + R"("},"request_id":")" + next_request_id() + "\"}");
        case scenario::submit_reply_form::empty_array:
            return reply(200, R"({"code":200,"data":[]})");
        default:
            return reply(200, R"({"code":200,"data":[{"status":"submitted","task_id":")" + entry.task_id +
                                  "\"}]}");
        }
    }

    /// Notes which task a submit led to.
    void note_task(request_number number, std::uint64_t task, bool replay)
    {
        auto& made = books_.accepted[task];
        if (!replay)
            made.time = clock_.now();
        if (!number)
            return;
        auto& entry = books_.requests[*number];
        if (!replay)
            made.connection = entry.connection;
        if (entry.submit) {
            entry.submit->task = task;
            entry.submit->replay = replay;
        }
    }

    reply ruled(key_ruling ruling, keyed_submit const& keyed, std::string_view version, request_number number)
    {
        if (ruling == key_ruling::replay) {
            ++books_.replayed;
            auto const& first = keys_.first_use(keyed);
            if (first.task)
                note_task(number, *first.task, true);
            reply out = first.stored ? *first.stored : submitted(*first.task, version);
            out.add_header("Idempotency-Replayed", "true");
            return out;
        }
        ++books_.rejected;
        auto const refuse = [&](unsigned status, std::string_view code, std::string_view message) {
            error_description what(status, message);
            what.code = code;
            return error(what);
        };
        switch (ruling) {
        case key_ruling::in_progress: {
            auto out = refuse(409, "idempotency_in_progress", "a request with this key is still running");
            out.add_header("Retry-After", "1");
            return out;
        }
        case key_ruling::reused:
            return refuse(options_.scenario.key_reused_status, "idempotency_key_reused",
                          "this key was used with another body");
        case key_ruling::indeterminate:
            return refuse(409, "idempotency_result_indeterminate",
                          "the outcome of the first call is not known");
        case key_ruling::unavailable:
            return refuse(503, "idempotency_unavailable", "nothing was executed");
        default: {
            error_description what(400, "`Idempotency-Key` must be 1 to 191 visible ASCII characters");
            what.param = "Idempotency-Key";
            return error(what);
        }
        }
    }

    reply poll(request_view const& request)
    {
        auto const id = percent_decoded(request.path.substr(std::string_view("/v1/tasks/").size()));
        std::lock_guard const lock(mutex_);
        auto const found = id ? tasks_.find(*id) : tasks_.end();
        if (found == tasks_.end()) {
            switch (options_.scenario.unknown_id) {
            case scenario::unknown_id_form::error_404:
                return error(error_description(404, "task not found"));
            case scenario::unknown_id_form::error_in_200:
                return reply(200, R"({"code":400,"message":"Invalid task ID"})");
            default:
                return error(error_description(400, "Invalid task ID"));
            }
        }
        std::string body = R"({"code":200,"data":)";
        body.reserve(640);
        writer_.write(body, found->first, found->second, task_writer::within::single);
        body += '}';
        return reply(200, std::move(body));
    }

    reply batch(request_view const& request)
    {
        if (options_.scenario.batch == scenario::batch_form::off)
            return not_found(request);
        boost::system::error_code malformed;
        auto const parsed =
            boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), malformed);
        auto const* object = malformed ? nullptr : parsed.if_object();
        auto const* ids = object == nullptr ? nullptr : object->if_contains("task_ids");
        if (ids == nullptr || !ids->is_array()) {
            error_description what(400, "`task_ids` must be an array");
            what.param = "task_ids";
            return error(what);
        }
        // Ids that are not known are left out; nobody has documented what the service does with them.
        std::lock_guard const lock(mutex_);
        std::string body = R"({"code":200,"data":[)";
        bool first = true;
        for (auto const& each : ids->get_array()) {
            auto const* text = each.if_string();
            auto const found =
                text == nullptr ? tasks_.end() : tasks_.find(std::string_view(text->data(), text->size()));
            if (found == tasks_.end())
                continue;
            body += first ? "" : ",";
            first = false;
            writer_.write(body, found->first, found->second, task_writer::within::batch);
        }
        body += "]}";
        return reply(200, std::move(body));
    }

    reply balance() const
    {
        std::lock_guard const lock(mutex_);
        auto const now = clock_.now();
        micro_usd used = 0;
        for (auto const& [id, task] : tasks_)
            if (task.life.at(now - task.created).phase == task_phase::completed)
                used += price_of(task.what);
        auto const held = static_cast<micro_usd>(std::llround(options_.scenario.balance_usd * 1e6));
        auto const form = options_.scenario.balance_reply;
        if (form == scenario::balance_form::error_in_200)
            return reply(200, R"({"success":false,"message":"failed to query the balance"})");
        bool const unlimited = form == scenario::balance_form::unlimited;
        auto const amount = [&](std::string const& text) {
            return form == scenario::balance_form::texts ? '"' + text + '"' : text;
        };
        std::string body = R"({"success":true,"remain_balance":)" +
                           amount(unlimited ? "-1" : usd_text(held - used)) + R"(,"used_balance":)" +
                           amount(usd_text(used)) + R"(,"unlimited_quota":)" + (unlimited ? "true" : "false");
        if (options_.scenario.profile == model_profile::newer)
            body += R"(,"remain_credits":)" + amount(unlimited ? "-1" : credits_text(held - used)) +
                    R"(,"used_credits":)" + amount(credits_text(used));
        return reply(200, body + '}');
    }

    reply upload(request_view const& request)
    {
        // The number is part of the address, so it is taken before it is known whether the image is good.
        std::uint64_t const n = next_upload_.fetch_add(1, std::memory_order_relaxed);
        reply out = upload_reply(request, n, unix_now());
        std::lock_guard const lock(mutex_);
        books_.uploads += out.status == 200 ? 1 : 0;
        return out;
    }

    reply download(request_view const& request)
    {
        auto out = files_.serve(request, unix_now());
        std::lock_guard const lock(mutex_);
        books_.authorization_leaks += request.header("Authorization") ? 1U : 0U;
        books_.downloads += out.status < 300 && !out.length_only ? 1U : 0U;
        return out;
    }

    emulator_options options_;
    std::string origin_;
    service_clock clock_;
    file_server files_;
    task_writer writer_;
    std::atomic<std::uint64_t> next_request_ = 0;
    std::atomic<std::uint64_t> next_upload_ = 0;

    std::function<void(callback_order)> callback_;
    mutable std::mutex mutex_;
    class books books_;
    fault_script faults_;
    idempotency_keys keys_;
    /// Keys refer to the ids in the books.
    std::unordered_map<std::string_view, task_record> tasks_;
    /// What all accepted tasks that will succeed cost together.
    micro_usd committed_ = 0;
    std::uint64_t accepted_connections_ = 0;
};

} // namespace apimart::testing::emulation

#endif
