// SPDX-License-Identifier: BSL-1.0
// Where the links of a completed task stand, in every form that was met.
#ifndef APIMART_TESTING_RULES_RESULT_SHAPE_HPP
#define APIMART_TESTING_RULES_RESULT_SHAPE_HPP

#include <apimart/testing/faults/scenario.hpp>

#include <string_view>

namespace apimart::testing::emulation {

/// The members of a task's object: `whole` has a place for all `{items}`, or for their list as JSON `{text}`; an item has
/// places for its `{url}`, for the `{second}` of two and for the member that tells `{until}` when.
struct result_shape
{
    std::string_view whole;
    std::string_view item = "{url}";
    bool takes_samples = true;
};

constexpr result_shape shape_of_result(scenario::url_form form) noexcept
{
    using enum scenario::url_form;
    constexpr std::string_view videos = R"(,"result":{"videos":[{items}]})";
    switch (form) {
    case array:
        return {videos, R"({"url":[{url}]{until}})"};
    case string:
        return {videos, R"({"url":{url}{until}})"};
    case several:
        return {videos, R"({"url":[{url},{second}]{until}})"};
    case item:
        return {videos};
    case items_video_url:
        return {videos, R"({"video_url":{url}{until}})"};
    case items_urls:
        return {videos, R"({"urls":[{url}]{until}})"};
    case list:
        return {R"(,"result":[{items}])"};
    case list_as_text:
        return {R"(,"result":{text})"};
    case urls:
        return {R"(,"result":{"urls":[{items}]})"};
    case video_urls:
        return {R"(,"result":{"video_urls":[{items}]})"};
    case output:
        return {R"(,"result":{"output":[{items}]})", R"({"url":{url}})"};
    case text:
        return {.whole = R"(,"result":{items})", .takes_samples = false};
    case video:
        return {.whole = R"(,"result":{"video":{items}})", .takes_samples = false};
    case video_url:
        return {.whole = R"(,"result":{"video_url":{items}})", .takes_samples = false};
    case url:
        return {.whole = R"(,"result":{"url":{items}})", .takes_samples = false};
    case task_video_url:
        return {.whole = R"(,"video_url":{items})", .takes_samples = false};
    case task_video:
        return {.whole = R"(,"video":{"url":{items}})", .takes_samples = false};
    case task_metadata:
        return {.whole = R"(,"metadata":{"url":{items}})", .takes_samples = false};
    case task_output:
        return {.whole = R"(,"output":{items})", .takes_samples = false};
    }
    return {videos};
}

} // namespace apimart::testing::emulation

#endif
