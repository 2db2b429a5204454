// SPDX-License-Identifier: BSL-1.0
// POST /v1/videos/generations.
#ifndef APIMART_TESTING_ROUTES_SUBMIT_HPP
#define APIMART_TESTING_ROUTES_SUBMIT_HPP

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/network/response_version.hpp>
#include <apimart/testing/routes/submit_text.hpp>
#include <apimart/testing/rules/filled_text.hpp>
#include <apimart/testing/rules/request_rules.hpp>
#include <apimart/testing/rules/task_durations.hpp>
#include <apimart/testing/service/idempotency_keys.hpp>
#include <apimart/testing/service/service_state.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// A submit with a key, where keys are honoured.
inline std::optional<keyed_submit> keyed_by(scenario const& form, request_view const& request,
                                            sha256_digest const& hash)
{
    using idempotency = scenario::idempotency_form;
    auto const key = request.header("Idempotency-Key");
    bool const honoured = form.idempotency == idempotency::with_version
                              ? asks_for_new_contract(request)
                              : form.idempotency != idempotency::off;
    if (!key || !honoured)
        return std::nullopt;
    auto const version = request.header(response_version_header).value_or("");
    return keyed_submit(request.bearer(), *key, version.empty() ? hash : sha256(hex(hash).append(version)));
}

/// Takes orders for videos.
class submit_route
{
public:
    explicit submit_route(service_state& state) noexcept : state_(state) {}

    reply answer(request_view const& request, request_number number)
    {
        auto const hash = sha256(request.body);
        bool const new_contract = asks_for_new_contract(request);
        boost::system::error_code malformed;
        auto const parsed =
            boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), malformed);
        verdict judged;
        if (malformed)
            judged.refusal.emplace("body", "is not valid JSON");
        else if (!parsed.is_object())
            judged.refusal.emplace("body", "must be a JSON object");
        else
            judged = judge(parsed.get_object(), state_.form().profile, state_.form().inferred);
        auto const keyed = keyed_by(state_.form(), request, hash);

        std::lock_guard const lock(state_.mutex);
        if (keyed) {
            auto const ruling = state_.keys.rule(*keyed, state_.clock.now());
            if (ruling != key_ruling::execute)
                return ruled(ruling, *keyed, new_contract, number);
        }
        auto wrong = refused(judged);
        if (!wrong && !has_place(request.bearer()))
            wrong = state_.error(error_description(429, "too many tasks are running"));
        if (!wrong) {
            auto const n = ordered(judged, parsed.get_object(), request, hash, number);
            if (n) {
                if (keyed)
                    state_.keys.remember(*keyed, *n, state_.clock.now());
                return submitted(*n, new_contract);
            }
        }
        ++state_.books.rejected;
        reply const answer = wrong ? *wrong : no_credit();
        if (keyed && state_.form().idempotency_stores == scenario::idempotency_store::everything)
            state_.keys.remember(*keyed, answer, state_.clock.now());
        return answer;
    }

private:
    /// Makes the task; nothing when the balance does not allow it, or is said not to.
    std::optional<std::uint64_t> ordered(verdict const& judged, boost::json::object const& body,
                                         request_view const& request, sha256_digest const& hash,
                                         request_number number)
    {
        bool const invalid = judged.refusal.has_value();
        bool const fails_by_form =
            state_.form().invalid_parameter == scenario::invalid_parameter_form::task_fails;
        auto const ending =
            (invalid && fails_by_form) || doomed(body) ? task_phase::failed : task_phase::completed;
        micro_usd const price = ending == task_phase::completed ? price_of(judged.what) : 0;
        if (static_cast<double>(state_.committed + price) > state_.form().balance_usd * 1e6 ||
            state_.form().submit_reply == scenario::submit_reply_form::error_in_200)
            return std::nullopt;
        state_.committed += price;
        std::optional<std::string> key;
        if (auto const given = request.header("Idempotency-Key"))
            key.emplace(*given);
        auto const n = accept(judged.what, ending, std::move(key), hash, request.bearer());
        state_.books.accepted.back().charge = price;
        note_task(number, n, false);
        auto& task = state_.tasks.at(state_.books.accepted.back().task_id);
        if (invalid && ending == task_phase::failed)
            task.reason = std::make_unique<std::string>(judged.refusal->message);
        auto const* webhook = body.if_contains("webhook");
        if (state_.callback && webhook != nullptr && webhook->is_string() &&
            state_.form().callback != scenario::callback_form::off)
            state_.callback(callback_order(state_.books.accepted.back().task_id,
                                           webhook->get_string().c_str(),
                                           task.created + task.life.finished_after()));
        return n;
    }

    /// Whether another task of the key may run.
    bool has_place(std::string_view bearer)
    {
        if (state_.form().places == 0)
            return true;
        auto const key = state_.number_of_key(bearer);
        auto const now = state_.clock.now();
        std::uint64_t running = 0;
        for (auto const& [id, task] : state_.tasks)
            if (!task.life.at(now - task.created).finished() && state_.books.accepted[task.index].key == key)
                ++running;
        return running < state_.form().places;
    }

    reply no_credit()
    {
        if (state_.form().submit_reply == scenario::submit_reply_form::error_in_200)
            return reply(200, R"({"code":402,"message":"insufficient balance"})");
        return state_.error(error_description(402, "insufficient balance"));
    }

    /// What a refused body leads to; nothing when the scenario lets it through.
    std::optional<reply> refused(verdict const& judged)
    {
        if (judged.accepted())
            return std::nullopt;
        auto const form = state_.form().invalid_parameter;
        bool const lenient = form == scenario::invalid_parameter_form::ignored ||
                             form == scenario::invalid_parameter_form::task_fails;
        if (lenient && judged.model_known)
            return std::nullopt;
        bool const upstream = form == scenario::invalid_parameter_form::error_500 && judged.model_known;
        error_description what(upstream ? 500 : 400,
                               (upstream ? "build_request_failed: " : "") + judged.refusal->message);
        if (judged.refusal->field != "body")
            what.param = judged.refusal->field;
        return state_.error(what);
    }

    /// Whether a task is bound to fail, by its prompt or by chance.
    bool doomed(boost::json::object const& body) const
    {
        auto const& word = state_.form().failure_word;
        auto const* prompt = body.if_contains("prompt");
        if (!word.empty() && prompt != nullptr && prompt->is_string()) {
            auto const& text = prompt->get_string();
            if (std::string_view(text.data(), text.size()).find(word) != std::string_view::npos)
                return true;
        }
        return unit_draw(state_.seed, draw_for::outcome, state_.books.accepted.size()) <
               state_.form().failure_fraction;
    }

    std::uint64_t accept(order const& what, task_phase ending, std::optional<std::string> key,
                         sha256_digest const& hash, std::string_view bearer)
    {
        std::uint64_t const n = state_.books.accepted.size();
        state_.books.accepted.emplace_back(state_.make_id(n), what, std::move(key), hash,
                                           state_.number_of_key(bearer));
        task_record task(n, state_.clock.now(), what,
                         plan_life(what, ending, state_.options.speed, state_.seed, n));
        task.estimate = std::llround(usual_duration(what).count() / state_.options.speed);
        state_.tasks.emplace(state_.books.accepted.back().task_id, std::move(task));
        return n;
    }

    reply submitted(std::uint64_t n, bool new_contract)
    {
        using form = scenario::submit_reply_form;
        auto const& id = state_.books.accepted[n].task_id;
        auto const told = new_contract && state_.form().submit_reply == form::array
                              ? form::queued_202
                              : state_.form().submit_reply;
        auto const created = std::to_string(state_.clock.unix_seconds(state_.tasks.at(id).created));
        return reply(told == form::queued_202 ? 202 : 200,
                     filled(submit_text(told), {{"{id}", id},
                                                {"{created}", created},
                                                {"{origin}", state_.origin},
                                                {"{request}", state_.next_request_id()}}));
    }

    /// Notes which task a submit led to.
    void note_task(request_number number, std::uint64_t task, bool replay)
    {
        auto& made = state_.books.accepted[task];
        if (!replay)
            made.time = state_.clock.now();
        if (!number)
            return;
        auto& entry = state_.books.requests[*number];
        if (!replay)
            made.connection = entry.connection;
        if (entry.submit) {
            entry.submit->task = task;
            entry.submit->replay = replay;
        }
    }

    reply ruled(key_ruling ruling, keyed_submit const& keyed, bool new_contract, request_number number)
    {
        if (ruling == key_ruling::replay) {
            ++state_.books.replayed;
            auto const& first = state_.keys.first_use(keyed);
            if (first.task)
                note_task(number, *first.task, true);
            reply out = first.stored ? *first.stored : submitted(*first.task, new_contract);
            out.add_header("Idempotency-Replayed", "true");
            return out;
        }
        ++state_.books.rejected;
        auto const refuse = [&](unsigned status, std::string_view code, std::string_view message) {
            error_description what(status, message);
            what.code = code;
            return state_.error(what);
        };
        switch (ruling) {
        case key_ruling::in_progress: {
            auto out = refuse(409, "idempotency_in_progress", "a request with this key is still running");
            out.add_header("Retry-After", "1");
            return out;
        }
        case key_ruling::reused:
            return refuse(state_.form().key_reused_status, "idempotency_key_reused",
                          "this key was used with another body");
        case key_ruling::indeterminate:
            return refuse(409, "idempotency_result_indeterminate",
                          "the outcome of the first call is not known");
        case key_ruling::unavailable:
            return refuse(503, "idempotency_unavailable", "nothing was executed");
        default:
            return state_.invalid("Idempotency-Key",
                                  "`Idempotency-Key` must be 1 to 191 visible ASCII characters");
        }
    }

    service_state& state_;
};

} // namespace apimart::testing::emulation

#endif
