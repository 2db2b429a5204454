// The README's blocks that are the body of a coroutine; the definition is generated from the README.
#pragma once

#include <apimart/client.hpp>

#include <boost/asio/awaitable.hpp>

#include <vector>

struct readme_block
{
    char const* name;
    boost::asio::awaitable<void> (*run)(apimart::client&);
};

std::vector<readme_block> readme_blocks();
