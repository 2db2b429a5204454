// A video from a picture on this machine: it is uploaded, its link is ordered with, and the video is fetched. Without
// APIMART_API_KEY it goes to an emulator in this process.

#include "log_from_environment.hpp"

#include <apimart.hpp>
#include <apimart/testing/config_for.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

namespace asio = boost::asio;
using namespace apimart;

void show(transfer_progress sent)
{
    std::cout << sent.bytes << " of " << sent.total.value() << " bytes have left\n";
}

asio::awaitable<void> animate(client& service, std::string picture, std::string prompt)
{
    // `generate` takes `image_file(picture)` as it is; this is for those who use a link more than once.
    uploaded_image link = co_await service.upload(picture, {.on_progress = show});
    std::cout << link.content_type() << " of " << link.bytes() << " bytes is at the service\n";
    task_result done = co_await service.generate(image_to_video<kling_v3>(prompt, link));
    std::uint64_t size = co_await service.download(done.video(), picture + ".mp4", {.overwrite = true});
    std::cout << picture << ".mp4: " << size << " bytes\n";
}

int main(int argc, char** argv)
{
    if (argc != 3) {
        std::cerr << "usage: upload_picture PICTURE PROMPT\n";
        return 2;
    }
    try {
        asio::io_context context;
        std::optional<testing::emulator> emulator;
        std::optional<client_config> config;
        if (std::getenv("APIMART_API_KEY") != nullptr) {
            config = client_config::from_environment();
        } else {
            testing::emulator_options options;
            options.speed = 50;
            emulator.emplace(context.get_executor(), options).start();
            config = testing::config_for(*emulator);
        }
        config->observer = log_from_environment();
        client service(context, *config);
        asio::co_spawn(context, animate(service, argv[1], argv[2]), [&](std::exception_ptr failed) {
            if (emulator)
                emulator->stop();
            if (failed)
                std::rethrow_exception(failed);
        });
        context.run();
        return 0;
    } catch (std::exception const& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
