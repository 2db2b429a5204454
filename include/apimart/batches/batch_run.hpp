// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCHES_BATCH_RUN_HPP
#define APIMART_BATCHES_BATCH_RUN_HPP

#include <apimart/batch_item.hpp>
#include <apimart/batch_options.hpp>
#include <apimart/batch_outcome.hpp>
#include <apimart/client.hpp>
#include <apimart/journals/store.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/submit.hpp>
#include <apimart/policy/purchase_gate.hpp>
#include <apimart/policy/recovery.hpp>
#include <apimart/policy/spending.hpp>
#include <apimart/policy/stop_rules.hpp>
#include <apimart/price.hpp>
#include <apimart/runtime/context_service.hpp>
#include <apimart/runtime/idempotency_key.hpp>
#include <apimart/runtime/item_source.hpp>
#include <apimart/runtime/journal_port.hpp>
#include <apimart/text/escape.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart::detail {

class batch_run;

// A call of `batch::next`. One that loses a race, such as `next() || timer`, is cancelled on its way back, and its outcome
// goes to the next call.
class outcome_call final : public pending<std::optional<batch_outcome>>
{
public:
    using pending::pending;

    void give(std::shared_ptr<batch_run> from, batch_outcome&& given)
    {
        outcome.emplace(std::move(given));
        from_ = std::move(from);
    }
    void settle() override;

    std::atomic<bool> cancelled{false};

private:
    std::shared_ptr<batch_run> from_;
};

// An item between its source and its outcome. While its task runs there is no coroutine for it, because there can be very
// many.
class batch_entry
{
public:
    enum class stage
    {
        waiting,
        uploading,
        submitting,
        generating,
        downloading
    };

    any_request request;
    batch_outcome told;
    std::string duration_class;
    std::optional<std::int64_t> most; // that it can cost
    stage at = stage::waiting;
    bool journalled = false; // the journal holds it for this process
    bool intended = false;   // and says that it may be on its way
    bool paid = false;       // in an earlier run, by its books
    std::optional<std::chrono::steady_clock::time_point> accepted_at;
    std::optional<std::chrono::system_clock::time_point> first_sent; // by an earlier process, perhaps
    purchase_gate::ticket ticket;
    std::optional<std::chrono::steady_clock::time_point> begun;
    boost::asio::cancellation_signal cancelling; // of what it waits for in the client
};

// What a batch is while it runs. Everything in it happens on its strand, but for what takes the mutex.
class batch_run final : public std::enable_shared_from_this<batch_run>
{
public:
    using clock = std::chrono::steady_clock;
    using entry = std::shared_ptr<batch_entry>;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    batch_run(client const& by, std::shared_ptr<journal_port> journal, batch_options options);
    batch_run(batch_run const&) = delete;
    batch_run& operator=(batch_run const&) = delete;
    ~batch_run()
    {
        hooks_->on_shutdown = [] {};
    }

    boost::asio::any_io_executor const& get_executor() const noexcept { return executor_; }
    void start(item_source source);
    batch_progress progress() const;

    template <class Function>
    void post(Function&& function)
    {
        if (!dead_.load(std::memory_order_acquire))
            boost::asio::post(*strand_, std::forward<Function>(function));
    }

    // ---- On the strand.

    void next(std::shared_ptr<outcome_call> one)
    {
        calls_.push_back(std::move(one));
        serve();
        pump();
    }
    void cancel(std::shared_ptr<outcome_call> const& one)
    {
        if (std::erase(calls_, one) == 0)
            return;
        one->outcome.emplace(error_info(boost::asio::error::operation_aborted));
        deliver(one);
    }
    // An outcome that was given and did not arrive.
    void take_back(batch_outcome&& given)
    {
        outcomes_.push_front(std::move(given));
        serve();
    }
    void pause(bool paused);
    void stop(std::string words) { stop_because(stop_cause::caller, std::move(words)); }
    void cancel_all();

private:
    using cancellation_type = boost::asio::cancellation_type;
    using stage = batch_entry::stage;

    // ---- From a source's item to its outcome, in this order.

    awaitable<void> read();
    awaitable<void> open_journal();
    awaitable<std::optional<batch_item>> read_one();
    awaitable<std::optional<journal_record>> read_abandoned();
    awaitable<void> admit(entry one, std::optional<journal_record> known);
    awaitable<void> buy(entry one);
    awaitable<std::optional<error_info>> upload(entry one);
    awaitable<void> bought(entry one, task accepted);
    awaitable<void> not_bought(entry one, error_info why);
    void wait_for(entry one);
    awaitable<void> collect(entry one, result<task_result> seen);
    awaitable<std::optional<error_info>> fetch(entry one);
    void give(entry const& one, batch_end end, error_info why = {});

    void pump();
    void serve();
    void destroy();

    // ---- What they have in common.

    bool has_room() const
    {
        return entries_.size() < options_.max_in_flight && outcomes_.size() < options_.max_outcomes;
    }
    bool wants_more() const
    {
        return !source_ended_ && !cancelled_ && !gate_.paused() && has_room() &&
               (!stopped_ || options_.read_on_after_stop);
    }
    bool is_over() const
    {
        return started_ && entries_.empty() && !reading_ && closing_ == 0 &&
               (source_ended_ || cancelled_ || (stopped_ && !options_.read_on_after_stop));
    }
    bool may_buy() const { return !stopped_ && !gate_.paused(); }

    template <class Function>
    void count(Function change)
    {
        std::lock_guard const lock(mutex_);
        change(counts_);
    }
    static std::uint64_t& counter_of(batch_progress& counts, stage at)
    {
        switch (at) {
        case stage::uploading:
            return counts.uploading;
        case stage::submitting:
            return counts.submitting;
        case stage::generating:
            return counts.generating;
        case stage::downloading:
            return counts.downloading;
        case stage::waiting:
            break;
        }
        return counts.waiting;
    }
    void move(batch_entry& one, stage to)
    {
        count([&](batch_progress& counts) {
            --counter_of(counts, one.at);
            ++counter_of(counts, to);
        });
        one.at = to;
    }
    void show_money();
    entry enter(batch_item item);
    void leave(entry const& one);
    void make_ready(entry const& one);
    void stop_because(stop_cause cause, std::string words, batch_entry const* shown_by = nullptr,
                      error_info why = {});
    void withdraw_unsent();
    void end_reading();
    error_info not_sent_reason(batch_entry const& one) const;
    std::optional<std::chrono::milliseconds> time_left() const;
    std::filesystem::path path_of(batch_entry const& one, std::size_t video, std::size_t videos) const;
    void prepare_folder();

    // A step of the journal, of which a failure stops the buying and nothing else.
    awaitable<std::optional<error_info>> write_down(journal_change change);
    awaitable<void> settle(entry one, journal_outcome outcome);
    awaitable<void> finish(entry one, journal_outcome outcome);
    awaitable<void> release(std::uint64_t index);

    // Runs one of the coroutines above.
    void spawn(awaitable<void> work, entry one = nullptr);
    void broken(entry const& one, std::exception_ptr const& thrown);

    template <class Call>
    void deliver(std::shared_ptr<Call> done) const
    {
        boost::asio::post(executor_, [done = std::move(done)]() mutable {
            auto handler = std::move(done->handler);
            std::move(handler)(std::move(done));
        });
    }
    // What waits in the client is told by its entry.
    auto token_of(batch_entry& one)
    {
        return as_result(
            boost::asio::bind_cancellation_slot(one.cancelling.slot(), boost::asio::use_awaitable));
    }

    client client_;
    std::shared_ptr<journal_port> const journal_;
    batch_options const options_;
    boost::asio::any_io_executor executor_;
    std::optional<boost::asio::strand<boost::asio::any_io_executor>> strand_;
    std::optional<boost::asio::steady_timer> wake_;
    std::optional<clock::time_point> wakes_at_;
    std::optional<clock::time_point> end_;
    std::shared_ptr<context_hooks> hooks_;
    std::atomic<bool> dead_{false};
    std::atomic<bool> taken_{false}; // the one call of `start`

    recovery_rules const recovery_;
    purchase_gate gate_;
    spending money_;
    stop_rules rules_;
    idempotency_keys keys_;

    item_source source_;
    bool started_ = false;
    bool reading_ = false;
    // What the source waits for. The reading's own handler owns it: what is in a signal must not outlive the context.
    std::weak_ptr<boost::asio::cancellation_signal> reading_on_;
    bool journal_is_open_ = false;
    bool source_ended_ = false;
    bool input_ended_ = false;
    bool cancelled_ = false;
    bool any_accepted_ = false;
    std::uint64_t next_index_ = 0;
    std::optional<batch_stop> stopped_;
    std::size_t closing_ = 0; // last steps of the journal
    std::map<std::uint64_t, entry> entries_;
    std::map<std::uint64_t, entry> ready_; // those of them whose turn can come
    std::deque<batch_outcome> outcomes_;
    std::deque<std::shared_ptr<outcome_call>> calls_;
    bool pumping_ = false;
    bool pump_again_ = false;

    mutable std::mutex mutex_;
    batch_progress counts_;
    std::optional<clock::time_point> begun_;
    std::optional<clock::time_point> quiet_until_;
    std::deque<clock::time_point> ends_; // the latest
};

inline void outcome_call::settle()
{
    auto const from = std::move(from_);
    if (!from || !cancelled.load())
        return;
    batch_outcome given = std::move(**outcome).value();
    outcome.emplace(error_info(boost::asio::error::operation_aborted));
    from->post([from, given = std::move(given)]() mutable { from->take_back(std::move(given)); });
}

// What was thrown, as an `error_info`.
inline error_info failure_of(std::exception_ptr const& thrown, errc otherwise)
{
    try {
        std::rethrow_exception(thrown);
    } catch (error const& e) {
        return e.info();
    } catch (boost::system::system_error const& e) {
        return error_info(otherwise, e.what()).underlying(e.code());
    } catch (std::exception const& e) {
        return error_info(otherwise, e.what());
    } catch (...) {
        return error_info(otherwise, "an exception of an unknown type");
    }
}

inline std::string in_usd(double amount)
{
    char text[64];
    return std::string(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.2f USD",
                                                                    std::clamp(amount, -1e15, 1e15))));
}

inline std::int64_t in_micro_usd(double usd)
{
    constexpr double most = 9e12; // dollars, far from the end of the type
    return std::llround(std::clamp(usd, -most / 1e6, most / 1e6) * 1e6);
}

} // namespace apimart::detail

#endif
