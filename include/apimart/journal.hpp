// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNAL_HPP
#define APIMART_JOURNAL_HPP

#include <apimart/as_result.hpp>
#include <apimart/error.hpp>
#include <apimart/journal_record.hpp>
#include <apimart/journals/store.hpp>
#include <apimart/runtime/initiation.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace apimart {

namespace detail {

template <class Operation, class T>
concept awaits = std::same_as<Operation, boost::asio::awaitable<T>>;

} // namespace detail

/// What makes a batch survive the death of its process. Any class with these members is one; called without a completion
/// token, each gives an `asio::awaitable`. `journal_base` says what each has to do.
template <class J>
concept journal = requires(J& j, std::uint64_t index, std::string text, journal_item item,
                           journal_outcome outcome, journal_query query)
{
    requires detail::awaits<decltype(j.bind(text)), std::string>;
    requires detail::awaits<decltype(j.claim(item)), std::optional<journal_record>>;
    requires detail::awaits<decltype(j.intend(index)), journal_record>;
    requires detail::awaits<decltype(j.settle(index, outcome)), journal_record>;
    requires detail::awaits<decltype(j.finish(index, outcome)), journal_record>;
    requires detail::awaits<decltype(j.release(index)), journal_record>;
    requires detail::awaits<decltype(j.next_abandoned()), std::optional<journal_record>>;
    requires detail::awaits<decltype(j.resubmit(index, int())), journal_record>;
    requires detail::awaits<decltype(j.resolve(index, std::optional(text))), journal_record>;
    requires detail::awaits<decltype(j.counts()), journal_counts>;
    requires detail::awaits<decltype(j.list(query)), std::vector<journal_record>>;
};

/// The operations of every journal of this library. A cheap handle: copies are the same journal.
///
/// Every operation takes a completion token last, as those of `client` do: without one, `co_await` gives the value or throws
/// `error`. Nothing completes inside the call that starts it; handlers run on their associated executors.
///
/// Errors of every operation: `errc::journal_failed` where the journal cannot be written or read; what was to be written
/// may be there or not, and the same call may be made again. `errc::journal_conflict` where what is known of the item
/// forbids the step; nothing was changed then, and its detail says what is known.
/// Cancellation of every operation: terminal, partial, total, while it waits for its turn, which ends it without an effect.
/// Once the journal works on it, it is finished.
/// Lifetime: operations keep what they need. The execution context may be destroyed before the journal; operations are then
/// dropped, not completed.
/// Thread safety: any thread may call any copy at any time. Steps of one item are awaited one after the other.
class journal_base
{
public:
    using executor_type = boost::asio::any_io_executor;

    executor_type get_executor() const { return store_->get_executor(); }

    /// Says what the batch belongs to, such as the service's address and the account, without secrets: the first time it is
    /// written down, later it has to be the same, so that a batch does not go on at another service. An empty text only asks.
    ///
    /// Completion: `void(error_code, std::string)` with what was written down; empty where nothing was.
    /// Errors: `errc::journal_conflict` where it is another.
    template <detail::completion_token<std::string> Token = default_token>
    auto bind(std::string service, Token token = Token())
    {
        return start<std::string>(std::move(token), &detail::journal_store::bind, std::move(service));
    }

    /// Takes an item for this process and says what is known of it; one that is new is `planned`. One that needs nothing
    /// more is told to everybody and taken by nobody.
    ///
    /// Completion: `void(error_code, std::optional<journal_record>)`; empty where another process holds the item now.
    /// Errors: `errc::journal_conflict` where the journal knows another request under the index.
    template <detail::completion_token<std::optional<journal_record>> Token = default_token>
    auto claim(journal_item item, Token token = Token())
    {
        return start<std::optional<journal_record>>(std::move(token), &detail::journal_store::claim,
                                                    std::move(item));
    }

    /// Says that the item is about to be submitted: from `planned`, or from `intended` where it is sent once more under its
    /// key. It is on the disk when this completes; only then may the first byte of the submit leave.
    ///
    /// Completion: `void(error_code, journal_record)` with the key to use.
    template <detail::completion_token<journal_record> Token = default_token>
    auto intend(std::uint64_t index, Token token = Token())
    {
        return change(journal_step::intend, index, {}, 0, std::move(token));
    }

    /// Says how the submit ended: from `intended` to `accepted` with the task's id, `rejected`, `unknown`, or `planned` where
    /// it is proved that nothing was sent; `rejected` from `planned`, too. It is on the disk when this completes.
    ///
    /// Completion: `void(error_code, journal_record)`.
    template <detail::completion_token<journal_record> Token = default_token>
    auto settle(std::uint64_t index, journal_outcome outcome, Token token = Token())
    {
        return change(journal_step::settle, index, std::move(outcome), 0, std::move(token));
    }

    /// Says how the task ended: from `accepted` or `succeeded` to `succeeded`, `failed` or `stored`. What a crash loses of it
    /// is learned again from the service.
    ///
    /// Completion: `void(error_code, journal_record)`.
    template <detail::completion_token<journal_record> Token = default_token>
    auto finish(std::uint64_t index, journal_outcome outcome, Token token = Token())
    {
        return change(journal_step::finish, index, std::move(outcome), 0, std::move(token));
    }

    /// Gives an item back that this process will not go on with, so that another can take it before the lease is over.
    ///
    /// Completion: `void(error_code, journal_record)`.
    template <detail::completion_token<journal_record> Token = default_token>
    auto release(std::uint64_t index, Token token = Token())
    {
        return change(journal_step::release, index, {}, 0, std::move(token));
    }

    /// Takes an item for this process that another one held when it died: one that is planned, intended or accepted. Only
    /// journals that several processes share have any.
    ///
    /// Completion: `void(error_code, std::optional<journal_record>)` with the request's JSON; empty where there is none now.
    template <detail::completion_token<std::optional<journal_record>> Token = default_token>
    auto next_abandoned(Token token = Token())
    {
        return start<std::optional<journal_record>>(std::move(token), &detail::journal_store::next_abandoned);
    }

    /// Plans an item anew under a new key: from `intended`, `unknown`, `rejected` or `failed`. Where the service had accepted
    /// it, this buys it twice, so it is done by the caller's explicit word only. `generation` is the one that the caller has
    /// seen; where somebody was faster, nothing is done. The item is then this process's.
    ///
    /// Completion: `void(error_code, journal_record)`.
    template <detail::completion_token<journal_record> Token = default_token>
    auto resubmit(std::uint64_t index, int generation, Token token = Token())
    {
        return change(journal_step::resubmit, index, {}, generation, std::move(token));
    }

    /// Says what the caller has found out about an item that is `intended` or `unknown`: that the service accepted it under
    /// that id, or, without one, that it did not, so that it is `planned` again under the same key. The item is then this
    /// process's.
    ///
    /// Completion: `void(error_code, journal_record)`.
    template <detail::completion_token<journal_record> Token = default_token>
    auto resolve(std::uint64_t index, std::optional<std::string> task_id, Token token = Token())
    {
        journal_outcome found(task_id ? journal_state::accepted : journal_state::planned);
        found.task_id = std::move(task_id).value_or(std::string());
        return change(journal_step::resolve, index, std::move(found), 0, std::move(token));
    }

    /// Counts the items.
    ///
    /// Completion: `void(error_code, journal_counts)`.
    template <detail::completion_token<journal_counts> Token = default_token>
    auto counts(Token token = Token())
    {
        return start<journal_counts>(std::move(token), &detail::journal_store::counts);
    }

    /// Reads items in the order of their indices. After a full answer, ask again from the last index plus one: so a million
    /// items pass without being held at one time.
    ///
    /// Completion: `void(error_code, std::vector<journal_record>)`.
    template <detail::completion_token<std::vector<journal_record>> Token = default_token>
    auto list(journal_query query, Token token = Token())
    {
        return start<std::vector<journal_record>>(std::move(token), &detail::journal_store::list, query);
    }

protected:
    explicit journal_base(std::shared_ptr<detail::journal_store> store) : store_(std::move(store)) {}

private:
    using journal_step = detail::journal_step;

    template <class T, class Token, class... Arguments>
    auto start(Token token, void (detail::journal_store::*begin)(detail::completion<T>, Arguments...),
               std::type_identity_t<Arguments>... arguments)
    {
        return detail::initiate<T>(
            detail::journal_start<T, Arguments...>(store_, begin, std::move(arguments)...), std::move(token));
    }

    template <class Token>
    auto change(journal_step step, std::uint64_t index, journal_outcome outcome, int generation, Token token)
    {
        return start<journal_record>(std::move(token), &detail::journal_store::change,
                                     detail::journal_change(step, index, std::move(outcome), generation));
    }

    std::shared_ptr<detail::journal_store> store_;
};

/// A journal in memory: it keeps the books of a batch, and dies with the process.
///
/// Lifetime, thread safety: as `journal_base`. Memory: all items, without their requests.
class memory_journal : public journal_base
{
public:
    explicit memory_journal(executor_type const& executor) : journal_base(detail::make_memory_store(executor))
    {}
    /// The same on the executor of an execution context.
    template <std::derived_from<boost::asio::execution_context> Context>
    explicit memory_journal(Context& context) : memory_journal(executor_type(context.get_executor()))
    {}
};

static_assert(journal<memory_journal>);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/journal.ipp>
#endif

#endif
