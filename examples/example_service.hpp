// Where the examples go: to the service, which costs money, with APIMART_API_KEY set; else to an emulator in this process,
// which makes a video in a blink.
#pragma once

#include "log_from_environment.hpp"

#include <apimart.hpp>
#include <apimart/testing/config_for.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <concepts>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
using namespace apimart;
using namespace std::chrono_literals;

class example_service
{
public:
    /// The scenario is what goes wrong at the emulator: see `testing::scenario`.
    explicit example_service(asio::any_io_executor executor, std::string_view scenario = "{}")
    {
        if (std::getenv("APIMART_API_KEY") != nullptr)
            return;
        testing::emulator_options options;
        options.speed = 100; // times faster than real time
        options.scenario = testing::scenario::parse(scenario);
        emulator_ = std::make_unique<testing::emulator>(std::move(executor), options);
        emulator_->start();
    }

    client_config config() const
    {
        client_config config =
            emulator_ != nullptr ? testing::config_for(*emulator_) : client_config::from_environment();
        config.observer = log_from_environment(); // APIMART_LOG=debug shows what happens
        return config;
    }

    /// Without it the emulator would keep the context busy.
    void stop()
    {
        if (emulator_ != nullptr)
            emulator_->stop();
    }

private:
    std::unique_ptr<testing::emulator> emulator_;
};

/// Runs a coroutine to its end, with a client or with the settings for its own, and gives what `main` returns.
template <class Coroutine>
int run_example(Coroutine coroutine, std::string_view scenario = "{}")
{
    try {
        asio::io_context context;
        example_service service(context.get_executor(), scenario);
        auto const end = [&](std::exception_ptr failed) {
            service.stop();
            if (failed)
                std::rethrow_exception(failed);
        };
        if constexpr (std::invocable<Coroutine, client_config>)
            asio::co_spawn(context, coroutine(service.config()), end);
        else
            asio::co_spawn(context, coroutine(client(context, service.config())), end);
        context.run();
        return 0;
    } catch (std::exception const& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
