// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_TASK_ID_HPP
#define APIMART_PROTOCOL_TASK_ID_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace apimart::detail {

inline constexpr std::size_t max_task_id = 1024;

// Task ids are opaque, but nothing that could change a request's path or a log line is one.
inline bool is_task_id(std::string_view id)
{
    static constexpr auto allowed = [] {
        std::array<bool, 256> table{};
        for (char const c :
             std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:~-"))
            table[static_cast<unsigned char>(c)] = true;
        return table;
    }();
    return !id.empty() && id.size() <= max_task_id && id != "." && id != ".." &&
           std::all_of(id.begin(), id.end(), [](char c) { return allowed[static_cast<unsigned char>(c)]; });
}

} // namespace apimart::detail

#endif
