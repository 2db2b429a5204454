// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VERSION_HPP
#define APIMART_VERSION_HPP

#include <boost/version.hpp>

// The version is written here and nowhere else: CMakeLists.txt reads these three lines.
#define APIMART_VERSION_MAJOR 0
#define APIMART_VERSION_MINOR 1
#define APIMART_VERSION_PATCH 0

/// One number to compare with in `#if`: major * 10000 + minor * 100 + patch.
#define APIMART_VERSION (APIMART_VERSION_MAJOR * 10000 + APIMART_VERSION_MINOR * 100 + APIMART_VERSION_PATCH)

#define APIMART_DETAIL_STRINGIZE_(x) #x
#define APIMART_DETAIL_STRINGIZE(x) APIMART_DETAIL_STRINGIZE_(x)

/// The same as text, for example for a User-Agent.
#define APIMART_VERSION_STRING                                                                               \
    APIMART_DETAIL_STRINGIZE(APIMART_VERSION_MAJOR)                                                          \
    "." APIMART_DETAIL_STRINGIZE(APIMART_VERSION_MINOR) "." APIMART_DETAIL_STRINGIZE(APIMART_VERSION_PATCH)

// Said here, because what the compiler says about the first concept or coroutine helps nobody.
#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "apimart needs C++20: compile with -std=c++20, or set CMAKE_CXX_STANDARD to 20"
#elif BOOST_VERSION < 108100
#error "apimart needs Boost 1.81 or newer"
#endif

#endif
