// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CONTEXT_SERVICE_HPP
#define APIMART_RUNTIME_CONTEXT_SERVICE_HPP

#include <boost/asio/execution_context.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace apimart::detail {

// What a client has to do when its execution context goes away, or finds itself in a forked child. No strand, no I/O
// object and no handler of a client may outlive the context.
class context_hooks
{
public:
    std::function<void()> on_shutdown;
    std::function<void()> on_fork_child;
};

class context_service final : public boost::asio::execution_context::service
{
public:
    using key_type = context_service;
    inline static boost::asio::execution_context::id id;

    explicit context_service(boost::asio::execution_context& context) : service(context) {}

    void add(std::weak_ptr<context_hooks> hooks)
    {
        std::lock_guard const lock(mutex_);
        std::erase_if(hooks_, [](auto const& each) { return each.expired(); });
        hooks_.push_back(std::move(hooks));
    }

private:
    void shutdown() override
    {
        for (auto const& each : all())
            each->on_shutdown();
    }
    void notify_fork(boost::asio::execution_context::fork_event event) override
    {
        if (event != boost::asio::execution_context::fork_child)
            return;
        for (auto const& each : all())
            each->on_fork_child();
    }

    std::vector<std::shared_ptr<context_hooks>> all()
    {
        std::lock_guard const lock(mutex_);
        std::vector<std::shared_ptr<context_hooks>> alive;
        for (auto const& each : hooks_) {
            if (auto hooks = each.lock())
                alive.push_back(std::move(hooks));
        }
        return alive;
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<context_hooks>> hooks_;
};

} // namespace apimart::detail

#endif
