#ifndef APIMART_HPP
#define APIMART_HPP

// Everything but the tools for tests.

#include <apimart/client.hpp>
#include <apimart/models.hpp>
#include <apimart/version.hpp>

#endif
