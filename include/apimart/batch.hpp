// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_HPP
#define APIMART_BATCH_HPP

#include <apimart/any_request.hpp>
#include <apimart/batch_item.hpp>
#include <apimart/batch_options.hpp>
#include <apimart/batch_outcome.hpp>
#include <apimart/client.hpp>
#include <apimart/journal.hpp>
#include <apimart/runtime/initiation.hpp>
#include <apimart/runtime/item_source.hpp>
#include <apimart/runtime/journal_port.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>

namespace apimart {

namespace detail {

class batch_run;

std::shared_ptr<batch_run> make_batch(client const&, std::shared_ptr<journal_port>, batch_options);
boost::asio::any_io_executor executor_of(batch_run const&);
void start_batch(batch_run&, item_source);
void begin_next(std::shared_ptr<batch_run> const&, completion<std::optional<batch_outcome>>);
batch_progress progress_of(batch_run const&);
void pause_batch(batch_run&, bool paused);
void stop_batch(batch_run&, std::string words);
void cancel_batch(batch_run&);

// What a `next` that has not begun yet keeps.
class next_outcome_start
{
public:
    explicit next_outcome_start(std::shared_ptr<batch_run> of) : run_(std::move(of)) {}

    boost::asio::any_io_executor get_executor() const { return executor_of(*run_); }
    void operator()(completion<std::optional<batch_outcome>> handler) &&
    {
        begin_next(run_, std::move(handler));
    }

private:
    std::shared_ptr<batch_run> run_;
};

} // namespace detail

/// Many requests, each bought once, with their outcomes in the order in which they end:
///
///     batch trailers(client, options);
///     trailers.start(requests);
///     while (std::optional<batch_outcome> outcome = co_await trailers.next())
///         std::cout << outcome->reference << '\n';
///
/// What fails for one item says nothing about the others, and what says that no other would be taken either stops the
/// buying, for one stated reason (`batch_progress::stopped`); tasks that are bought by then come to their end. A stop is a
/// stop: what has not begun to leave is withdrawn, and what has is read to its end.
///
/// Where the service takes no more, by 429, nothing is rejected for it: while tasks of the batch run, the oldest item waits
/// for one of them to end; `Retry-After` keeps the whole batch quiet. The same where the service cannot be reached after
/// it once was.
///
/// Lifetime: it keeps a copy of the client and its options. With its end, what has not begun is withdrawn, what is on the
/// wire is read to its end, and waits end; nobody is told. The execution context may be destroyed before it.
/// Thread safety: every member may be called by any thread at any time.
class batch
{
public:
    using executor_type = boost::asio::any_io_executor;

    /// A batch that nothing is written down about: with the process, its memory is gone.
    explicit batch(client const& by, batch_options options = {})
        : run_(detail::make_batch(by, nullptr, std::move(options)))
    {}
    /// A batch that goes on where another one with this journal ended, however that ended. The journal is a handle, of which
    /// a copy is kept.
    ///
    /// No byte of a submit leaves before its intent is in the journal, and what became of it is there before anything else
    /// is done with it. An item that was sent and whose outcome nobody knows is sent again under `idempotency::supported`
    /// while its key is known, and otherwise left alone as `batch_end::unknown`. Where the journal cannot be written, nothing
    /// more is bought, and what is bought comes to its end.
    template <journal Journal>
    batch(client const& by, Journal& books, batch_options options = {})
        : run_(detail::make_batch(by, std::make_shared<detail::journal_adapter<Journal>>(books),
                                  std::move(options)))
    {}
    batch(batch&&) noexcept = default;
    batch& operator=(batch&& other) noexcept
    {
        std::swap(run_, other.run_); // whose end is the old one's end
        return *this;
    }
    ~batch()
    {
        if (run_)
            detail::cancel_batch(*run_);
    }

    executor_type get_executor() const { return detail::executor_of(*run()); }

    /// Begins. Once per batch.
    ///
    /// Source: a range or generator of requests (typed ones, `any_request`, or `batch_item`), which is read on the batch's
    /// strand, one item at a time and no sooner than there is room for it. One that is given as an rvalue is kept; one that
    /// is named must live until the batch has read it. Or a function that returns
    /// `asio::awaitable<std::optional<batch_item>>`, called again after each item until it gives none; it runs on the
    /// batch's strand, too, and what it waits for is cancelled (terminal) when the batch has stopped.
    ///
    /// Errors: throws `error` with `errc::invalid_configuration` at a second call. What the source throws stops the batch
    /// with `stop_cause::source_failed`.
    template <class Source>
        requires detail::batch_source<Source>
    void start(Source&& source)
    {
        detail::start_batch(*run(), detail::make_item_source(std::forward<Source>(source)));
    }

    /// Waits for an outcome that nobody was given yet. Calls that wait at one time are served one outcome each, in their
    /// order.
    ///
    /// Completion: `void(error_code, std::optional<batch_outcome>)`; empty after the last.
    /// Errors: none but those of a cancellation: what befell an item is in its outcome.
    /// Cancellation: terminal, partial, total: this call ends at once with `asio::error::operation_aborted`, the batch goes
    /// on, and no outcome is lost, so that `next() || timer` may be repeated.
    template <detail::completion_token<std::optional<batch_outcome>> Token = default_token>
    auto next(Token token = Token())
    {
        return detail::initiate<std::optional<batch_outcome>>(detail::next_outcome_start(run()),
                                                              std::move(token));
    }

    /// How far it is.
    batch_progress progress() const { return detail::progress_of(*run()); }

    /// Nothing more is bought until `resume`. What waits in the client for its turn comes back and keeps its place; what is
    /// bought goes on.
    void pause() { detail::pause_batch(*run(), true); }
    void resume() { detail::pause_batch(*run(), false); }

    /// Nothing more is bought, for good. What waits in the client for its turn is withdrawn, requests on the wire are read
    /// to their end, and what is bought is waited for.
    void stop(std::string words = "stopped by the caller") { detail::stop_batch(*run(), std::move(words)); }

    /// `stop`, and besides all waits and downloads end: their items have the outcome `batch_end::goes_on` or `not_stored`.
    void cancel() { detail::cancel_batch(*run()); }

private:
    // A batch that was moved from has nothing to do.
    std::shared_ptr<detail::batch_run> const& run() const
    {
        if (!run_)
            throw error(error_info(errc::invalid_configuration, "this batch was moved from"));
        return run_;
    }

    std::shared_ptr<detail::batch_run> run_;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/batch.ipp>
#endif

#endif
