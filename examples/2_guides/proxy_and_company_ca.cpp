// A client behind a company's proxy, which trusts the company's own authority instead of the system's. Without
// APIMART_API_KEY, proxy and authority are those of the test kit.

#include "../example_service.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <boost/asio/this_coro.hpp>

#include <string>
#include <utility>

asio::awaitable<void> corgi(client_config config)
{
    auto const executor = co_await asio::this_coro::executor;
    testing::connect_proxy_options company;
    company.user = "user";
    company.password = "pass word";
    testing::connect_proxy proxy(executor, company);
    proxy.start();
    std::string const address = "127.0.0.1:" + std::to_string(proxy.port());

    //! [proxy]
    // `client_config::from_environment` takes these from https_proxy, no_proxy and APIMART_CA_FILE.
    config.proxy = proxy_options("http://user:pass%20word@" + address, "intranet.example.com,10.0.0.0/8");
    config.tls.use_system_ca(false); // only the company's: see add_ca_file and add_ca_pem
    config.observer.on_connection = [](connection_event const& e) {
        if (e.event == connection_event::type::connected)
            std::cout << "connected, " << (e.verified ? "verified" : "NOT VERIFIED") << '\n';
    };
    client service(executor, std::move(config));
    //! [proxy]
    result<task_result> done = co_await service.generate(
        text_to_video<kling_3_0_turbo>("A corgi running on the beach"), as_result());
    std::cout << (done ? std::string(to_string(done->status())) : done.error().describe()) << '\n';
    co_await service.shutdown();
    std::cout << "tunnels made: " << (proxy.requests().empty() ? "none" : "through the proxy") << '\n';
    proxy.stop();
}

int main()
{
    return run_example(corgi);
}
