// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_JOURNAL_PORT_HPP
#define APIMART_RUNTIME_JOURNAL_PORT_HPP

#include <apimart/journal_record.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace apimart::detail {

// A journal of any class, as a batch uses it.
class journal_port
{
public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    virtual ~journal_port() = default;

    virtual awaitable<std::string> bind(std::string service) = 0;
    virtual awaitable<std::optional<journal_record>> claim(journal_item) = 0;
    virtual awaitable<journal_record> intend(std::uint64_t index) = 0;
    virtual awaitable<journal_record> settle(std::uint64_t index, journal_outcome) = 0;
    virtual awaitable<journal_record> finish(std::uint64_t index, journal_outcome) = 0;
    virtual awaitable<journal_record> release(std::uint64_t index) = 0;
    virtual awaitable<journal_record> resubmit(std::uint64_t index, int generation) = 0;
    virtual awaitable<std::optional<journal_record>> next_abandoned() = 0;
    virtual awaitable<journal_counts> counts() = 0;
};

template <class Journal>
class journal_adapter final : public journal_port
{
public:
    explicit journal_adapter(Journal const& journal) : journal_(journal) {}

    awaitable<std::string> bind(std::string service) override { return journal_.bind(std::move(service)); }
    awaitable<std::optional<journal_record>> claim(journal_item item) override
    {
        return journal_.claim(std::move(item));
    }
    awaitable<journal_record> intend(std::uint64_t index) override { return journal_.intend(index); }
    awaitable<journal_record> settle(std::uint64_t index, journal_outcome outcome) override
    {
        return journal_.settle(index, std::move(outcome));
    }
    awaitable<journal_record> finish(std::uint64_t index, journal_outcome outcome) override
    {
        return journal_.finish(index, std::move(outcome));
    }
    awaitable<journal_record> release(std::uint64_t index) override { return journal_.release(index); }
    awaitable<journal_record> resubmit(std::uint64_t index, int generation) override
    {
        return journal_.resubmit(index, generation);
    }
    awaitable<std::optional<journal_record>> next_abandoned() override { return journal_.next_abandoned(); }
    awaitable<journal_counts> counts() override { return journal_.counts(); }

private:
    Journal journal_;
};

} // namespace apimart::detail

#endif
