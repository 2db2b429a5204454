// SPDX-License-Identifier: BSL-1.0
// The service behind the sockets: a request goes in, a reply comes out.
#pragma once

#include <apimart/testing/emulator/books.hpp>
#include <apimart/testing/emulator/error_reply.hpp>
#include <apimart/testing/emulator/fault_script.hpp>
#include <apimart/testing/emulator/file_server.hpp>
#include <apimart/testing/emulator/http_message.hpp>
#include <apimart/testing/emulator/idempotency_keys.hpp>
#include <apimart/testing/emulator/image_upload.hpp>
#include <apimart/testing/emulator/model_list.hpp>
#include <apimart/testing/emulator/options.hpp>
#include <apimart/testing/emulator/request_rules.hpp>
#include <apimart/testing/emulator/task_durations.hpp>
#include <apimart/testing/emulator/task_id.hpp>
#include <apimart/testing/emulator/task_record.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

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
          faults_(options.scenario.faults, options.seed),
          keys_(options.scenario.idempotency, std::chrono::seconds(retention(options.speed)))
    {}
    // writer_ refers to its neighbours.
    service(service const&) = delete;
    service& operator=(service const&) = delete;

    /// The largest request body.
    static constexpr std::uint64_t largest_body = 64U << 20U;

    emulator_options const& options() const noexcept { return options_; }
    service_clock& clock() noexcept { return clock_; }
    std::int64_t unix_now() const { return clock_.unix_seconds(clock_.now()); }

    /// A request's header arrived: counts it and says which fault strikes it.
    std::optional<fault> arrived(operation what, bool first_on_connection)
    {
        if (what == operation::books)
            return std::nullopt;
        std::lock_guard const lock(mutex_);
        books_.request_arrived(first_on_connection);
        books_.submits_received += what == operation::submit ? 1 : 0;
        books_.polls += what == operation::poll ? 1 : 0;
        books_.batch_queries += what == operation::batch ? 1 : 0;
        return faults_.strike(what);
    }

    /// A connection was accepted: says which fault strikes it.
    std::optional<fault> connected()
    {
        std::lock_guard const lock(mutex_);
        return faults_.strike(operation::connection);
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
        return out;
    }

    /// Carries a request out.
    reply answer(operation what, request_view const& request, bool from_this_machine)
    {
        if (what == operation::books)
            return from_this_machine ? reply(200, boost::json::serialize(books())) : not_found(request);
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
            return submit(request);
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

    /// The answer to a body above the limit.
    reply too_large(operation what)
    {
        if (what == operation::submit) {
            std::lock_guard const lock(mutex_);
            ++books_.rejected;
        }
        reply out = error(error_description(413, "request body exceeds maximum " +
                                                     std::to_string(largest_body) + " bytes"));
        out.close = true;
        return out;
    }

    /// The answer to bytes that are no HTTP request.
    reply not_http(unsigned status)
    {
        reply out = error(error_description(status, "malformed request"));
        out.close = true;
        return out;
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
        case fault_body::json_in_200:
            out.status = 200;
            out.body = R"({"code":)" + std::to_string(scripted.status) + R"(,"message":)" +
                       json_quoted(what.message) + '}';
            break;
        }
        if (!scripted.retry_after.empty())
            out.add_header("Retry-After", scripted.retry_after);
        return out;
    }

private:
    static std::int64_t retention(double speed)
    {
        return std::max<std::int64_t>(10, static_cast<std::int64_t>(86400 / speed));
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

    reply submit(request_view const& request)
    {
        auto const hash = sha256(request.body);
        auto const version = request.header("X-APIMart-Response-Version").value_or("");
        boost::json::error_code malformed;
        auto const parsed =
            boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), malformed);
        verdict judged;
        if (malformed)
            judged.refusal.emplace("body", "is not valid JSON");
        else if (!parsed.is_object())
            judged.refusal.emplace("body", "must be a JSON object");
        else
            judged = judge(parsed.get_object(), options_.scenario.profile, options_.scenario.inferred);
        std::optional<std::string> key;
        if (auto const given = request.header("Idempotency-Key"))
            key.emplace(*given);
        bool const honours_keys = options_.scenario.idempotency != scenario::idempotency_form::off && key;
        auto const content = version.empty() ? hash : sha256(hex(hash).append(version));

        std::lock_guard const lock(mutex_);
        if (honours_keys) {
            auto const ruling = keys_.rule(request.bearer(), *key, content, clock_.now());
            if (ruling != key_ruling::execute)
                return ruled(ruling, request, *key, version);
        }
        if (auto refused = refusal(judged))
            return std::move(*refused);
        bool const invalid = judged.refusal.has_value();
        task_phase const ending = (invalid && options_.scenario.invalid_parameter ==
                                                  scenario::invalid_parameter_form::task_fails) ||
                                          doomed(parsed.get_object())
                                      ? task_phase::failed
                                      : task_phase::completed;
        micro_usd const price = ending == task_phase::completed ? price_of(judged.what) : 0;
        if (static_cast<double>(committed_ + price) > options_.scenario.balance_usd * 1e6) {
            ++books_.rejected;
            return error(error_description(402, "insufficient balance"));
        }
        if (options_.scenario.submit_reply == scenario::submit_reply_form::error_in_200) {
            ++books_.rejected;
            return reply(200, R"({"code":402,"message":"insufficient balance"})");
        }
        committed_ += price;
        auto const n = accept(judged.what, ending, key, hash);
        if (invalid && ending == task_phase::failed)
            tasks_.at(books_.accepted.back().task_id).reason =
                std::make_unique<std::string>(judged.refusal->message);
        if (honours_keys)
            keys_.remember(request.bearer(), *key, content, n, clock_.now());
        return submitted(n, version);
    }

    /// What a refused body leads to; nothing when the scenario lets it through.
    std::optional<reply> refusal(verdict const& judged)
    {
        if (judged.accepted())
            return std::nullopt;
        auto const form = options_.scenario.invalid_parameter;
        bool const lenient = form == scenario::invalid_parameter_form::ignored ||
                             form == scenario::invalid_parameter_form::task_fails;
        if (lenient && judged.model_known)
            return std::nullopt;
        ++books_.rejected;
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

    reply ruled(key_ruling ruling, request_view const& request, std::string_view key,
                std::string_view version)
    {
        if (ruling == key_ruling::replay) {
            ++books_.replayed;
            reply out = submitted(keys_.task_of(request.bearer(), key), version);
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
            return refuse(409, "idempotency_key_reused", "this key was used with another body");
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
        boost::json::error_code malformed;
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
        std::string body = R"({"success":true,"remain_balance":)" + usd_text(held - used) +
                           R"(,"used_balance":)" + usd_text(used) + R"(,"unlimited_quota":false)";
        if (options_.scenario.profile == model_profile::newer)
            body += R"(,"remain_credits":)" + credits_text(held - used) + R"(,"used_credits":)" +
                    credits_text(used);
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
        books_.authorization_leaks += request.header("Authorization") ? 1 : 0;
        books_.downloads += out.status < 300 && !out.length_only ? 1 : 0;
        return out;
    }

    emulator_options options_;
    std::string origin_;
    service_clock clock_;
    file_server files_;
    task_writer writer_;
    std::atomic<std::uint64_t> next_request_ = 0;
    std::atomic<std::uint64_t> next_upload_ = 0;

    mutable std::mutex mutex_;
    class books books_;
    fault_script faults_;
    idempotency_keys keys_;
    /// Keys refer to the ids in the books.
    std::unordered_map<std::string_view, task_record> tasks_;
    /// What all accepted tasks that will succeed cost together.
    micro_usd committed_ = 0;
};

} // namespace apimart::testing::emulation
