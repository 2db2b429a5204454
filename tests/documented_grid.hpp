// SPDX-License-Identifier: BSL-1.0
//
// The documentation's tables, written down by hand and not taken from the library's: which parameter belongs
// to which kind of generation of which model. tests/static/accepts_grid.cpp holds the compiler to it,
// tests/unit/request_grid.cpp the validator.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace documented {

/// One column: a kind of generation, and the members of a good body without advice.
struct column
{
    std::string_view model;
    std::string_view kind;
    std::string_view base;
};

// clang-format off

inline constexpr std::string_view motion_base =
    R"("image_url":"https://example.com/i.png","video_url":"https://example.com/v.mp4","prompt":"x",)"
    R"("character_orientation":"image","mode":"std")";
inline constexpr std::string_view text_base = R"("prompt":"x")";
inline constexpr std::string_view frame_base = R"("prompt":"x","first_frame_image":"https://example.com/i.png")";
inline constexpr std::string_view images_base = R"("prompt":"x","image_urls":["https://example.com/i.png"])";

inline constexpr std::array columns{
    column{"kling-3.0-turbo", "text_to_video", text_base},
    column{"kling-3.0-turbo", "image_to_video", R"("first_frame_image":"https://example.com/i.png")"},
    column{"kling-3.0-turbo", "storyboard", R"("prompt":"Shot 1,10,x;","duration":10)"},
    column{"kling-v3-omni", "text_to_video", text_base},
    column{"kling-v3-omni", "image_reference", images_base},
    column{"kling-v3", "text_to_video", text_base},
    column{"kling-v3", "image_to_video", images_base},
    column{"kling-v3", "storyboard", R"("multi_shot":true,"shot_type":"customize","duration":10,)"
                                     R"("multi_prompt":[{"index":1,"prompt":"x","duration":10}])"},
    column{"kling-v3", "intelligent_storyboard", R"("prompt":"x","multi_shot":true,"shot_type":"intelligence")"},
    column{"kling-v2-6-motion-control", "motion_control", motion_base},
    column{"kling-v3-motion-control", "motion_control", motion_base},
    column{"veo3.1-fast-official", "text_to_video", text_base},
    column{"veo3.1-fast-official", "image_to_video", frame_base},
    column{"veo3.1-quality-official", "text_to_video", text_base},
    column{"veo3.1-quality-official", "image_to_video", frame_base},
};

/// One line: a parameter, a value that is good wherever it is taken, and a letter per column (blanks do not count).
///   R required     A should be given     O optional
///   U not said whether it works here: can be set, with an advice
///   N no effect: cannot be set, accepted from JSON with an advice
///   S settled by the kind itself: cannot be set, accepted from JSON
///   K cannot be set, and a body that has it is of another kind or refused
///   - no parameter: cannot be set, refused
struct line
{
    std::string_view parameter;
    std::string_view sample;
    std::string_view letters;
};

// Sources: the field lists and the tables "Text-to-Video vs Image-to-Video" of the five pages of the original documentation;
// turbo's storyboard is its scenario 5; the last four lines are fields of every model (api-reference.md 2.2).
inline constexpr std::array lines{
    //                                                              turbo omni v3   m2.6 m3 fast quality
    line{"prompt",                R"("a cat")",                     "ROR  RR   RROA A    A  RR   RR"},
    line{"negative_prompt",       R"("blurry")",                    "---  --   OOOO -    -  OO   OO"},
    line{"mode",                  R"("pro")",                       "---  OO   OOOO R    R  --   --"},
    line{"resolution",            R"("1080p")",                     "OOO  --   ---- -    -  OO   OO"},
    line{"aspect_ratio",          R"("9:16")",                      "ONO  OO   OOOO -    -  OO   OO"},
    line{"duration",              "10",                             "OOS  OO   OOSO -    -  OO   OO"},
    line{"first_frame_image",     R"("https://example.com/1.png")", "KRK  --   ---- -    -  KR   KR"},
    line{"last_frame_image",      R"("https://example.com/2.png")", "---  --   ---- -    -  KO   KO"},
    line{"image_url",             R"("https://example.com/3.png")", "---  --   ---- R    R  --   --"},
    line{"video_url",             R"("https://example.com/4.mp4")", "---  --   ---- R    R  --   --"},
    line{"image_urls",            R"(["https://example.com/5.png"])", "---  KR   KRUU -    -  --   --"},
    line{"character_orientation", R"("video")",                     "---  --   ---- R    R  --   --"},
    line{"watermark",             "true",                           "OOO  OO   OOOO -    -  --   --"},
    line{"watermark_info",        R"({"enabled":true})",            "---  --   ---- O    O  --   --"},
    line{"audio",                 "true",                           "---  --   OOOO -    -  --   --"},
    line{"generate_audio",        "true",                           "---  --   ---- -    -  OO   OO"},
    line{"keep_original_sound",   R"("no")",                        "---  --   ---- O    O  --   --"},
    line{"multi_shot",            "false",                          "---  --   SSSS -    -  --   --"},
    line{"shot_type",             R"("customize")",                 "---  --   NNSS -    -  --   --"},
    line{"multi_prompt",          R"([{"index":1,"prompt":"a","duration":5}])", "---  --   NNRN -    -  --   --"},
    line{"element_list",          R"([{"name":"a","description":"b","element_input_urls":["https://example.com/6","https://example.com/7"]}])",
                                                                    "---  --   OOOO -    -  --   --"},
    line{"seed",                  "7",                              "---  --   ---- -    -  OO   OO"},
    line{"sample_count",          "1",                              "---  --   ---- -    -  OO   OO"},
    line{"person_generation",     R"("disallow")",                  "---  --   ---- -    -  OO   OO"},
    line{"resize_mode",           R"("crop")",                      "---  --   ---- -    -  NO   NO"},
    line{"enhance_prompt",        "true",                           "---  --   ---- -    -  OO   OO"},
    line{"webhook",               R"("https://example.com/hook")",  "OOO  OO   OOOO O    O  OO   OO"},
    line{"language",              R"("en")",                        "OOO  OO   OOOO O    O  OO   OO"},
    line{"nsfw_check",            "true",                           "OOO  OO   OOOO O    O  OO   OO"},
    line{"metadata",              "{}",                             "OOO  OO   OOOO O    O  OO   OO"},
};

// clang-format on

/// The letter of a line in a column.
constexpr char letter(line const& of, std::size_t column) noexcept
{
    for (char const c : of.letters)
        if (c != ' ' && column-- == 0)
            return c;
    return '?';
}

/// Whether a caller can set the parameter of a cell.
constexpr bool can_be_set(char letter) noexcept
{
    return letter == 'R' || letter == 'A' || letter == 'O' || letter == 'U';
}

} // namespace documented
