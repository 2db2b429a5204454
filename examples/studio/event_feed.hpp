// Tells every open page what changes, as Server-Sent Events.
#ifndef APIMART_STUDIO_EVENT_FEED_HPP
#define APIMART_STUDIO_EVENT_FEED_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace studio {

class event_feed
{
public:
    using text = std::shared_ptr<std::string const>;
    using listener = boost::asio::experimental::channel<void(boost::system::error_code, text)>;

    explicit event_feed(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    std::shared_ptr<listener> listen()
    {
        // A page that is further behind than this is sent away: it comes again and asks for everything.
        constexpr std::size_t backlog = 1024;
        auto made = std::make_shared<listener>(executor_, backlog);
        listeners_.push_back(made);
        return made;
    }

    void tell(std::string_view name, boost::json::value const& data)
    {
        send("event: " + std::string(name) + "\ndata: " + boost::json::serialize(data) + "\n\n");
    }

    // Finds out who has gone.
    void beat() { send(": \n\n"); }

    void close()
    {
        for (auto const& one : listeners_)
            if (auto const alive = one.lock())
                alive->close();
        listeners_.clear();
    }

private:
    void send(std::string message)
    {
        auto const shared = std::make_shared<std::string const>(std::move(message));
        std::erase_if(listeners_, [&](auto const& one) {
            auto const alive = one.lock();
            if (alive && alive->try_send(boost::system::error_code(), shared))
                return false;
            if (alive)
                alive->close();
            return true;
        });
    }

    boost::asio::any_io_executor executor_;
    std::vector<std::weak_ptr<listener>> listeners_;
};

} // namespace studio

#endif
