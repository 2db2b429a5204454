// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CHRONO_HPP
#define APIMART_RUNTIME_CHRONO_HPP

// Durations, time points and clocks. The <chrono> of C++20 brings calendars and string streams besides, which
// would be the dearest part of including the client; GCC's library keeps what is needed here in a header of its
// own, as its <mutex> does.
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif

#endif
