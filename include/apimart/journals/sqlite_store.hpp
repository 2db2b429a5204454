// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_SQLITE_STORE_HPP
#define APIMART_JOURNALS_SQLITE_STORE_HPP

#include <apimart/error.hpp>
#include <apimart/journals/sqlite_file.hpp>
#include <apimart/journals/store.hpp>
#include <apimart/runtime/context_service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace apimart::detail {

// A file of SQLite on a thread of its own, which takes whatever waits as one transaction: all that wait share one sync, and
// nobody ever waits for company. What needs no sync goes first.
class sqlite_store final : public journal_store, public std::enable_shared_from_this<sqlite_store>
{
public:
    sqlite_store(boost::asio::any_io_executor const& on, std::string const& path, bool read_only)
        : executor_(on), read_only_(read_only), file_(path, read_only),
          hooks_(std::make_shared<context_hooks>()),
          thread_(std::make_unique<std::thread>([this] { work(); }))
    {
        hooks_->on_shutdown = [this] { destroy(); };
        hooks_->on_fork_child = [this] { disown(); };
        auto& context = boost::asio::query(executor_, boost::asio::execution::context);
        boost::asio::use_service<context_service>(context).add(hooks_);
    }
    ~sqlite_store() override
    {
        hooks_->on_shutdown = [] {};
        hooks_->on_fork_child = [] {};
        if (!forked_)
            stop();
    }

    boost::asio::any_io_executor get_executor() const override { return executor_; }

    void bind(completion<std::string> handler, std::string service) override
    {
        start(std::move(handler), service.empty() ? durability::none : durability::of_the_disk,
              [service = std::move(service)](sqlite_file& file) { return file.bind(service); });
    }
    void claim(completion<std::optional<journal_record>> handler, journal_item item) override
    {
        start(std::move(handler), durability::of_the_process,
              [item = std::move(item)](sqlite_file& file) { return file.claim(item); });
    }
    void change(completion<journal_record> handler, journal_change change) override
    {
        bool const lazy = change.step == journal_step::finish || change.step == journal_step::release;
        start(std::move(handler), lazy ? durability::of_the_process : durability::of_the_disk,
              [change = std::move(change)](sqlite_file& file) { return file.change(change); });
    }
    void next_abandoned(completion<std::optional<journal_record>> handler) override
    {
        start(std::move(handler), durability::none,
              [](sqlite_file&) -> result<std::optional<journal_record>> { return std::nullopt; });
    }
    void counts(completion<journal_counts> handler) override
    {
        start(std::move(handler), durability::none, [](sqlite_file& file) { return file.counts(); });
    }
    void list(completion<std::vector<journal_record>> handler, journal_query query) override
    {
        start(std::move(handler), durability::none, [query](sqlite_file& file) { return file.list(query); });
    }

private:
    // What has to have come through before a call completes: nothing, the end of this process, or that of the machine.
    enum class durability
    {
        none,
        of_the_process,
        of_the_disk,
    };

    class call
    {
    public:
        explicit call(durability wanted) : needs(wanted) {}
        call(call const&) = delete;
        call& operator=(call const&) = delete;
        virtual ~call() = default;

        virtual void run(sqlite_file& file) = 0;
        virtual void fail(error_info why) = 0;
        // Posts the handler; afterwards the call is empty.
        virtual void deliver(boost::asio::any_io_executor const& on) = 0;

        durability const needs;
    };

    template <class T, class Function>
    class call_of final : public call
    {
    public:
        call_of(completion<T>&& handler, durability wanted, Function&& function)
            : call(wanted), done_(std::make_shared<pending<T>>(std::move(handler))),
              function_(std::move(function))
        {}

        completion<T> const& handler() const noexcept { return done_->handler; }

        void run(sqlite_file& file) override { done_->outcome.emplace(function_(file)); }
        void fail(error_info why) override { done_->outcome.emplace(std::move(why)); }
        void deliver(boost::asio::any_io_executor const& on) override
        {
            boost::asio::post(on, [done = done_]() mutable {
                auto told = std::move(done->handler);
                std::move(told)(std::move(done));
            });
            done_.reset();
        }

    private:
        std::shared_ptr<pending<T>> done_;
        Function function_;
    };

    using group = std::vector<std::shared_ptr<call>>;

    class synchronization
    {
    public:
        std::mutex mutex;
        std::condition_variable wake;
    };

    template <class T, class Function>
    void start(completion<T> handler, durability wanted, Function function)
    {
        auto const one =
            std::make_shared<call_of<T, Function>>(std::move(handler), wanted, std::move(function));
        if (forked_ || (wanted != durability::none && read_only_)) {
            one->fail(forked_ ? error_info(errc::used_after_fork)
                              : error_info(errc::journal_conflict, "the journal was opened for reading"));
            one->deliver(executor_);
            return;
        }
        if (auto slot = boost::asio::get_associated_cancellation_slot(one->handler()); slot.is_connected())
            slot.assign(
                [in = weak_from_this(), weak = std::weak_ptr<call>(one)](boost::asio::cancellation_type) {
                    auto const self = in.lock();
                    auto const found = weak.lock();
                    if (self && found)
                        self->cancel(found);
                });
        {
            std::lock_guard const lock(sync_->mutex);
            if (destroyed_)
                return;
            queue_.push_back(one);
        }
        sync_->wake.notify_one();
    }

    void cancel(std::shared_ptr<call> const& one)
    {
        if (forked_)
            return;
        std::lock_guard const lock(sync_->mutex);
        if (std::erase(queue_, one) == 0)
            return;
        one->fail(error_info(boost::asio::error::operation_aborted));
        one->deliver(executor_);
    }

    // ---- On the thread.

    void work()
    {
        block_signals();
        for (group taken; take(taken);) {
            group first;
            group later;
            for (auto const& each : taken)
                (each->needs == durability::of_the_disk ? later : first).push_back(each);
            finish(first);
            finish(later);
        }
    }

    bool take(group& taken)
    {
        taken.clear();
        std::unique_lock lock(sync_->mutex);
        sync_->wake.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (destroyed_)
            return false;
        taken.swap(queue_);
        return !taken.empty();
    }

    void finish(group const& taken)
    {
        if (taken.empty())
            return;
        run(taken);
        std::lock_guard const lock(sync_->mutex);
        if (destroyed_) // the handlers end with the context, not here
            queue_.insert(queue_.end(), taken.begin(), taken.end());
        else
            for (auto const& each : taken)
                each->deliver(executor_);
    }

    // They are for the program's own threads. What a write beyond the limit of file sizes raises is an error of that write.
    static void block_signals()
    {
        sigset_t those;
        sigfillset(&those);
        for (int const each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
            sigdelset(&those, each);
        pthread_sigmask(SIG_BLOCK, &those, nullptr);
    }

    void run(group const& taken)
    {
        if (broken_)
            return fail(taken, *broken_);
        try {
            bool const writes = std::any_of(taken.begin(), taken.end(),
                                            [](auto const& each) { return each->needs != durability::none; });
            if (writes)
                file_.begin(taken.front()->needs == durability::of_the_disk);
            for (auto const& each : taken)
                each->run(file_);
            if (writes)
                file_.commit();
        } catch (sqlite_failure const& why) {
            file_.roll_back();
            error_info const told = file_.describe(why);
            // After a full disk, or a lock that somebody else held for long, a later transaction is sound. After an I/O error
            // nobody knows what the disk has, until the file is opened and read again.
            if (why.kind() != SQLITE_FULL && why.kind() != SQLITE_BUSY)
                broken_ = told;
            fail(taken, told);
        } catch (std::exception const& why) { // no memory
            file_.roll_back();
            fail(taken, error_info(errc::journal_failed, why.what()));
        }
    }

    static void fail(group const& taken, error_info const& why)
    {
        for (auto const& each : taken)
            each->fail(why);
    }

    // ---- The end.

    // What was asked for is still written.
    void stop()
    {
        {
            std::lock_guard const lock(sync_->mutex);
            stopping_ = true;
        }
        sync_->wake.notify_one();
        if (thread_->joinable())
            thread_->join();
    }

    // The execution context goes away, and with it whoever waits.
    void destroy()
    {
        {
            std::lock_guard const lock(sync_->mutex);
            destroyed_ = true;
        }
        stop();
        group const dropped = std::move(queue_);
    }

    // The thread is the parent's, and so is the file. The end of a condition that somebody waits for would wait for him.
    void disown()
    {
        forked_ = true;
        file_.abandon();
        static_cast<void>(sync_.release());
        static_cast<void>(thread_.release());
    }

    boost::asio::any_io_executor const executor_;
    bool const read_only_;
    std::atomic<bool> forked_{false};
    sqlite_file file_; // the thread's, once it is there
    std::optional<error_info> broken_;
    std::unique_ptr<synchronization> sync_ = std::make_unique<synchronization>();
    group queue_;
    bool stopping_ = false;
    bool destroyed_ = false;
    std::shared_ptr<context_hooks> hooks_;
    std::unique_ptr<std::thread> thread_;
};

} // namespace apimart::detail

#endif
