// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_POSTGRESQL_STORE_HPP
#define APIMART_JOURNALS_POSTGRESQL_STORE_HPP

#include <apimart/error.hpp>
#include <apimart/journals/item_key.hpp>
#include <apimart/journals/postgresql_connection.hpp>
#include <apimart/journals/postgresql_schema.hpp>
#include <apimart/journals/rules.hpp>
#include <apimart/journals/store.hpp>
#include <apimart/postgresql_journal_options.hpp>
#include <apimart/runtime/context_service.hpp>
#include <apimart/runtime/executor.hpp>
#include <apimart/text/escape.hpp>
#include <apimart/text/redact.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace apimart::detail {

// One operation of a journal in PostgreSQL: a statement, and what its result means.
class postgresql_call
{
public:
    using clock = std::chrono::steady_clock;

    postgresql_call() = default;
    postgresql_call(postgresql_call const&) = delete;
    postgresql_call& operator=(postgresql_call const&) = delete;
    virtual ~postgresql_call() = default;

    virtual postgresql_query query(class postgresql_session const& session) const = 0;
    virtual void read(class postgresql_session& session, postgresql_result const& answer) = 0;
    virtual void fail(error_info why) = 0;
    virtual void deliver(boost::asio::any_io_executor const& on) = 0;

    clock::time_point const begun = clock::now();
    std::uint64_t order =
        0; // within a transaction: new items by their index, so that no two processes lock each other out
    bool needs_disk = false; // before it completes
    bool adopts = false;
    bool may_be_done = false; // its answer was lost
};

// The connection of a journal, with what waits for it; it goes on where the last handle has gone until all is given back.
// Everything in it happens on the strand, but for `start`.
class postgresql_session : public std::enable_shared_from_this<postgresql_session>
{
public:
    using clock = std::chrono::steady_clock;

    postgresql_session(boost::asio::any_io_executor const& on, std::string const& address, std::string batch,
                       postgresql_journal_options const& wanted)
        : executor_(on), address_(address), batch_name_(std::move(batch)), options_(wanted),
          strand_(std::in_place, inner_executor(on)), hooks_(std::make_shared<context_hooks>())
    {
        connection_.emplace(*strand_);
        wake_.emplace(*strand_);
        hooks_->on_shutdown = [this] { destroy(); };
        hooks_->on_fork_child = [this] { disown(); };
        auto& context = boost::asio::query(executor_, boost::asio::execution::context);
        boost::asio::use_service<context_service>(context).add(hooks_);
    }
    postgresql_session(postgresql_session const&) = delete;
    postgresql_session& operator=(postgresql_session const&) = delete;
    ~postgresql_session()
    {
        hooks_->on_shutdown = [] {};
        hooks_->on_fork_child = [] {};
    }

    boost::asio::any_io_executor const& get_executor() const noexcept { return executor_; }
    bool read_only() const noexcept { return options_.read_only; }
    bool forked() const noexcept { return forked_; }

    // From any thread.
    void start(std::shared_ptr<postgresql_call> one)
    {
        post([self = shared_from_this(), one = std::move(one)]() mutable {
            self->queue_.push_back(std::move(one));
            self->run_if_idle();
        });
    }
    void cancel(std::shared_ptr<postgresql_call> one)
    {
        post([self = shared_from_this(), one = std::move(one)] {
            if (std::erase(self->queue_, one) != 0)
                self->end(*one, error_info(boost::asio::error::operation_aborted));
        });
    }
    // The last handle has gone.
    void close()
    {
        post([self = shared_from_this()] {
            self->closing_ = true;
            self->run_if_idle();
        });
    }

    // ---- For the calls.

    std::string const& batch() const noexcept { return batch_; }
    std::string const& batch_id() const noexcept { return batch_id_; }
    std::string const& worker() const noexcept { return worker_; }
    bool lease_is_over() const { return clock::now() >= lease_end_; }

    void holds(journal_record const& item)
    {
        if (unfinished.contain(item.state))
            held_.insert(item.index);
        else
            held_.erase(item.index);
    }
    void lets_go(std::uint64_t index) { held_.erase(index); }

    // All items that a call of this process may have taken and been told of, for PostgreSQL.
    std::string known() const
    {
        std::string list = "{";
        for (std::uint64_t const each : held_)
            list.append(std::to_string(each)).append(",");
        for (auto const& each : group_)
            if (each->order != UINT64_MAX)
                list.append(std::to_string(each->order)).append(",");
        if (list.back() == ',')
            list.pop_back();
        return list + "}";
    }

private:
    using calls = std::vector<std::shared_ptr<postgresql_call>>;

    template <class Function>
    void post(Function&& function)
    {
        if (!dead_)
            boost::asio::post(*strand_, std::forward<Function>(function));
    }

    void run_if_idle()
    {
        if (dead_)
            return;
        if (running_) {
            if (!pausing_)
                wake_->cancel();
            return;
        }
        running_ = true;
        // Nobody waits for it, and it tells every failure to those that wait for its steps.
        boost::asio::co_spawn(*strand_, run(shared_from_this()), boost::asio::detached);
    }

    // ---- The coroutine, which is there while something waits or something is held.

    static awaitable<void> run(std::shared_ptr<postgresql_session> self)
    {
        try {
            while (co_await self->turn()) {
            }
        } catch (std::exception const& why) {
            self->fail_all(error_info(errc::journal_failed, why.what()));
            self->running_ = false;
        }
    }

    awaitable<bool> turn()
    {
        if (forked_)
            fail_all(error_info(errc::used_after_fork));
        if (queue_.empty() && closing_) {
            co_await say_farewell();
            running_ = false;
            co_return false;
        }
        if (queue_.empty() && held_.empty()) {
            running_ = false;
            co_return false;
        }
        if (queue_.empty() && clock::now() < renewal_) {
            wake_->expires_at(renewal_);
            co_await wake_->async_wait(use_tuple);
            co_return !dead_;
        }
        take();
        std::optional<error_info> const trouble = co_await work();
        if (dead_)
            co_return false;
        if (!trouble) {
            pause_ = first_pause;
            group_.clear();
            co_return true;
        }
        give_back(*trouble);
        wake_->expires_after(pause_);
        pause_ = std::min(2 * pause_, longest_pause);
        pausing_ = true;
        if (!queue_.empty() || !held_.empty())
            co_await wake_->async_wait(use_tuple);
        pausing_ = false;
        co_return !dead_;
    }

    // Those that wait for the disk and those that do not take turns. A bounded number for one transaction, and of those that adopt an item one: the next is to see what it took.
    void take()
    {
        constexpr std::size_t most = 256;
        bool const other_kind = std::any_of(
            queue_.begin(), queue_.end(), [this](auto const& each) { return each->needs_disk != to_disk_; });
        if (other_kind)
            to_disk_ = !to_disk_;
        bool adopting = false;
        calls left;
        for (auto& each : queue_) {
            bool const fits = each->needs_disk == to_disk_ && group_.size() != most &&
                              !(each->adopts && std::exchange(adopting, true));
            (fits ? group_ : left).push_back(std::move(each));
        }
        queue_ = std::move(left);
        std::sort(group_.begin(), group_.end(), [](auto const& a, auto const& b) {
            return a->order != b->order ? a->order < b->order : a->begun < b->begun;
        });
    }

    // One transaction with all of them; the handlers are told when it has been committed.
    awaitable<std::optional<error_info>> work()
    {
        time_limit const limit(*this);
        if (!connection_->is_open()) {
            if (std::optional<error_info> why = co_await connect())
                co_return why;
        }
        std::vector<postgresql_query> queries;
        queries.emplace_back("begin");
        if (!to_disk_)
            queries.emplace_back("set local synchronous_commit to off");
        bool const renews = !options_.read_only;
        auto const asked = clock::now();
        if (renews)
            queries.emplace_back("renew", true).with(worker_).with(milliseconds(options_.lease));
        std::size_t const first = queries.size();
        for (auto const& each : group_)
            queries.push_back(each->query(*this));
        queries.emplace_back("commit");
        for (auto const& each : group_)
            each->may_be_done = true;
        std::vector<postgresql_result> const answers = co_await connection_->run(queries);
        if (dead_)
            co_return std::nullopt;
        if (answers.empty())
            co_return lost();
        for (postgresql_result const& each : answers)
            if (!each.ok()) {
                error_info const why = refusal(each);
                co_await roll_back();
                co_return why;
            }
        if (answers.back().command() != "COMMIT")
            co_return lost();
        if (renews) {
            lease_end_ = asked + options_.lease;
            renewal_ = asked + options_.lease / 3;
        }
        for (std::size_t i = 0; i != group_.size(); ++i) {
            group_[i]->read(*this, answers[first + i]);
            group_[i]->deliver(executor_);
        }
        co_return std::nullopt;
    }

    awaitable<void> roll_back()
    {
        std::vector<postgresql_query> queries;
        queries.emplace_back("rollback");
        std::vector<postgresql_result> const answers = co_await connection_->run(queries);
        if (!dead_ && answers.empty())
            connection_->close();
    }

    // Those that have waited for long enough are told; the others go on with the next connection.
    void give_back(error_info const& why)
    {
        calls const tried = std::exchange(group_, {});
        calls again;
        for (auto const& each : tried) {
            bool const may_wait =
                passing_ && ever_connected_ && clock::now() - each->begun < options_.patience;
            if (may_wait)
                again.push_back(each);
            else
                end(*each, why);
        }
        queue_.insert(queue_.begin(), again.begin(), again.end());
        // Whoever came meanwhile waits for the same.
        if (!ever_connected_)
            fail_all(why);
    }

    void end(postgresql_call& call, error_info why) const
    {
        call.fail(std::move(why));
        call.deliver(executor_);
    }
    void fail_all(error_info const& why)
    {
        for (auto const& each : std::exchange(group_, {}))
            end(*each, why);
        for (auto const& each : std::exchange(queue_, {}))
            end(*each, why);
        if (forked_)
            held_.clear();
    }

    // ---- Connecting.

    awaitable<std::optional<error_info>> connect()
    {
        passing_ = true;
        std::optional<std::string> const failed = co_await connection_->open(address_.conninfo());
        if (dead_)
            co_return std::nullopt;
        if (failed) {
            connection_->close();
            co_return failure(*failed);
        }
        std::optional<error_info> why = co_await prepare();
        if (dead_)
            co_return std::nullopt;
        if (why)
            connection_->close();
        else
            ever_connected_ = true;
        co_return why;
    }

    awaitable<std::optional<error_info>> prepare()
    {
        auto found = co_await ask(postgresql_query(postgresql::find_schema));
        if (!found)
            co_return found.error();
        if (!found->flag(0, 0)) {
            if (options_.read_only)
                co_return unusable("no journal");
            if (auto const why = co_await create_schema())
                co_return why;
        }
        auto version = co_await ask(postgresql_query(postgresql::read_version));
        if (!version)
            co_return unusable("another table named apimart_journal");
        if (version->rows() != 1 || version->text(0, 0) != std::to_string(postgresql::schema_version))
            co_return unusable("a journal of schema version " +
                               (version->rows() == 1 ? version->text(0, 0) : "?") +
                               ", and this library knows " + std::to_string(postgresql::schema_version));
        std::vector<postgresql_query> queries;
        queries.emplace_back(postgresql::be_durable);
        if (!options_.read_only)
            queries.emplace_back(postgresql::add_batch).with(batch_name_).with(new_batch_id());
        queries.emplace_back(postgresql::find_batch).with(batch_name_);
        for (auto const& [name, text] : postgresql::statements)
            queries.emplace_back("prepare " + std::string(name) + " as " + postgresql::expanded(text));
        std::vector<postgresql_result> const answers = co_await connection_->run(queries);
        if (dead_)
            co_return std::nullopt;
        if (answers.empty())
            co_return lost();
        for (postgresql_result const& each : answers)
            if (!each.ok())
                co_return refusal(each);
        postgresql_result const& batch = answers[options_.read_only ? 1 : 2];
        if (batch.rows() != 1)
            co_return unusable("no batch " + escape(batch_name_, 64));
        batch_ = batch.text(0, 0);
        batch_id_ = batch.text(0, 1);
        if (options_.read_only)
            co_return std::nullopt;
        postgresql_query worker(postgresql::add_worker);
        std::array<char, 256> host{};
        ::gethostname(host.data(), host.size() - 1);
        worker.with(worker_).with(batch_).with(host.data()).with(std::to_string(::getpid()));
        worker.with(milliseconds(options_.lease));
        auto registered = co_await ask(std::move(worker));
        if (!registered)
            co_return registered.error();
        co_return std::nullopt;
    }

    // Several processes may begin with an empty database at one time.
    awaitable<std::optional<error_info>> create_schema()
    {
        for (char const* const each : {postgresql::lock_schema, "begin"}) {
            auto done = co_await ask(postgresql_query(each));
            if (!done)
                co_return done.error();
        }
        auto found = co_await ask(postgresql_query(postgresql::find_schema));
        if (found && !found->flag(0, 0)) {
            for (char const* const each : postgresql::create_schema) {
                auto done = co_await ask(postgresql_query(each));
                if (!done)
                    co_return done.error();
            }
        }
        for (char const* const each : {"commit", postgresql::unlock_schema}) {
            auto done = co_await ask(postgresql_query(each));
            if (!done)
                co_return done.error();
        }
        co_return std::nullopt;
    }

    awaitable<result<postgresql_result>> ask(postgresql_query query)
    {
        std::vector<postgresql_query> queries;
        queries.push_back(std::move(query));
        std::vector<postgresql_result> answers = co_await connection_->run(queries);
        if (answers.empty())
            co_return lost();
        if (!answers.front().ok())
            co_return refusal(answers.front());
        co_return std::move(answers.front());
    }

    awaitable<void> say_farewell()
    {
        if (!options_.read_only && connection_->is_open()) {
            time_limit const limit(*this);
            postgresql_query farewell(postgresql::give_back);
            farewell.with(batch_).with(worker_);
            auto const done = co_await ask(std::move(farewell));
        }
        if (!dead_)
            connection_->close();
    }

    // ---- What went wrong.

    error_info failure(std::string const& words) const
    {
        return error_info(errc::journal_failed, address_.shown() + ": " + address_.redacted(words));
    }
    error_info unusable(std::string const& words)
    {
        passing_ = false;
        return error_info(errc::journal_unusable, address_.shown() + " holds " + words);
    }
    error_info lost()
    {
        passing_ = true;
        std::string words = connection_->message();
        connection_->close();
        return failure(words.empty() ? "no answer in time" : words);
    }
    error_info refusal(postgresql_result const& answer)
    {
        std::string const state = answer.sqlstate();
        // Connection, shutdown and crash of the server, a lost race of two transactions, a standby: the same works later.
        passing_ = state.empty();
        for (std::string_view const each : {"08", "40", "57", "25006"})
            passing_ = passing_ || state.starts_with(each);
        return failure(answer.message() + " (SQLSTATE " + state + ")");
    }

    static std::string milliseconds(std::chrono::milliseconds time) { return std::to_string(time.count()); }

    // A server that says nothing any more is given up.
    class time_limit
    {
    public:
        explicit time_limit(postgresql_session& session) : timer_(*session.strand_, longest_answer)
        {
            timer_.async_wait([weak = session.weak_from_this()](error_code const& ended) {
                auto const self = weak.lock();
                if (!ended && self && !self->dead_)
                    self->connection_->interrupt();
            });
        }

    private:
        timer timer_;
    };

    // ---- The end.

    // The execution context goes away: no strand and no I/O object may outlive it.
    void destroy()
    {
        dead_ = true;
        calls const dropped = std::move(queue_);
        calls const under_way = std::move(group_);
        wake_.reset();
        connection_.reset();
        strand_.reset();
    }
    void disown()
    {
        forked_ = true;
        connection_->abandon();
        wake_->cancel();
    }

    static constexpr std::chrono::milliseconds first_pause{50};
    static constexpr std::chrono::milliseconds longest_pause{1000};
    static constexpr std::chrono::seconds longest_answer{20};

    boost::asio::any_io_executor const executor_;
    postgresql_address const address_;
    std::string const batch_name_;
    postgresql_journal_options const options_;
    std::string const worker_ = new_batch_id();
    std::atomic<bool> dead_{false};
    std::atomic<bool> forked_{false};
    std::optional<executor> strand_;
    std::optional<postgresql_connection> connection_;
    std::optional<timer> wake_;
    std::shared_ptr<context_hooks> const hooks_;
    std::string batch_; // its number
    std::string batch_id_;
    calls queue_;
    calls group_; // in the transaction that is under way
    std::set<std::uint64_t> held_;
    bool running_ = false;
    bool closing_ = false;
    bool pausing_ = false; // after trouble, whoever comes
    bool to_disk_ = false; // the kind of the group
    bool ever_connected_ = false;
    bool passing_ = true; // the latest trouble
    std::chrono::milliseconds pause_ = first_pause;
    clock::time_point lease_end_{};
    clock::time_point renewal_{};
};

// What the user's handles hold.
class postgresql_store final : public journal_store
{
public:
    postgresql_store(boost::asio::any_io_executor const& on, std::string const& address, std::string batch,
                     postgresql_journal_options const& options)
        : session_(std::make_shared<postgresql_session>(on, address, std::move(batch), options))
    {}
    ~postgresql_store() override { session_->close(); }

    boost::asio::any_io_executor get_executor() const override { return session_->get_executor(); }

    void bind(completion<std::string> handler, std::string service) override
    {
        bool const changes = !service.empty();
        start(std::make_shared<binding>(std::move(handler), std::move(service)), changes);
    }
    void claim(completion<std::optional<journal_record>> handler, journal_item item) override
    {
        start(std::make_shared<claiming>(std::move(handler), std::move(item)), true);
    }
    void change(completion<journal_record> handler, journal_change change) override
    {
        auto one = std::make_shared<changing>(std::move(handler), std::move(change));
        if (auto why = refused(one->change)) {
            one->fail(std::move(*why));
            one->deliver(get_executor());
            return;
        }
        start(std::move(one), true);
    }
    void next_abandoned(completion<std::optional<journal_record>> handler) override
    {
        start(std::make_shared<adopting>(std::move(handler)), true);
    }
    void counts(completion<journal_counts> handler) override
    {
        start(std::make_shared<counting>(std::move(handler)), false);
    }
    void list(completion<std::vector<journal_record>> handler, journal_query query) override
    {
        start(std::make_shared<listing>(std::move(handler), query), false);
    }

private:
    template <class T>
    class call_of : public postgresql_call
    {
    public:
        explicit call_of(completion<T>&& handler) : done(std::make_shared<pending<T>>(std::move(handler))) {}

        void fail(error_info why) override { done->outcome.emplace(std::move(why)); }
        void deliver(boost::asio::any_io_executor const& on) override
        {
            boost::asio::post(on, [done = std::move(done)]() mutable {
                auto told = std::move(done->handler);
                std::move(told)(std::move(done));
            });
        }

        std::shared_ptr<pending<T>> done;
    };

    class binding final : public call_of<std::string>
    {
    public:
        binding(completion<std::string>&& handler, std::string&& service)
            : call_of(std::move(handler)), service_(std::move(service))
        {
            needs_disk = !service_.empty();
        }

        postgresql_query query(postgresql_session const& session) const override
        {
            postgresql_query one("bind", true);
            one.with(session.batch()).with(optional_text(service_));
            return one;
        }
        void read(postgresql_session&, postgresql_result const& answer) override
        {
            std::string known = answer.rows() != 0 ? answer.text(0, 0) : std::string();
            if (!service_.empty() && known != service_)
                return fail(other_service(known, service_));
            done->outcome.emplace(std::move(known));
        }

    private:
        std::string const service_;
    };

    class claiming final : public call_of<std::optional<journal_record>>
    {
    public:
        claiming(completion<std::optional<journal_record>>&& handler, journal_item&& given)
            : call_of(std::move(handler)), item_(std::move(given))
        {
            order = item_.index;
            needs_disk =
                true; // a server that forgot it after a crash would not know the item at its next step
        }

        postgresql_query query(postgresql_session const& session) const override
        {
            postgresql_query one("claim", true);
            one.with(session.batch()).with(item_.index).with(session.worker()).with(item_.request_hash);
            one.with(text(item_.reference)).with(text(item_.model));
            one.with(item_key(session.batch_id(), item_.index, 0)).with(text(item_.request));
            return one;
        }
        void read(postgresql_session& session, postgresql_result const& answer) override
        {
            if (answer.rows() == 0) {
                done->outcome.emplace(std::nullopt);
                return;
            }
            journal_record known = record(answer, 0);
            if (known.request_hash != item_.request_hash)
                return fail(other_request(known, item_));
            session.holds(known);
            done->outcome.emplace(std::move(known));
        }

    private:
        journal_item const item_;
    };

    class changing final : public call_of<journal_record>
    {
    public:
        changing(completion<journal_record>&& handler, journal_change&& step)
            : call_of(std::move(handler)), change(std::move(step))
        {
            needs_disk = change.step != journal_step::finish && change.step != journal_step::release;
        }

        postgresql_query query(postgresql_session const& session) const override
        {
            journal_outcome const& to = change.outcome;
            bool const is_generic = change.step == journal_step::settle ||
                                    change.step == journal_step::finish ||
                                    change.step == journal_step::resolve;
            postgresql_query one(is_generic ? "become" : std::string(to_string(change.step)), true);
            one.with(session.batch()).with(change.index).with(session.worker());
            if (is_generic) {
                one.with(std::string(to_string(to.state))).with(states()).with(optional_text(to.task_id));
                one.with(optional_text(redact_urls(to.detail))).with(optional_text(to.file));
                one.with(to.cost_micro_usd ? std::optional(std::to_string(*to.cost_micro_usd))
                                           : std::nullopt);
            } else if (change.step == journal_step::resubmit) {
                one.with(std::to_string(change.generation)).with(states());
                one.with(item_key(session.batch_id(), change.index, change.generation + 1));
            }
            return one;
        }
        void read(postgresql_session& session, postgresql_result const& answer) override
        {
            if (answer.rows() == 0)
                return fail(no_such_item(change.index));
            journal_record known = record(answer, 0);
            bool const of_another = answer.flag(0, record_size);
            bool const made = answer.flag(0, record_size + 1);
            if (of_another || change.step == journal_step::release)
                session.lets_go(known.index);
            else
                session.holds(known);
            if (of_another)
                return fail(
                    error_info(errc::journal_conflict, name_of_item(known) + " is held by another process")
                        .task_id(known.task_id));
            if (!made)
                return fail(does_not_fit(known, change));
            // Another process may take it from now on.
            if (change.step == journal_step::intend && session.lease_is_over())
                return fail(error_info(errc::journal_failed, "the lease was over before the intent of " +
                                                                 name_of_item(known) + " was known"));
            done->outcome.emplace(std::move(known));
        }

        journal_change const change;

    private:
        std::string states() const
        {
            journal_states const fit = found_by(change.step, change.outcome.state);
            std::string list = "{";
            for (std::size_t i = 0; i != journal_state_count; ++i)
                if (auto const each = static_cast<journal_state>(i); fit.contain(each))
                    list.append(list.size() == 1 ? "" : ",").append(to_string(each));
            return list + "}";
        }
    };

    class adopting final : public call_of<std::optional<journal_record>>
    {
    public:
        explicit adopting(completion<std::optional<journal_record>>&& handler) : call_of(std::move(handler))
        {
            adopts = true;
            needs_disk = true;
        }

        postgresql_query query(postgresql_session const& session) const override
        {
            postgresql_query one("abandoned", true);
            one.with(session.batch()).with(session.worker());
            // Compared only where its first answer was lost; nothing is equal to all of NULL.
            one.with(may_be_done ? std::optional(session.known()) : std::nullopt);
            return one;
        }
        void read(postgresql_session& session, postgresql_result const& answer) override
        {
            if (answer.rows() == 0) {
                done->outcome.emplace(std::nullopt);
                return;
            }
            journal_record taken = record(answer, 0);
            taken.request = answer.text(0, record_size);
            session.holds(taken);
            done->outcome.emplace(std::move(taken));
        }
    };

    class counting final : public call_of<journal_counts>
    {
    public:
        using call_of::call_of;

        postgresql_query query(postgresql_session const& session) const override
        {
            postgresql_query one("count", true);
            one.with(session.batch()).with(session.worker());
            return one;
        }
        void read(postgresql_session&, postgresql_result const& answer) override
        {
            journal_counts sums;
            for (int row = 0; row != answer.rows(); ++row) {
                if (auto const state = parse_journal_state(answer.text(row, 0)))
                    sums[*state] = static_cast<std::uint64_t>(answer.number(row, 1));
                sums.cost_micro_usd += answer.number(row, 2);
                sums.held_by_others += static_cast<std::uint64_t>(answer.number(row, 3));
            }
            done->outcome.emplace(sums);
        }
    };

    class listing final : public call_of<std::vector<journal_record>>
    {
    public:
        listing(completion<std::vector<journal_record>>&& handler, journal_query const& wanted)
            : call_of(std::move(handler)), wanted_(wanted)
        {}

        postgresql_query query(postgresql_session const& session) const override
        {
            postgresql_query one("list", true);
            one.with(session.batch()).with(wanted_.from).with(std::uint64_t(wanted_.limit));
            one.with(wanted_.only ? std::optional(std::string(to_string(*wanted_.only))) : std::nullopt);
            return one;
        }
        void read(postgresql_session&, postgresql_result const& answer) override
        {
            std::vector<journal_record> items;
            for (int row = 0; row != answer.rows(); ++row)
                items.push_back(record(answer, row));
            done->outcome.emplace(std::move(items));
        }

    private:
        journal_query const wanted_;
    };

    static constexpr int record_size = 12;

    static journal_record record(postgresql_result const& answer, int row)
    {
        journal_record item;
        item.index = static_cast<std::uint64_t>(answer.number(row, 0));
        item.reference = answer.text(row, 1);
        item.model = answer.text(row, 2);
        item.request_hash = answer.text(row, 3);
        item.state = parse_journal_state(answer.text(row, 4)).value_or(journal_state::unknown);
        item.generation = static_cast<int>(answer.number(row, 5));
        item.idempotency_key = answer.text(row, 6);
        if (!answer.is_null(row, 7))
            item.intended =
                std::chrono::system_clock::time_point(std::chrono::milliseconds(answer.number(row, 7)));
        item.task_id = answer.text(row, 8);
        item.detail = answer.text(row, 9);
        item.file = answer.text(row, 10);
        if (!answer.is_null(row, 11))
            item.cost_micro_usd = answer.number(row, 11);
        return item;
    }

    // PostgreSQL takes UTF-8 without zeros.
    static std::string text(std::string const& given)
    {
        bool const fits = scan_utf8(given).valid() && given.find('\0') == std::string::npos;
        return fits ? given : escape(given, given.size());
    }
    static std::optional<std::string> optional_text(std::string const& given)
    {
        return given.empty() ? std::nullopt : std::optional(text(given));
    }

    template <class Call>
    void start(std::shared_ptr<Call> one, bool changes)
    {
        if (session_->forked() || (changes && session_->read_only())) {
            one->fail(session_->forked()
                          ? error_info(errc::used_after_fork)
                          : error_info(errc::journal_conflict, "the journal was opened for reading"));
            one->deliver(get_executor());
            return;
        }
        if (auto slot = boost::asio::get_associated_cancellation_slot(one->done->handler);
            slot.is_connected())
            slot.assign([in = std::weak_ptr(session_),
                         weak = std::weak_ptr<postgresql_call>(one)](boost::asio::cancellation_type) {
                auto const session = in.lock();
                auto found = weak.lock();
                if (session && found)
                    session->cancel(std::move(found));
            });
        session_->start(std::move(one));
    }

    std::shared_ptr<postgresql_session> const session_;
};

} // namespace apimart::detail

#endif
