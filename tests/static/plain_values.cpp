// SPDX-License-Identifier: BSL-1.0
//
// The values of the interface: they can be made inside an expression that is awaited, they move without throwing,
// and what is got out of a temporary lives on.

#include <apimart/client.hpp>
#include <apimart/image_file.hpp>
#include <apimart/journal.hpp>
#include <apimart/models.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
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
static_assert(is_plain_value<balance> && is_plain_value<api_request> && is_plain_value<api_response>);
static_assert(is_plain_value<journal_item> && is_plain_value<journal_outcome> &&
              is_plain_value<journal_record>);
static_assert(is_plain_value<journal_counts> && is_plain_value<journal_query>);
static_assert(is_plain_value<usage_entry> && is_plain_value<usage_report>);
static_assert(is_plain_value<listed_model> && is_plain_value<model_schema>);
static_assert(is_plain_value<image_file> && is_plain_value<image_bytes> && is_plain_value<image_source>);
static_assert(is_plain_value<uploaded_image> && is_plain_value<local_image>);
static_assert(is_plain_value<task_callback>);
static_assert(std::is_nothrow_move_constructible_v<task_watcher> &&
              std::is_nothrow_move_assignable_v<task_watcher> && !std::is_copy_constructible_v<task_watcher>);
static_assert(is_plain_value<violation> && is_plain_value<validation_result>);

// Options own nothing and are made in braces.
template <class T>
constexpr bool is_options =
    std::is_aggregate_v<T>&& std::is_trivially_copyable_v<T>&& std::is_nothrow_default_constructible_v<T>;

static_assert(is_options<submit_options> && is_options<generate_options> && is_options<wait_options> &&
              is_options<watch_options>);
static_assert(is_options<status_options> && is_options<download_options> && is_options<upload_options>);
static_assert(is_options<usage_options> && is_options<models_options>);

[[maybe_unused]] boost::asio::awaitable<void> options_in_braces(client by, any_request request, task one,
                                                                video_file video)
{
    using namespace std::chrono_literals;
    std::string const key = "a key";
    int calls = 0;
    auto const count = [&](task const&) { ++calls; };
    co_await by.submit(request, {.timeout = 60s});
    co_await by.submit(request, {.idempotency_key = key, .max_retries = 0, .on_accepted = count});
    co_await by.submit(request, {.idempotency_key = "a key"}, as_result());
    co_await by.generate(request, {.timeout = 60s});
    co_await by.generate(request, {.timeout = 60s, .max_retries = 1, .on_accepted = count}, as_result());
    co_await by.generate(request, {.timeout = 60s}, {.timeout = 10min});
    co_await by.wait(one, {.timeout = 60s});
    co_await by.status(one, {.timeout = 60s, .max_retries = 1}, as_result());
    co_await by.download(video, "v.mp4", {.overwrite = true, .timeout = 60s});
    std::string const model = "kling-v3";
    co_await by.usage({.models = model, .group_by = usage_group::date, .time_zone = "UTC"});
    co_await by.models({.expand = true, .category = "video"}, as_result());
    co_await by.schema(model, {.timeout = 60s});
    auto const watch = [&](transfer_progress) { ++calls; };
    co_await by.upload("a.png", {.timeout = 60s, .on_progress = watch});
    co_await by.upload(image_bytes("GIF89a"), {.reuse = false}, as_result());
    co_await by.upload_files(request, {.timeout = 60s});
}

// A picture in a file stands where its URL does, and nowhere else.
template <class Place>
constexpr bool takes_image_file = std::is_constructible_v<Place, image_file const&>;
static_assert(takes_image_file<argument<kling_v3, kind::image_to_video, parameter::image_urls>>);
static_assert(
    takes_image_file<argument<kling_3_0_turbo, kind::image_to_video, parameter::first_frame_image>>);
static_assert(
    takes_image_file<argument<veo_3_1_fast_official, kind::image_to_video, parameter::last_frame_image>>);
static_assert(
    takes_image_file<argument<kling_v3_motion_control, kind::motion_control, parameter::image_url>>);
template <class Range>
constexpr bool takes_range = accepts_range<kling_v3, kind::image_to_video, parameter::image_urls, Range>;
static_assert(takes_range<std::vector<image_file>> && takes_range<std::vector<std::string>>);
static_assert(!takes_range<std::vector<int>> && !takes_range<image_file>);
static_assert(!std::is_convertible_v<std::string, image_file> &&
              !std::is_convertible_v<char const*, image_file>);
static_assert(
    std::is_same_v<decltype(element("a", "b", image_file("c"), "https://d.example/1")), element<2>>);
static_assert(std::is_same_v<decltype(element("a", "b", std::vector<image_file>())), element<>>);

// What is referred to is copied by the call, and may not be gone before it.
template <class Given>
constexpr bool is_key = std::is_convertible_v<Given, option_text>;
static_assert(is_key<char const*> && is_key<std::string_view> && is_key<std::string&> &&
              is_key<std::string const&>);
static_assert(!is_key<std::string>);

struct remembers
{
    void operator()(task const&);
    int calls = 0;
};
using forgets = decltype([](task const&) {});
template <class Given>
constexpr bool is_handler = std::is_convertible_v<Given, accepted_handler>;
static_assert(is_handler<std::function<void(task const&)>&> &&
              is_handler<std::function<void(task const&)> const&>);
static_assert(is_handler<forgets> && is_handler<forgets const&> && is_handler<void (*)(task const&)>);
static_assert(is_handler<remembers&> && !is_handler<remembers const&> && !is_handler<remembers>);
static_assert(!is_handler<std::function<void(task const&)>>);
static_assert(!is_handler<std::function<void(int)>&>);

// What is got out of a temporary is a value of its own: a reference or a view into it would be gone at the semicolon, or
// in the middle of a range-based `for`.
template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t Size>
inline constexpr bool is_span<std::span<T, Size>> = true;
template <class T>
constexpr bool owns = !std::is_reference_v<T> && !is_span<T> && !std::is_same_v<T, std::string_view>;

#define OWNS(TYPE, MEMBER) static_assert(owns<decltype(std::declval<TYPE>().MEMBER())>, #TYPE "::" #MEMBER)
OWNS(task, id);
OWNS(task, model);
OWNS(task, duration_class);
OWNS(task, idempotency_key);
OWNS(task_state, id);
OWNS(task_state, raw_status);
OWNS(task_state, videos);
OWNS(task_state, error);
OWNS(task_result, id);
OWNS(task_result, videos);
OWNS(task_result, video);
OWNS(task_result, error);
OWNS(result_url, expose);
OWNS(video_file, task_id);
OWNS(video_file, url);
OWNS(task_error, code);
OWNS(task_error, type);
OWNS(task_error, text);
OWNS(api_request, path);
OWNS(api_request, body);
OWNS(usage_entry, model);
OWNS(usage_entry, date);
OWNS(usage_report, total);
OWNS(usage_report, items);
OWNS(model_schema, model);
OWNS(model_schema, operation);
OWNS(model_schema, method);
OWNS(model_schema, path);
OWNS(model_schema, version);
OWNS(model_schema, input_schema);
OWNS(listed_model, id);
OWNS(listed_model, owned_by);
OWNS(listed_model, endpoint_types);
OWNS(listed_model, category);
OWNS(listed_model, capability_tags);
OWNS(listed_model, parameters);
OWNS(api_response, content_type);
OWNS(api_response, body);
OWNS(server_message, code);
OWNS(server_message, type);
OWNS(server_message, text);
OWNS(attempt, code);
OWNS(attempt, phase);
OWNS(error_info, code);
OWNS(error_info, underlying);
OWNS(error_info, server_message);
OWNS(error_info, request_id);
OWNS(error_info, task_id);
OWNS(error_info, idempotency_key);
OWNS(error_info, attempts);
OWNS(error_info, validation);
OWNS(error_info, client_message);
OWNS(error, info);
OWNS(violation, pointer);
OWNS(violation, message);
OWNS(violation, value);
OWNS(validation_result, entries);
OWNS(invalid_request, found);
OWNS(any_request, model);
OWNS(any_request, body);
OWNS(any_request, extra_fields);
OWNS(image_file, path);
OWNS(image_bytes, file_name);
OWNS(image_bytes, bytes);
OWNS(image_source, path);
OWNS(image_source, bytes);
OWNS(uploaded_image, url);
OWNS(uploaded_image, content_type);
OWNS(local_image, pointer);
OWNS(local_image, file);
#undef OWNS

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
template <class Path>
constexpr bool names_a_picture = std::is_convertible_v<Path, image_source>;
static_assert(names_a_picture<char const*> && names_a_picture<char const (&)[6]> &&
              names_a_picture<std::string>);
static_assert(names_a_picture<std::filesystem::path> && names_a_picture<std::string_view>);
static_assert(names_a_picture<image_file> && names_a_picture<image_bytes> && !names_a_picture<int>);

} // namespace
