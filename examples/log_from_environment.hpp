// What the examples log: `APIMART_LOG=debug examples/...` shows on standard error what the client does.
#ifndef EXAMPLES_LOG_FROM_ENVIRONMENT_HPP
#define EXAMPLES_LOG_FROM_ENVIRONMENT_HPP

#include <apimart/log_to.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string_view>

// An observer for `client_config::observer`; without APIMART_LOG, or with another word than a level, it is told nothing.
inline apimart::observer log_from_environment()
{
    char const* const word = std::getenv("APIMART_LOG");
    std::optional<apimart::log_level> const level = apimart::log_level_of(word != nullptr ? word : "");
    if (!level)
        return {};
    return apimart::log_to([](apimart::log_level of,
                              std::string_view line) { std::clog << to_string(of) << ' ' << line << '\n'; },
                           *level);
}

#endif
