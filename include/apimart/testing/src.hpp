// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_SRC_HPP
#define APIMART_TESTING_SRC_HPP

// The same as <apimart/src.hpp> for the emulator and the proxies: include it beside that one where a program
// that is compiled with APIMART_SEPARATE_COMPILATION uses them.

#ifndef APIMART_SEPARATE_COMPILATION
#error define APIMART_SEPARATE_COMPILATION for the whole program to compile the implementation once
#endif

#include <apimart/testing/connect_proxy.ipp>
#include <apimart/testing/emulator.ipp>
#include <apimart/testing/tcp_proxy.ipp>

#endif
