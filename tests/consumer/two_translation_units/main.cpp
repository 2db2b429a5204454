// Two files with the whole library in each, linked into one program: header-only, where everything is inline, and with the
// implementation compiled once in a third file.
#include <apimart.hpp>

#include <iostream>
#include <string>

std::string other_corgi();
boost::system::error_code other_error();

int main()
{
    std::string const corgi = apimart::text_to_video<apimart::kling_3_0_turbo>("A corgi").serialize();
    if (corgi != other_corgi()) {
        std::cerr << "the same request differs between two files: " << corgi << " and " << other_corgi() << '\n';
        return 1;
    }
    boost::system::error_code const error = apimart::errc::outcome_unknown;
    if (error != other_error()) {
        std::cerr << "the same error differs between two files: " << error << " and " << other_error() << '\n';
        return 1;
    }
    std::cout << corgi << '\n' << error.message() << '\n';
}
