// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CONTEXT_SERVICE_HPP
#define APIMART_RUNTIME_CONTEXT_SERVICE_HPP

#include <boost/asio/execution_context.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace apimart::detail {

// Somebody whose I/O objects and parked handlers must not outlive an execution context.
class context_bound
{
public:
    // Called once, from the destructor of the context.
    virtual void abandon() = 0;

protected:
    ~context_bound() = default;
};

// Tells those bound to a context that it is going away. Handlers parked in structures of our own would
// otherwise survive the context whose executors they hold.
class context_watch final : public boost::asio::execution_context::service
{
public:
    using key_type = context_watch;
    inline static boost::asio::execution_context::id id;

    explicit context_watch(boost::asio::execution_context& context) : service(context) {}

    void add(context_bound* who)
    {
        std::lock_guard const lock(mutex_);
        bound_.push_back(who);
    }

    void remove(context_bound* who)
    {
        std::lock_guard const lock(mutex_);
        std::erase(bound_, who);
    }

private:
    void shutdown() override
    {
        std::vector<context_bound*> all;
        {
            std::lock_guard const lock(mutex_);
            all.swap(bound_);
        }
        for (context_bound* const who : all)
            who->abandon();
    }

    std::mutex mutex_;
    std::vector<context_bound*> bound_;
};

} // namespace apimart::detail

#endif
