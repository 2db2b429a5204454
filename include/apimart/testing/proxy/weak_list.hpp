// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_WEAK_LIST_HPP
#define APIMART_TESTING_PROXY_WEAK_LIST_HPP

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace apimart::testing::proxies {

/// Objects that live by themselves, so that they can be told something. Any thread may use it.
template <class T>
class weak_list
{
public:
    weak_list() = default;

    void add(std::shared_ptr<T> const& one)
    {
        std::lock_guard const lock(mutex_);
        std::erase_if(list_, [](auto const& each) { return each.expired(); });
        list_.emplace_back(one);
    }

    /// Those that live.
    std::vector<std::shared_ptr<T>> all() const
    {
        std::vector<std::shared_ptr<T>> found;
        std::lock_guard const lock(mutex_);
        for (auto const& each : list_)
            if (auto alive = each.lock())
                found.push_back(std::move(alive));
        return found;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::weak_ptr<T>> list_;
};

} // namespace apimart::testing::proxies

#endif
