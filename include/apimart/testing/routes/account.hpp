// SPDX-License-Identifier: BSL-1.0
// GET /v1/balance and /v1/user/balance.
#ifndef APIMART_TESTING_ROUTES_ACCOUNT_HPP
#define APIMART_TESTING_ROUTES_ACCOUNT_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/service/service_state.hpp>

#include <mutex>
#include <optional>
#include <string>

namespace apimart::testing::emulation {

/// What is left to spend.
inline reply answer_balance(service_state const& state)
{
    std::lock_guard const lock(state.mutex);
    micro_usd const used = state.used();
    micro_usd const held = state.held();
    auto const form = state.form().balance_reply;
    if (form == scenario::balance_form::error_in_200)
        return reply(200, R"({"success":false,"message":"failed to query the balance"})");
    bool const unlimited = form == scenario::balance_form::unlimited;
    auto const amount = [&](std::string const& text) {
        return form == scenario::balance_form::texts ? '"' + text + '"' : text;
    };
    std::string body = R"({"success":true,"remain_balance":)" +
                       amount(unlimited ? "-1" : usd_text(held - used)) + R"(,"used_balance":)" +
                       amount(usd_text(used)) + R"(,"unlimited_quota":)" + (unlimited ? "true" : "false");
    if (state.form().profile == model_profile::newer)
        body += R"(,"remain_credits":)" + amount(unlimited ? "-1" : credits_text(held - used)) +
                R"(,"used_credits":)" + amount(credits_text(used));
    return reply(200, body + '}');
}

/// What any call gets while the account holds less than the scenario asks for.
inline std::optional<reply> refusal_for_want_of_credit(service_state& state)
{
    if (state.form().least_balance_usd <= 0)
        return std::nullopt;
    std::lock_guard const lock(state.mutex);
    micro_usd const left = state.held() - state.used();
    if (static_cast<double>(left) >= state.form().least_balance_usd * 1e6)
        return std::nullopt;
    return state.error(error_description(402, "insufficient balance, current: " + usd_text(left) + " USD"));
}

} // namespace apimart::testing::emulation

#endif
