// A request that the emulator accepts, made and answered in one program.
#include <apimart/client.hpp>
#include <apimart/models/kling_3_0_turbo.hpp>
#include <apimart/testing/config_for.hpp>

#include <boost/asio/io_context.hpp>

#include <string>

std::string bought_from_the_emulator();

std::string bought_from_the_emulator()
{
    boost::asio::io_context context;
    apimart::testing::emulator service(context.get_executor());
    service.start();
    apimart::client client(context, apimart::testing::config_for(service));
    apimart::text_to_video<apimart::kling_3_0_turbo> const corgi("A corgi");
    std::string bought;
    client.submit(corgi, [&](boost::system::error_code code, apimart::task const& task) {
        bought = code ? code.message() : corgi.serialize() + task.id();
        service.stop();
        context.stop();
    });
    context.run();
    return bought;
}
