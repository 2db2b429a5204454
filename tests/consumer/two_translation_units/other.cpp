#include <apimart.hpp>

#include <string>

std::string other_corgi();
boost::system::error_code other_error();

std::string other_corgi()
{
    return apimart::text_to_video<apimart::kling_3_0_turbo>("A corgi").serialize();
}

boost::system::error_code other_error()
{
    return apimart::errc::outcome_unknown;
}
