// SPDX-License-Identifier: BSL-1.0
// What the routes of one emulated service share.
#ifndef APIMART_TESTING_SERVICE_SERVICE_STATE_HPP
#define APIMART_TESTING_SERVICE_SERVICE_STATE_HPP

#include <apimart/testing/emulator_options.hpp>
#include <apimart/testing/faults/seeded_random.hpp>
#include <apimart/testing/files/file_server.hpp>
#include <apimart/testing/files/uploaded_images.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/service/books.hpp>
#include <apimart/testing/service/callback_order.hpp>
#include <apimart/testing/service/idempotency_keys.hpp>
#include <apimart/testing/service/task_id.hpp>
#include <apimart/testing/service/task_record.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace apimart::testing::emulation {

/// The place of a request in the books; nothing for requests that are not in them.
using request_number = std::optional<std::size_t>;

/// Options, clock, files and books of one service. What is below the mutex is guarded by it.
class service_state
{
public:
    service_state(emulator_options const& given, std::string address)
        : options(given), origin(std::move(address)), seed(given.seed.value_or(1)), clock(given.clock),
          files(seed, given.scenario.file_bytes, given.scenario.link),
          writer(options.scenario, clock, files, origin, given.speed, seed),
          keys(given.scenario.idempotency, shortened(given.scenario.idempotency_seconds))
    {}
    // writer refers to its neighbours.
    service_state(service_state const&) = delete;
    service_state& operator=(service_state const&) = delete;

    scenario const& form() const noexcept { return options.scenario; }
    std::int64_t unix_now() const { return clock.unix_seconds(clock.now()); }

    /// A time that passes faster with the options' speed; not less than ten seconds at the speeds that tests use, where a
    /// day is shorter than a pause.
    service_clock::duration shortened(double asked) const
    {
        double const seconds = std::max(std::min(asked, 10.0), asked / options.speed);
        return std::chrono::duration_cast<service_clock::duration>(std::chrono::duration<double>(seconds));
    }

    reply error(error_description const& what)
    {
        std::string const id = next_request_id();
        reply out(what.status, error_body(what, form().error_code, id));
        out.add_header("X-Oneapi-Request-Id", id);
        return out;
    }

    reply not_found(request_view const& request)
    {
        return error(error_description(404, "Invalid URL (" + std::string(request.path) + ')'));
    }

    /// A refusal of one parameter.
    reply invalid(std::string_view param, std::string const& message, std::string_view code = {})
    {
        error_description what(400, message);
        what.param = param;
        what.code = code;
        return error(what);
    }

    std::string next_request_id()
    {
        std::uint64_t const n = next_request_.fetch_add(1, std::memory_order_relaxed);
        constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        std::string id = utc_text(unix_now(), "%Y%m%d%H%M%S");
        char number[16];
        std::snprintf(number, sizeof number, "%09llu", static_cast<unsigned long long>(n % 1'000'000'000));
        id += number;
        std::uint64_t bits = draw(seed, draw_for::request, n);
        for (int i = 0; i < 8; ++i, bits /= letters.size())
            id += letters[bits % letters.size()];
        return id;
    }

    /// The id of the `n`-th accepted task, in the form that the scenario asks for.
    std::string make_id(std::uint64_t n) const
    {
        std::uint64_t const moment = options.seed
                                         ? first_moment_ms + n
                                         : static_cast<std::uint64_t>(clock.unix_milliseconds(clock.now()));
        if (form().submit_reply == scenario::submit_reply_form::numeric_id)
            return std::to_string(moment * 1000 + n % 1000);
        std::string id = make_task_id(options.seed.value_or(chance_), moment, n);
        if (form().submit_reply == scenario::submit_reply_form::long_id)
            id.append(200 - id.size(), '0');
        return id;
    }

    /// What all completed tasks cost together, or those of one key. The mutex is held.
    micro_usd used(std::optional<std::uint32_t> key = std::nullopt) const
    {
        auto const now = clock.now();
        micro_usd sum = 0;
        for (auto const& [id, task] : tasks)
            if (task.life.at(now - task.created).phase == task_phase::completed &&
                (!key || books.accepted[task.index].key == *key))
                sum += price_of(task.what);
        return sum;
    }
    micro_usd held() const { return std::llround(form().balance_usd * 1e6); }

    /// The number of an API key, by the order of their first tasks. The mutex is held.
    std::uint32_t number_of_key(std::string_view key)
    {
        return key_numbers_.emplace(key, static_cast<std::uint32_t>(key_numbers_.size())).first->second;
    }

    emulator_options const options;
    std::string const origin;
    /// Of all that is left to chance but ids.
    std::uint64_t const seed;
    service_clock clock;
    file_server files;
    task_writer writer;
    std::function<void(callback_order)> callback;

    mutable std::mutex mutex;
    class books books;
    idempotency_keys keys;
    uploaded_images uploads;
    /// Keys refer to the ids in the books.
    std::unordered_map<std::string_view, task_record> tasks;
    /// What all accepted tasks that will succeed cost together.
    micro_usd committed = 0;
    /// Answers about usage, which are kept for some time, by the key's number and the question.
    struct kept_answer
    {
        std::string body;
        service_clock::duration until{0};
    };
    std::unordered_map<std::string, kept_answer> usage_answers;
    /// When each key has asked about usage.
    std::unordered_map<std::uint32_t, std::deque<service_clock::duration>> usage_calls;

private:
    static constexpr std::uint64_t first_moment_ms = 1'763'088'289'000;

    static std::uint64_t by_chance()
    {
        std::random_device source;
        return static_cast<std::uint64_t>(source()) << 32U | source();
    }

    std::uint64_t const chance_ = by_chance();
    std::atomic<std::uint64_t> next_request_ = 0;
    std::unordered_map<std::string, std::uint32_t> key_numbers_;
};

} // namespace apimart::testing::emulation

#endif
