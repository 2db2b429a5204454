// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_STORE_HPP
#define APIMART_JOURNALS_STORE_HPP

#include <apimart/journal_record.hpp>
#include <apimart/runtime/initiation.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace apimart::detail {

enum class journal_step
{
    intend,
    settle,
    finish,
    release,
    resubmit,
    resolve,
};

// One step of one item, until the journal has done it.
class journal_change
{
public:
    journal_change(journal_step what, std::uint64_t of, journal_outcome to, int seen)
        : step(what), index(of), outcome(std::move(to)), generation(seen)
    {}

    journal_step step;
    std::uint64_t index;
    journal_outcome outcome;
    int generation; // that the caller of `resubmit` has seen
};

// What is behind a journal of this library. Each function may be called by any thread, and none completes within the call.
class journal_store
{
public:
    journal_store() = default;
    journal_store(journal_store const&) = delete;
    journal_store& operator=(journal_store const&) = delete;
    virtual ~journal_store() = default;

    virtual boost::asio::any_io_executor get_executor() const = 0;
    virtual void bind(completion<std::string>, std::string) = 0;
    virtual void claim(completion<std::optional<journal_record>>, journal_item) = 0;
    virtual void change(completion<journal_record>, journal_change) = 0;
    virtual void next_abandoned(completion<std::optional<journal_record>>) = 0;
    virtual void counts(completion<journal_counts>) = 0;
    virtual void list(completion<std::vector<journal_record>>, journal_query) = 0;
};

std::shared_ptr<journal_store> make_memory_store(boost::asio::any_io_executor const& on);

// An operation with its arguments until its handler is known.
template <class T, class... Arguments>
class journal_start
{
public:
    using function = void (journal_store::*)(completion<T>, Arguments...);

    journal_start(std::shared_ptr<journal_store> store, function begin, Arguments... arguments)
        : store_(std::move(store)), begin_(begin), arguments_(std::move(arguments)...)
    {}

    boost::asio::any_io_executor get_executor() const { return store_->get_executor(); }

    void operator()(completion<T> handler) &&
    {
        std::apply([&](Arguments&... each) { (*store_.*begin_)(std::move(handler), std::move(each)...); },
                   arguments_);
    }

private:
    std::shared_ptr<journal_store> store_;
    function begin_;
    std::tuple<Arguments...> arguments_;
};

} // namespace apimart::detail

#endif
