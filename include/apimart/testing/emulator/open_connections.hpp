// SPDX-License-Identifier: BSL-1.0
// The connections that are open, so that stopping can close them.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// A connection as seen by the one who stops it.
class closable
{
public:
    closable() = default;
    closable(closable const&) = delete;
    closable& operator=(closable const&) = delete;
    virtual ~closable() = default;

    /// Ends the connection soon. Called from any thread.
    virtual void close() = 0;
};

/// A register of connections that does not keep them alive. May be used from any thread.
class open_connections
{
public:
    open_connections() = default;

    /// Registers a connection; false when everything has been closed already.
    bool add(std::shared_ptr<closable> const& connection)
    {
        std::lock_guard const lock(mutex_);
        if (closed_)
            return false;
        open_.emplace(connection.get(), connection);
        return true;
    }

    void remove(closable const* connection)
    {
        std::lock_guard const lock(mutex_);
        open_.erase(connection);
    }

    /// Closes all connections and lets no further ones in.
    void close_all()
    {
        // Closed outside of the lock: a connection that ends meanwhile wants to remove itself.
        std::vector<std::shared_ptr<closable>> found;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            for (auto const& each : open_)
                if (auto alive = each.second.lock())
                    found.push_back(std::move(alive));
        }
        for (auto const& each : found)
            each->close();
    }

private:
    std::mutex mutex_;
    bool closed_ = false;
    std::unordered_map<closable const*, std::weak_ptr<closable>> open_;
};

} // namespace apimart::testing::emulation
