#include "proxy.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>

namespace tls_tests {

class proxy::state
{
public:
    state() : work_(boost::asio::make_work_guard(context_)), service(context_.get_executor())
    {
        service.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~state()
    {
        service.stop();
        work_.reset();
        thread_.join();
    }

private:
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;

public:
    apimart::testing::connect_proxy service;
};

proxy& proxy::shared()
{
    static proxy one;
    return one;
}

proxy::proxy() : state_(std::make_unique<state>()) {}

proxy::~proxy() = default;

std::string proxy::url() const
{
    return "http://127.0.0.1:" + std::to_string(state_->service.port());
}

void proxy::lead(std::string const& host, unsigned short port)
{
    if (!host.starts_with('['))
        state_->service.route(host + ":" + std::to_string(port), port);
}

std::string proxy::last_target() const
{
    auto const all = state_->service.requests();
    return all.empty() ? std::string() : all.back().target;
}

std::size_t proxy::requests() const
{
    return state_->service.requests().size();
}

bool proxy::has_seen(std::string_view text) const
{
    return state_->service.saw_outside_tunnels(text);
}

} // namespace tls_tests
