// SPDX-License-Identifier: BSL-1.0
// GET /v1/usage.
#ifndef APIMART_TESTING_ROUTES_USAGE_HPP
#define APIMART_TESTING_ROUTES_USAGE_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/order.hpp>
#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/service/service_clock.hpp>
#include <apimart/testing/service/service_state.hpp>
#include <apimart/testing/service/task_life.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// A moment in unix seconds, written as such or as RFC 3339.
inline std::optional<std::int64_t> read_moment(std::string_view text)
{
    std::int64_t seconds = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size())
        return seconds;
    std::tm parts{};
    std::string const written(text);
    char const* rest = strptime(written.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr)
        return std::nullopt;
    if (*rest == '.')
        rest += 1 + std::string_view(rest + 1).find_first_not_of("0123456789");
    std::string_view const zone(rest);
    std::int64_t shift = 0;
    if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
        int hours = 0;
        int minutes = 0;
        std::from_chars(zone.data() + 1, zone.data() + 3, hours);
        std::from_chars(zone.data() + 4, zone.data() + 6, minutes);
        shift = (zone[0] == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    } else if (zone != "Z" && zone != "z") {
        return std::nullopt;
    }
    return timegm(&parts) - shift;
}

/// Sums up what was used, by the books: tasks that have ended, at the moment of their end.
class usage_route
{
public:
    explicit usage_route(service_state& state) noexcept : state_(state) {}

    reply answer(request_view const& request)
    {
        if (state_.form().usage_reply == scenario::usage_form::unavailable) {
            error_description what(503, "usage is not available");
            what.code = "usage_unavailable";
            return state_.error(what);
        }
        std::lock_guard const lock(state_.mutex);
        auto const key = state_.number_of_key(request.bearer());
        if (auto refusal = over_the_limit(key))
            return std::move(*refusal);
        if (auto refusal = read(request))
            return std::move(*refusal);
        auto& kept = state_.usage_answers[std::to_string(key).append(" ").append(request.query)];
        bool const fresh = kept.body.empty() || state_.clock.now() >= kept.until;
        if (fresh) {
            kept.body = summed_up(key);
            kept.until = state_.clock.now() + std::chrono::seconds(60);
        }
        reply out(200, kept.body);
        out.add_header("X-Usage-Cache", fresh ? "MISS" : "HIT");
        return out;
    }

private:
    struct sums
    {
        micro_usd amount = 0;
        std::uint64_t requests = 0;
    };

    std::optional<reply> over_the_limit(std::uint32_t key)
    {
        auto& calls = state_.usage_calls[key];
        auto const now = state_.clock.now();
        while (!calls.empty() && now - calls.front() >= std::chrono::seconds(60))
            calls.pop_front();
        if (calls.size() >= 60)
            return state_.error(error_description(429, "Rate limit exceeded. Please try again later"));
        calls.push_back(now);
        return std::nullopt;
    }

    /// Reads the question; a refusal where it cannot be answered.
    std::optional<reply> read(request_view const& request)
    {
        auto const given = [&](std::string_view name) -> std::optional<std::string> {
            auto const text = request.parameter(name);
            return text ? percent_decoded(*text).value_or("%") : std::optional<std::string>();
        };
        auto const refuse = [&](std::string const& name, std::string const& rule) {
            return state_.invalid(name, '`' + name + "` " + rule, "invalid_" + name);
        };
        for (auto const& [name, moment] : {std::pair("start", &start_), std::pair("end", &end_)})
            if (auto const text = given(name)) {
                auto const seconds = read_moment(*text);
                if (!seconds)
                    return refuse(name, "must be unix seconds or RFC 3339");
                *moment = *seconds;
            }
        if (given("start") && given("end") && (end_ < start_ || end_ - start_ > 31 * 86'400))
            return refuse("end", "must be at most 31 days after the start");
        if (auto const list = given("model"))
            for (std::string_view rest = *list; !rest.empty();) {
                auto const comma = std::min(rest.find(','), rest.size());
                models_.emplace_back(rest.substr(0, comma));
                rest.remove_prefix(std::min(comma + 1, rest.size()));
            }
        if (models_.size() > 50)
            return refuse("model", "must have at most 50 entries");
        auto const groups = given("group_by").value_or("none");
        if (groups != "none" && groups != "model" && groups != "date" && groups != "model,date")
            return refuse("group_by", "must be one of: none, model, date, model,date");
        by_model_ = groups.starts_with("model");
        by_date_ = groups.ends_with("date");
        auto const zone = given("tz").value_or("Asia/Shanghai");
        if (zone != "Asia/Shanghai" && zone != "UTC")
            return refuse("tz", "must be one of: Asia/Shanghai, UTC");
        shift_ = zone == "UTC" ? 0 : 8 * 3600;
        auto const scope = given("scope").value_or("key");
        if (scope != "key" && scope != "account")
            return refuse("scope", "must be one of: key, account");
        of_one_key_ = scope == "key";
        return std::nullopt;
    }

    std::string summed_up(std::uint32_t key) const
    {
        sums total;
        std::map<std::pair<std::string_view, std::string>, sums> groups;
        for (auto const& [id, task] : state_.tasks) {
            auto const view = task.life.at(state_.clock.now() - task.created);
            auto const ended = state_.clock.unix_seconds(task.created + task.life.finished_after());
            auto const model = id_of(task.what.of);
            bool const asked_for =
                models_.empty() || std::find(models_.begin(), models_.end(), model) != models_.end();
            if (!view.finished() || ended < start_ || ended >= end_ || !asked_for ||
                (of_one_key_ && state_.books.accepted[task.index].key != key))
                continue;
            sums& group = groups[{by_model_ ? model : std::string_view(),
                                  by_date_ ? utc_text(ended + shift_, "%Y-%m-%d") : std::string()}];
            for (sums* const each : {&total, &group}) {
                each->amount += view.phase == task_phase::completed ? price_of(task.what) : 0;
                ++each->requests;
            }
        }
        std::string body = R"({"data":{"total":{)" + text_of(total) + R"(},"items":[)";
        if (by_model_ || by_date_)
            for (auto const& [group, sum] : groups) {
                body += body.back() == '[' ? "{" : ",{";
                if (by_model_)
                    body += R"("model":)" + json_quoted(group.first) + ',';
                if (by_date_)
                    body += R"("date":)" + json_quoted(group.second) + ',';
                body += text_of(sum) + '}';
            }
        return body + "]}}";
    }

    std::string text_of(sums const& sum) const
    {
        bool const quoted = state_.form().usage_reply == scenario::usage_form::texts;
        auto const amount = [&](std::string const& text) { return quoted ? '"' + text + '"' : text; };
        return R"("amount_usd":)" + amount(usd_text(sum.amount)) + R"(,"credits":)" +
               amount(credits_text(sum.amount)) + R"(,"requests":)" + std::to_string(sum.requests) +
               R"(,"prompt_tokens":0,"completion_tokens":0)";
    }

    service_state& state_;
    std::int64_t start_ = 0;
    std::int64_t end_ = std::numeric_limits<std::int64_t>::max();
    std::vector<std::string> models_;
    bool by_model_ = false;
    bool by_date_ = false;
    std::int64_t shift_ = 0;
    bool of_one_key_ = true;
};

} // namespace apimart::testing::emulation

#endif
