// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_MEMORY_STORE_HPP
#define APIMART_JOURNALS_MEMORY_STORE_HPP

#include <apimart/error.hpp>
#include <apimart/journal_record.hpp>
#include <apimart/journals/item_key.hpp>
#include <apimart/journals/rules.hpp>
#include <apimart/journals/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart::detail {

class memory_store final : public journal_store
{
public:
    explicit memory_store(boost::asio::any_io_executor const& on) : executor_(on) {}

    boost::asio::any_io_executor get_executor() const override { return executor_; }

    void bind(completion<std::string> handler, std::string service) override
    {
        complete<std::string>(std::move(handler), [&]() -> result<std::string> {
            if (service_.empty())
                service_ = service;
            if (!service.empty() && service != service_)
                return other_service(service_, service);
            return service_;
        });
    }

    void claim(completion<std::optional<journal_record>> handler, journal_item item) override
    {
        complete<std::optional<journal_record>>(
            std::move(handler), [&]() -> result<std::optional<journal_record>> {
                auto const [at, is_new] = items_.try_emplace(item.index);
                journal_record& known = at->second;
                if (is_new) {
                    known.index = item.index;
                    known.reference = std::move(item.reference);
                    known.model = std::move(item.model);
                    known.request_hash = std::move(item.request_hash);
                    known.idempotency_key = item_key(batch_id_, item.index, 0);
                } else if (known.request_hash != item.request_hash) {
                    return other_request(known, item);
                }
                return known;
            });
    }

    void change(completion<journal_record> handler, journal_change change) override
    {
        complete<journal_record>(std::move(handler), [&]() -> result<journal_record> {
            auto const at = items_.find(change.index);
            if (at == items_.end())
                return no_such_item(change.index);
            journal_record& known = at->second;
            if (auto why = apply(known, change, std::chrono::system_clock::now()))
                return std::move(*why);
            if (change.step == journal_step::resubmit)
                known.idempotency_key = item_key(batch_id_, known.index, known.generation);
            return known;
        });
    }

    void next_abandoned(completion<std::optional<journal_record>> handler) override
    {
        complete<std::optional<journal_record>>(
            std::move(handler), []() -> result<std::optional<journal_record>> { return std::nullopt; });
    }

    void counts(completion<journal_counts> handler) override
    {
        complete<journal_counts>(std::move(handler), [&]() -> result<journal_counts> {
            journal_counts sums;
            for (auto const& [index, item] : items_) {
                ++sums[item.state];
                sums.cost_micro_usd += item.cost_micro_usd.value_or(0);
            }
            return sums;
        });
    }

    void list(completion<std::vector<journal_record>> handler, journal_query query) override
    {
        complete<std::vector<journal_record>>(
            std::move(handler), [&]() -> result<std::vector<journal_record>> {
                std::vector<journal_record> found;
                for (auto at = items_.lower_bound(query.from);
                     at != items_.end() && found.size() != query.limit; ++at)
                    if (!query.only || at->second.state == *query.only)
                        found.push_back(at->second);
                return found;
            });
    }

private:
    template <class T, class Function>
    void complete(completion<T> handler, Function function)
    {
        auto done = std::make_shared<pending<T>>(std::move(handler));
        {
            std::lock_guard const lock(mutex_);
            done->outcome.emplace(function());
        }
        boost::asio::post(executor_, [done = std::move(done)]() mutable {
            auto told = std::move(done->handler);
            std::move(told)(std::move(done));
        });
    }

    boost::asio::any_io_executor const executor_;
    std::string const batch_id_ = new_batch_id();
    std::mutex mutex_;
    std::string service_;
    std::map<std::uint64_t, journal_record> items_;
};

} // namespace apimart::detail

#endif
