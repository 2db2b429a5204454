// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_CLIENT_CORE_HPP
#define APIMART_DETAIL_CLIENT_CORE_HPP

#include <apimart/detail/authorization.hpp>
#include <apimart/detail/client_entry.hpp>
#include <apimart/detail/context_watch.hpp>
#include <apimart/detail/operation.hpp>
#include <apimart/detail/poll_schedule.hpp>
#include <apimart/detail/submit_machine.hpp>
#include <apimart/detail/transport/connection_pool.hpp>
#include <apimart/detail/transport/http_exchange.hpp>
#include <apimart/detail/transport/origin.hpp>
#include <apimart/detail/waiter_queue.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace apimart::detail {

// A share of the client's capacity, first come, first served.
class gate
{
public:
    explicit gate(int places) : free_(places) {}

    bool try_enter() noexcept
    {
        if (free_ <= 0 || !waiting.empty())
            return false;
        --free_;
        return true;
    }
    // The place goes straight to the next in line, so that nobody can slip in between.
    void leave()
    {
        if (!waiting.wake_one())
            ++free_;
    }

    waiter_queue waiting;

private:
    int free_;
};

// Leaves the gate when the operation ends, however it ends.
class gate_place
{
public:
    explicit gate_place(gate& g) : gate_(&g) {}
    gate_place(gate_place const&) = delete;
    gate_place& operator=(gate_place const&) = delete;
    ~gate_place() { gate_->leave(); }

private:
    gate* gate_;
};

// A task that is being waited for, with those who wait for it.
class watched_task : public scheduled_poll
{
public:
    using scheduled_poll::scheduled_poll;

    class waiter
    {
    public:
        waiter(std::uint64_t number, time_point until, completion<finished_task> h,
               boost::asio::any_completion_executor w)
            : serial(number), deadline(until), handler(std::move(h)), work(std::move(w))
        {}

        std::uint64_t serial;
        time_point deadline;
        completion<finished_task> handler;
        boost::asio::any_completion_executor work; // the caller's executor must not run out of it meanwhile
    };

    // A list, whose elements never move: in Asio 1.26, assigning an any_completion_handler to another
    // recurses without end.
    std::list<waiter> waiters;
    bool polling = false;
};

// The state that all copies of a client share. Everything in it happens on one strand; the functions whose
// names begin with `start` may be called from anywhere.
class client_core final : public std::enable_shared_from_this<client_core>, private context_bound
{
public:
    using executor_type = boost::asio::any_io_executor;
    using clock = std::chrono::steady_clock;

    client_core(executor_type executor, client_config config, request_url base,
                boost::asio::ssl::context tls);
    client_core(client_core const&) = delete;
    client_core& operator=(client_core const&) = delete;
    ~client_core();

    void start_submit(any_request request, submit_options options, completion<task> handler);
    void start_wait(task which, wait_options options, completion<finished_task> handler);
    void start_status(task which, completion<task_state> handler);
    void start_generate(any_request request, submit_options submit, wait_options wait,
                        completion<finished_task> handler);
    void start_download(video_file file, std::filesystem::path to, download_options options,
                        completion<std::uint64_t> handler);
    void start_shutdown(completion<shutdown_report> handler);
    void start_farewell();

    executor_type get_executor() const { return executor_; }
    metrics read_metrics() const;

private:
    template <class T, class Body>
    void launch(completion<T> handler, bool is_submit, Body body);
    template <class T>
    void deliver(completion<T> handler, result<T> outcome) const;

    using operation_ptr = std::shared_ptr<operation>;

    boost::asio::awaitable<result<task>> submit(operation_ptr op, any_request request,
                                                submit_options options);
    boost::asio::awaitable<result<task_state>> status(operation_ptr op, task which);
    boost::asio::awaitable<result<finished_task>>
    generate(operation_ptr op, any_request request, submit_options submit_with, wait_options wait_with);
    boost::asio::awaitable<result<std::uint64_t>>
    download(operation_ptr op, video_file file, std::filesystem::path to, download_options options);
    boost::asio::awaitable<result<std::uint64_t>> transfer(operation& op, std::string url,
                                                           class part_file& file,
                                                           download_options const& options,
                                                           std::string& etag);
    boost::asio::awaitable<exchange_outcome> ask_for_task(operation& op, std::string id);
    boost::asio::awaitable<error_code> pause(std::chrono::milliseconds delay);
    boost::asio::awaitable<error_code> enter(gate& g);
    boost::asio::awaitable<exchange_outcome> poll(operation_ptr op, std::string id);
    boost::asio::awaitable<shutdown_report> shutdown();

    void add_waiter(task const& which, watched_task::waiter entry);
    void drop_waiter(std::string const& id, std::uint64_t serial, error_code why);
    void polled(watched_task& which, result<task_state> const& answer);
    bool expire(watched_task& which, result<task_state> const& answer, clock::time_point now);
    void forget(watched_task& which);
    void set_deadline(watched_task& which);
    void pump_polls();
    void begin_shutdown();

    result<task_state> judge_task_answer(exchange_outcome const& outcome, std::string const& id) const;
    std::string request_head(std::string_view method, std::string_view path) const;
    error_code stop_code(operation const& op, error_code otherwise) const;
    std::string mint_key();

    void abandon() override;

    executor_type executor_;
    client_config config_;
    request_url base_;
    authorization authorization_;
    std::optional<boost::asio::strand<executor_type>> strand_;
    connection_pool pool_;
    gate submits_;
    gate downloads_;
    poll_schedule schedule_;
    std::unordered_map<std::string, std::unique_ptr<watched_task>> watched_;
    std::optional<boost::asio::steady_timer> poll_timer_;
    clock::time_point poll_timer_at_ = clock::time_point::max();
    int polls_under_way_ = 0;
    clock::time_point submit_not_before_{};
    std::list<operation_ptr> operations_;
    waiter_queue idle_;
    bool shutting_down_ = false;
    std::size_t stopped_ = 0;
    std::size_t unknown_ = 0;
    std::vector<std::string> interrupted_;
    std::atomic<std::uint64_t> next_serial_{0};
    std::uint64_t seed_;

    struct counters
    {
        std::atomic<std::uint64_t> submits_sent{0};
        std::atomic<std::uint64_t> tasks_accepted{0};
        std::atomic<std::uint64_t> outcomes_unknown{0};
        std::atomic<std::uint64_t> polls_sent{0};
        std::atomic<std::uint64_t> tasks_finished{0};
        std::atomic<std::uint64_t> bytes_downloaded{0};
        std::atomic<std::uint64_t> connections_opened{0};
        std::atomic<std::uint64_t> tasks_waiting{0};
    };
    counters counters_;
};

// What copies of a client hold. The last copy's end is the client's end, while operations keep the core.
class client_handle
{
public:
    explicit client_handle(std::shared_ptr<client_core> shared) : core(std::move(shared)) {}
    client_handle(client_handle const&) = delete;
    client_handle& operator=(client_handle const&) = delete;
    ~client_handle() { core->start_farewell(); }

    std::shared_ptr<client_core> core;
};

} // namespace apimart::detail

#endif
