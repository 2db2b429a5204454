// An emulator that shares neither memory nor descriptors with the test.
#pragma once

#include "client_fixture.hpp"

#include <string>
#include <string_view>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

namespace client_tests {

class emulator_process
{
public:
    explicit emulator_process(std::string_view scenario_text = "{}", double speed = 4000)
    {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ == 0) {
            ::close(ends[0]);
            serve(ends[1], scenario_text, speed);
            ::_exit(0);
        }
        ::close(ends[1]);
        std::string told;
        char buffer[4096];
        for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
            told.append(buffer, static_cast<std::size_t>(count));
        ::close(ends[0]);
        base_url = told.substr(0, told.find('\n'));
        ca_pem = told.substr(base_url.size() + 1);
    }
    ~emulator_process()
    {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    emulator_process(emulator_process const&) = delete;
    emulator_process& operator=(emulator_process const&) = delete;

    std::string base_url;
    std::string ca_pem;

private:
    static void serve(int to, std::string_view scenario_text, double speed)
    {
        asio::io_context context;
        apimart::testing::emulator service(context.get_executor(), bench::options_for(scenario_text, speed));
        service.start();
        std::string const told = service.base_url() + '\n' + service.ca_pem();
        if (::write(to, told.data(), told.size()) == static_cast<ssize_t>(told.size()))
            ::close(to);
        context.run();
    }

    pid_t child_ = -1;
};

} // namespace client_tests
