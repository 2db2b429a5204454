// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CLIENT_CORE_HPP
#define APIMART_RUNTIME_CLIENT_CORE_HPP

#include <apimart/client_config.hpp>
#include <apimart/http/connection_pool.hpp>
#include <apimart/http/exchange.hpp>
#include <apimart/metrics.hpp>
#include <apimart/policy/poll_scheduler.hpp>
#include <apimart/policy/rate_limiter.hpp>
#include <apimart/policy/retry_budget.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/runtime/authorization.hpp>
#include <apimart/runtime/block_cache.hpp>
#include <apimart/runtime/client_entry.hpp>
#include <apimart/runtime/context_service.hpp>
#include <apimart/runtime/idempotency_key.hpp>
#include <apimart/runtime/operation.hpp>
#include <apimart/runtime/transport.hpp>
#include <apimart/text/printable.hpp>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace apimart::detail {

class submit_flow;
class download_operation;
class poll_slot;
class shutdown_operation;

// One of the addresses of the service, with the parts of its requests that never change.
class api_base
{
public:
    detail::origin origin;
    std::string post;     // "POST /v1/videos/generations HTTP/1.1\r\n..." up to the idempotency key
    std::string get;      // "GET /v1/tasks/"
    std::string get_tail; // what follows the task's id
};

// The bases one request has tried.
class base_walk
{
public:
    std::size_t index = 0;
    std::size_t tried = 1;
};

// Somebody who waits for a task. Kept alive by itself while it is in a task's list.
class task_waiter
{
public:
    virtual void task_done(result<finished_task>&& outcome) = 0;
    virtual std::shared_ptr<task_waiter> keep() = 0;
    virtual operation& who() noexcept = 0;

    alarm::time_point deadline{};

protected:
    task_waiter() = default;
    task_waiter(task_waiter const&) = default;
    task_waiter& operator=(task_waiter const&) = default;
    ~task_waiter() = default;
};

// A submit in line for its turn.
class queued_submit
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>
{};

// A task that is being waited for, with those who wait for it.
class watched_task
    : public scheduled_poll,
      public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
{
public:
    struct key_of
    {
        using type = std::string;
        type const& operator()(watched_task const& which) const noexcept { return which.id; }
    };

    void reset(std::string const& task_id, std::string const& task_profile, time_point accepted)
    {
        scheduled_poll::reset(task_id, task_profile, accepted);
        waiters.clear();
        seen.clear();
        number = 0;
    }

    std::vector<std::shared_ptr<task_waiter>> waiters;
    std::string seen;         // the state the observer was told last
    std::uint64_t number = 0; // of the operation that was the first to wait for it
    poll_slot* by = nullptr;  // asks for its state at present
};

// What a submit needs to be sent.
class sending
{
public:
    sending(transport& home, connection_pool& pool, exchange_owner& owner) : through(home, pool, owner) {}

    exchange through;
    // For what becomes of the submit when there is no memory to say it.
    failure last_words{errc::local_resource};
};

// The state that all copies of a client share. Everything in it happens inside (see `transport::enter`); the
// functions whose names begin with `start` may be called from anywhere.
class client_core final : public transport, private context_bound
{
public:
    client_core(executor_type executor, client_config config, std::vector<request_url> bases,
                proxy_rules through, tls_context secure);
    client_core(client_core const&) = delete;
    client_core& operator=(client_core const&) = delete;
    ~client_core() override;

    void start_submit(any_request&& request, submit_options&& options, completion<task>&& handler);
    void start_wait(task&& which, wait_options const& options, completion<finished_task>&& handler);
    void start_status(task&& which, status_options const& options, completion<task_state>&& handler);
    void start_generate(any_request&& request, submit_options&& submit, wait_options const& wait,
                        completion<finished_task>&& handler);
    void start_download(video_file&& file, std::filesystem::path to, download_options const& options,
                        completion<std::uint64_t>&& handler);
    void start_shutdown(completion<shutdown_report>&& handler);
    void start_farewell();

    metrics read_metrics() const;

    // ---- for the operations, inside ----

    std::shared_ptr<client_core> self() { return std::static_pointer_cast<client_core>(shared_from_this()); }
    void conclude(operation& which, error_code why, proof_level proof, std::string_view task_id,
                  int attempts);
    std::uint64_t seed() noexcept { return ++seed_; }

    // Where the next request to the API goes, and whether there is another place after a failed connection.
    base_walk begin_walk() const noexcept { return {current_base_, 1}; }
    api_base const& base(base_walk const& at) const { return bases_[at.index]; }
    bool walk_on(base_walk& at, http_result const& outcome);
    bool is_home(origin const& to) const;

    // For a submit, from its turn to its end; kept for the next one, with the memory of its texts.
    std::unique_ptr<sending> lend_sending(exchange_owner& owner);
    void give_back(std::unique_ptr<sending> lent);
    void enqueue_submit(submit_flow& which);
    void dequeue_submit(submit_flow& which);
    void pump_submits();
    void enqueue_download(download_operation& which);
    void dequeue_download(download_operation& which);
    void leave_download();

    void add_waiter(task const& which, std::shared_ptr<task_waiter> entry);
    void drop_waiter(std::string const& id, task_waiter const& entry, failure why);
    void polled(watched_task& which, result<task_state>&& answer, poll_slot& by);

    result<task_state> judge_task_answer(http_result const& outcome, std::string const& id) const;
    void tell_attempt(request_kind kind, std::uint64_t number, int attempt, std::string_view task_id,
                      std::string_view key, std::string const& host, exchange const& done);
    void tell_retry(request_kind kind, std::uint64_t number, int next, std::chrono::milliseconds delay,
                    failure const& why, bool same_key);

    connection_pool pool;
    retry_budget budget;
    rate_limiter submit_rate;
    key_source keys;
    client_config config;
    authorization const credentials;

private:
    template <class Operation>
    void launch(std::shared_ptr<Operation> op);
    void admit(std::shared_ptr<operation> op);
    void end_now(operation& which) noexcept;
    void end_waiters(result<finished_task> outcome);
    void report(watched_task& which, result<task_state> const& answer, clock::time_point now);
    bool expire(watched_task& which, result<task_state> const& answer, clock::time_point now);
    using watched_tasks =
        boost::intrusive::set<watched_task, boost::intrusive::key_of_value<watched_task::key_of>>;
    watched_task& watch(task const& which, watched_tasks::insert_commit_data const& place);
    std::unique_ptr<watched_task> take_out(watched_task& which);
    void reuse(std::unique_ptr<watched_task> which);
    void forget(watched_task& which);
    std::vector<std::shared_ptr<operation>> under_way();
    void set_deadline(watched_task& which);
    void pump_polls();
    void drop_all();
    void begin_shutdown();
    void cut();
    void finish_shutdowns();
    bool quiet() const noexcept override;
    void calmed() override { pool.let_idle_rest(); }
    void break_off() noexcept override;
    void abandon() override;

    std::vector<api_base> bases_;
    std::size_t current_base_ = 0;

    // Memory of operations that have ended, by kind. Used on the callers' threads, too.
    static constexpr std::size_t spare_blocks = 64;
    block_cache::owner const submit_memory_ = block_cache::make(spare_blocks);
    block_cache::owner const wait_memory_ = block_cache::make(spare_blocks);
    block_cache::owner const status_memory_ = block_cache::make(spare_blocks);

    boost::intrusive::list<operation, boost::intrusive::constant_time_size<false>> operations_;
    boost::intrusive::list<queued_submit> submit_queue_; // have no place yet
    boost::intrusive::list<queued_submit> resend_queue_; // have one
    int submit_places_;
    std::vector<std::unique_ptr<sending>> spare_sendings_;
    std::size_t sendings_made_ = 0;
    bool submit_queue_stalled_ = false; // and the observer knows
    alarm submit_alarm_;
    std::list<download_operation*> download_queue_;
    int download_places_;

    poll_scheduler schedule_;
    watched_tasks watched_;
    std::vector<std::unique_ptr<watched_task>> spare_watched_; // with the memory of their texts
    std::vector<std::shared_ptr<task_waiter>> ending_;         // in nobody's list any more, and not told yet
    std::vector<std::unique_ptr<poll_slot>> poll_slots_;
    std::vector<poll_slot*> free_slots_;
    alarm poll_alarm_;

    std::vector<std::shared_ptr<shutdown_operation>> shutdowns_;
    alarm drain_alarm_;
    bool shutting_down_ = false;
    std::size_t stopped_ = 0;
    std::size_t unknown_ = 0;
    std::vector<std::string> interrupted_;

    std::atomic<std::uint64_t> next_number_{0};
    std::uint64_t seed_;
};

// What copies of a client hold. The last copy's end is the client's end, while operations keep the core.
class client_handle
{
public:
    explicit client_handle(std::shared_ptr<client_core> shared) : core(std::move(shared)) {}
    client_handle(client_handle const&) = delete;
    client_handle& operator=(client_handle const&) = delete;
    ~client_handle()
    {
        try {
            core->start_farewell();
        } catch (std::bad_alloc const&) { // what is under way goes on to its end, then
        }
    }

    std::shared_ptr<client_core> core;
};

} // namespace apimart::detail

#endif
