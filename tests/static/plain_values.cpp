// SPDX-License-Identifier: BSL-1.0
//
// The values of the interface: they can be made inside an expression that is awaited, they move without throwing,
// and what is got out of a temporary lives on.

#include <apimart/client.hpp>

#include <filesystem>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace apimart;

// GCC 12 destroys a temporary aggregate in a co_await expression twice.
template <class T>
constexpr bool is_plain_value =
    !std::is_aggregate_v<T> && std::is_copy_constructible_v<T> && std::is_copy_assignable_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

static_assert(is_plain_value<task> && is_plain_value<task_state> && is_plain_value<task_result>);
static_assert(is_plain_value<result_url> && is_plain_value<video_file> && is_plain_value<task_error>);
static_assert(is_plain_value<error_info> && is_plain_value<server_message> && is_plain_value<attempt>);
static_assert(is_plain_value<violation> && is_plain_value<validation_result>);

static_assert(std::is_same_v<decltype(std::declval<task_result>().videos()), std::vector<video_file>>);
static_assert(std::is_same_v<decltype(std::declval<task_result>().error()), task_error>);
static_assert(std::is_same_v<decltype(std::declval<error_info>().validation()), validation_result>);
static_assert(std::is_same_v<decltype(std::declval<error_info>().attempts()), std::vector<attempt>>);
static_assert(std::is_same_v<decltype(std::declval<error_info>().server_message()), server_message>);
static_assert(std::is_same_v<decltype(std::declval<validation_result>().entries()), std::vector<violation>>);
static_assert(
    std::is_same_v<decltype(std::declval<task_state const&>().videos()), std::vector<video_file> const&>);

// A file is named by any text or path.
template <class Path>
constexpr bool names_a_file = requires(client& c, video_file const& v, Path&& path)
{
    c.download(v, std::forward<Path>(path));
    c.download(v, std::forward<Path>(path), download_options());
    c.download(v, std::forward<Path>(path), as_result());
    c.download(v, std::forward<Path>(path), download_options(), as_result());
};
static_assert(names_a_file<char const*> && names_a_file<char const (&)[7]> && names_a_file<std::string>);
static_assert(names_a_file<std::filesystem::path> && names_a_file<std::filesystem::path const&>);
static_assert(names_a_file<decltype(std::filesystem::path() / "v.mp4")>);

} // namespace
