// Which service a batch goes to.
#ifndef APIMART_EXAMPLES_SERVICE_HPP
#define APIMART_EXAMPLES_SERVICE_HPP

#include "base_url.hpp"
#include "display.hpp"
#include "settings.hpp"

#include <apimart/client_config.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace batch_submit {

// The service in the same process, on a thread of its own.
class in_process_emulator
{
public:
    explicit in_process_emulator(double speed) : service_(context_.get_executor(), options(speed))
    {
        service_.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    in_process_emulator(in_process_emulator const&) = delete;
    in_process_emulator& operator=(in_process_emulator const&) = delete;
    ~in_process_emulator()
    {
        service_.stop();
        context_.stop();
        thread_.join();
    }

    std::string base_url() const { return service_.base_url(); }
    std::string ca_pem() const { return service_.ca_pem(); }

private:
    static apimart::testing::emulator_options options(double speed)
    {
        apimart::testing::emulator_options chosen;
        chosen.speed = speed;
        return chosen;
    }

    boost::asio::io_context context_{1};
    apimart::testing::emulator service_;
    std::thread thread_;
};

// How to reach the service, and what is said of it.
class service
{
public:
    // Throws std::invalid_argument for an address that cannot be used.
    explicit service(settings const& chosen)
    {
        char const* const secret = std::getenv("APIMART_API_KEY");
        bool const has_key = secret != nullptr && *secret != '\0';
        if (chosen.emulator || (!has_key && chosen.base_url.empty())) {
            emulator_ = std::make_unique<in_process_emulator>(chosen.speed);
            config_.emplace(apimart::api_key("emulator"));
            config_->base_url = emulator_->base_url();
            config_->tls.add_ca_pem(emulator_->ca_pem());
            words_ = "the built-in emulator at " + config_->base_url + ", " + decimal(chosen.speed, 3) +
                     " times faster than real time" +
                     (chosen.emulator ? "" : " (APIMART_API_KEY is not set)");
        } else if (has_key) {
            config_ = apimart::client_config::from_environment();
            config_->base_url =
                usable_base_url(chosen.base_url.empty() ? config_->base_url : chosen.base_url);
            words_ = config_->base_url + " (with APIMART_API_KEY)";
        } else {
            std::string const url = usable_base_url(chosen.base_url);
            if (!is_loopback(url))
                throw std::invalid_argument(shown(url) + " needs the environment variable APIMART_API_KEY");
            config_.emplace(apimart::api_key("emulator"));
            config_->base_url = url;
            words_ = url + " (APIMART_API_KEY is not set; sending a placeholder)";
        }
        if (!chosen.ca_file.empty())
            config_->tls.add_ca_file(chosen.ca_file);
        config_->resolver.allow_fake_ip(chosen.allow_fake_ip);
        config_->limits.max_concurrent_submits = chosen.submit_concurrency;
        config_->limits.submits_per_second = chosen.rate;
        if (chosen.key_is_honoured)
            config_->idempotency = apimart::idempotency::supported;
        ask_more_often(chosen.speed);
    }

    bool is_emulator() const { return emulator_ != nullptr; }
    apimart::client_config const& config() const { return *config_; }
    std::string const& words() const { return words_; }

private:
    // A service that runs faster is asked more often.
    void ask_more_often(double speed)
    {
        using namespace std::chrono_literals;
        apimart::poll_policy& poll = config_->poll;
        for (auto* const each : {&poll.initial_delay, &poll.min_interval, &poll.max_interval})
            *each = std::max(20ms, std::chrono::milliseconds(static_cast<std::int64_t>(
                                       static_cast<double>(each->count()) / speed)));
        poll.requests_per_second *= std::clamp(speed, 1.0, 10.0);
    }

    std::unique_ptr<in_process_emulator> emulator_;
    std::optional<apimart::client_config> config_;
    std::string words_;
};

} // namespace batch_submit

#endif
