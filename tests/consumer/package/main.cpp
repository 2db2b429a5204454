#include <apimart/client.hpp>
#include <apimart/models/kling_3_0_turbo.hpp>

#include <iostream>

int main()
{
    apimart::text_to_video<apimart::kling_3_0_turbo> const corgi("A corgi");
    std::cout << corgi.serialize() << '\n';
}
