// SPDX-License-Identifier: BSL-1.0
// The connections that are open, so that stopping can close them.
#ifndef APIMART_TESTING_NETWORK_OPEN_CONNECTIONS_HPP
#define APIMART_TESTING_NETWORK_OPEN_CONNECTIONS_HPP

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

    /// Lets go on what a fault holds. Called from any thread.
    virtual void release() {}

    /// The emulator's clock was pushed forward. Called from any thread.
    virtual void clock_changed() {}
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
            found = alive();
        }
        for (auto const& each : found)
            each->close();
    }

    /// Releases all connections.
    void release_all()
    {
        for (auto const& each : all())
            each->release();
    }

    void tell_clock_changed()
    {
        for (auto const& each : all())
            each->clock_changed();
    }

private:
    std::vector<std::shared_ptr<closable>> all() const
    {
        std::lock_guard const lock(mutex_);
        return alive();
    }

    std::vector<std::shared_ptr<closable>> alive() const
    {
        std::vector<std::shared_ptr<closable>> found;
        for (auto const& each : open_)
            if (auto one = each.second.lock())
                found.push_back(std::move(one));
        return found;
    }

    mutable std::mutex mutex_;
    bool closed_ = false;
    std::unordered_map<closable const*, std::weak_ptr<closable>> open_;
};

} // namespace apimart::testing::emulation

#endif
