// Runs the README's C++ against an emulated service: each block, then the programs whose paths are given. The files and
// environment variables that they speak of are there.
#include "readme/blocks.hpp"

#include <apimart/testing/emulator.hpp>
#include <apimart/testing/network/certificate_authority.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

class scratch_folder
{
public:
    scratch_folder() : path_(std::filesystem::temp_directory_path() / "apimart-readme-XXXXXX")
    {
        std::string name = path_.string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no scratch folder");
        path_ = name;
        std::filesystem::current_path(path_);
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder()
    {
        std::filesystem::current_path(path_.parent_path());
        std::filesystem::remove_all(path_);
    }

private:
    std::filesystem::path path_;
};

void write(char const* name, std::string_view text)
{
    std::ofstream(name, std::ios::binary) << text;
}

// A service on a thread of its own.
class emulated_service
{
public:
    emulated_service() : work_(context_.get_executor()), service_(context_.get_executor(), options())
    {
        service_.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    emulated_service(emulated_service const&) = delete;
    emulated_service& operator=(emulated_service const&) = delete;
    ~emulated_service()
    {
        service_.stop();
        context_.stop();
        thread_.join();
    }

    apimart::testing::emulator& operator*() { return service_; }

private:
    static apimart::testing::emulator_options options()
    {
        apimart::testing::emulator_options chosen;
        chosen.speed = 10'000;
        return chosen;
    }

    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    apimart::testing::emulator service_;
    std::thread thread_;
};

// On two threads, because a block may wait for a future.
bool run_block(readme_block const& block)
{
    asio::io_context context;
    apimart::client_config config = apimart::client_config::from_environment();
    config.poll.initial_delay = 10ms;
    config.poll.min_interval = 5ms;
    config.poll.max_interval = 50ms;
    apimart::client client(context, std::move(config));
    std::string failed = "it did not end";
    asio::co_spawn(context, block.run(client), [&](std::exception_ptr thrown) {
        try {
            failed.clear();
            if (thrown)
                std::rethrow_exception(thrown);
        } catch (std::exception const& e) {
            failed = e.what();
        }
    });
    std::thread second([&] { context.run_for(60s); });
    context.run_for(60s);
    second.join();
    std::cout << block.name << (failed.empty() ? ": ran" : ": FAILED: ") << failed << std::endl;
    return failed.empty();
}

bool run_program(std::string const& path)
{
    bool const ran = std::system(path.c_str()) == 0;
    std::cout << path << (ran ? ": ran" : ": FAILED") << std::endl;
    return ran;
}

} // namespace

int main(int argc, char** argv)
{
    scratch_folder const here;
    emulated_service service;
    apimart::testing::certified_key const own = apimart::testing::certificate_authority().issue();
    write("ca.pem", (*service).ca_pem());
    write("client.pem", own.certificate_pem);
    write("client.key", own.key_pem);
    // The beginning of a picture, which is what is looked at: 640 x 480, 8 bits, in colour.
    using namespace std::string_view_literals;
    write("first.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0\0\0\0\0"sv);
    for (char const* name : {"https_proxy", "HTTPS_PROXY", "SSL_CERT_FILE"})
        ::unsetenv(name);
    ::setenv("APIMART_API_KEY", "sk-readme", 1);
    ::setenv("APIMART_BASE_URL", (*service).base_url().c_str(), 1);
    ::setenv("APIMART_CA_FILE", "ca.pem", 1);

    bool ran = argc > 1 && !readme_blocks().empty();
    for (readme_block const& block : readme_blocks())
        ran = run_block(block) && ran;
    for (int each = 1; each < argc; ++each)
        ran = run_program(argv[each]) && ran;
    return ran ? 0 : 1;
}
