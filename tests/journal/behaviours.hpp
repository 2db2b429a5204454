// SPDX-License-Identifier: BSL-1.0
//
// What every journal does, whatever it is kept in.
#ifndef APIMART_TESTS_JOURNAL_BEHAVIOURS_HPP
#define APIMART_TESTS_JOURNAL_BEHAVIOURS_HPP

#include <apimart/journal.hpp>

#include <boost/asio/awaitable.hpp>

#include <span>

class behaviour
{
public:
    char const* name;
    boost::asio::awaitable<void> (*check)(apimart::journal_base);
};

std::span<behaviour const> behaviours();

#endif
