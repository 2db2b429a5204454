// SPDX-License-Identifier: BSL-1.0
// The documented rules of the seven models, in the service's words.
//
// Written from the documentation and not from the client's parameter tables: a mistake in those tables must
// show up here as a refused request.
#ifndef APIMART_TESTING_RULES_REQUEST_RULES_HPP
#define APIMART_TESTING_RULES_REQUEST_RULES_HPP

#include <apimart/testing/rules/field_checks.hpp>
#include <apimart/testing/rules/order.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// Which revision of the documentation is applied.
enum class model_profile : unsigned char
{
    /// The original documentation.
    original,
    /// Later pages: `kling-v3-omni` takes 3 to 15 s, 4k, sound, shots, subjects and a reference video.
    newer,
};

/// Whether rules that the documentation only implies are applied as well: media fields hold absolute web
/// addresses, `<<<image_N>>>` names an image that was sent, subject names differ.
enum class inferred_rules : bool
{
    ignored,
    enforced
};

/// The judgement on a request body: the order it makes, and why it is refused if it is.
class verdict
{
public:
    verdict() = default;

    bool accepted() const noexcept { return !refusal.has_value(); }

    /// Filled as far as the body could be read, even when the request is refused.
    order what;
    /// False when the model itself is missing or unknown: then there is nothing that could be made.
    bool model_known = false;
    std::optional<violation> refusal;
};

/// The length in seconds of a reference video, which the emulator cannot fetch: a name like `ref-8s.mp4`
/// tells it, every other name stands for a video of the default length.
inline int length_told_by_name(std::string_view url, int otherwise) noexcept
{
    url = url.substr(0, url.find_first_of("?#"));
    auto const dot = url.rfind('.');
    auto const slash = url.rfind('/');
    if (dot == url.npos || slash == url.npos || dot < slash || dot < 2 || url[dot - 1] != 's')
        return otherwise;
    int value = 0;
    int scale = 1;
    auto at = dot - 1;
    while (at > slash + 1 && std::isdigit(static_cast<unsigned char>(url[at - 1])) != 0 && scale <= 1000) {
        value += scale * (url[--at] - '0');
        scale *= 10;
    }
    return scale == 1 ? otherwise : value;
}

/// Applies the rules of one model to one body.
class request_rules
{
public:
    request_rules(boost::json::object const& body, model_profile profile, inferred_rules inferred)
        : fields_(body, "", result_.refusal), profile_(profile),
          inferred_(inferred == inferred_rules::enforced)
    {}
    // fields_ points into result_.
    request_rules(request_rules const&) = delete;
    request_rules& operator=(request_rules const&) = delete;

    /// The judgement; to be asked for once.
    verdict judge()
    {
        auto const id = fields_.text("model", presence::required);
        if (!id)
            return std::move(result_);
        auto const known = model_with_id(*id);
        if (!known) {
            fields_.refuse("model", "is not a known model");
            return std::move(result_);
        }
        result_.model_known = true;
        result_.what.of = *known;
        switch (*known) {
        case model::kling_3_0_turbo:
            turbo();
            break;
        case model::kling_v3_omni:
            omni();
            break;
        case model::kling_v3:
            kling_v3();
            break;
        case model::kling_v2_6_motion_control:
        case model::kling_v3_motion_control:
            motion_control();
            break;
        case model::veo_3_1_fast:
        case model::veo_3_1_quality:
            veo();
            break;
        }
        return std::move(result_);
    }

private:
    void turbo()
    {
        bool const animates_image = fields_.has("first_frame_image");
        auto const prompt = fields_.text("prompt", animates_image ? presence::optional : presence::required);
        if (prompt && code_points(*prompt) > 3072)
            fields_.refuse("prompt", "must not be longer than 3072 characters");
        auto const frame = fields_.text("first_frame_image");
        if (inferred_ && frame && !is_web_url(*frame) && !is_base64_image(*frame))
            fields_.refuse("first_frame_image", "must be an http(s) URL or Base64");
        aspect_ratio();
        resolution({"720p", "1080p"});
        duration(3, 15, 5);
        fields_.boolean("watermark");
    }

    void omni()
    {
        bool const newer = profile_ == model_profile::newer;
        mode(newer ? with_4k::yes : with_4k::no);
        aspect_ratio();
        fields_.boolean("watermark");
        std::size_t const images = image_urls(0, 1000);
        if (newer) {
            duration(3, 15, 5);
            auto const negative = fields_.text("negative_prompt");
            if (negative && code_points(*negative) > 2500)
                fields_.refuse("negative_prompt", "must not be longer than 2500 characters");
            result_.what.sound = fields_.boolean("audio").value_or(false);
            fields_.boolean("nsfw_check");
            bool const frames = image_roles();
            reference_video(frames);
            bool const shots = multi_shot();
            fields_.text("prompt", shots ? presence::optional : presence::required);
            element_list();
        } else {
            duration(5, 10, 5);
            if (result_.what.seconds != 5 && result_.what.seconds != 10)
                fields_.refuse("duration", "must be 5 or 10");
            fields_.text("prompt", presence::required);
        }
        if (inferred_)
            image_references(images);
    }

    void kling_v3()
    {
        mode(with_4k::yes);
        duration(3, 15, 5);
        aspect_ratio();
        fields_.text("negative_prompt");
        image_urls(1, 2);
        fields_.boolean("watermark");
        result_.what.sound = fields_.boolean("audio").value_or(false);
        bool const shots = multi_shot();
        fields_.text("prompt", shots ? presence::optional : presence::required);
        element_list();
    }

    void motion_control()
    {
        fields_.text("prompt");
        web_url("image_url", presence::required);
        auto const video = web_url("video_url", presence::required);
        fields_.word("keep_original_sound", {"yes", "no"});
        auto const facing = fields_.word("character_orientation", {"image", "video"}, presence::required);
        auto const made_as = fields_.word("mode", {"std", "pro"}, presence::required);
        result_.what.tier = made_as == "pro" ? quality::high : quality::standard;
        if (auto const* mark = fields_.object("watermark_info")) {
            field_checks inside(*mark, "watermark_info.", result_.refusal);
            inside.boolean("enabled");
        }
        int const length = length_told_by_name(video.value_or(""), 5);
        int const longest = facing == "image" ? 10 : 30;
        if (video && facing && (length < 3 || length > longest))
            fields_.refuse("video_url", "must be a video of 3 to " + std::to_string(longest) + " seconds");
        result_.what.seconds = length;
    }

    void veo()
    {
        fields_.text("prompt", presence::required);
        fields_.text("negative_prompt");
        duration(1, 60, 8);
        fields_.word("aspect_ratio", {"16:9", "9:16"});
        resolution({"720p", "1080p", "4K"});
        web_url("first_frame_image", presence::optional);
        web_url("last_frame_image", presence::optional);
        if (fields_.has("last_frame_image") && !fields_.has("first_frame_image"))
            fields_.refuse("last_frame_image", "needs `first_frame_image` as well");
        fields_.integer("seed", 0, 4294967295);
        result_.what.samples = static_cast<int>(fields_.integer("sample_count", 1, 4).value_or(1));
        result_.what.sound = fields_.boolean("generate_audio").value_or(false);
        fields_.word("person_generation", {"allow_adult", "disallow"});
        fields_.word("resize_mode", {"pad", "crop"});
        if (fields_.boolean("enhance_prompt") == false)
            fields_.refuse("enhance_prompt", "can only be true");
    }

    // Fields shared by several models.

    void aspect_ratio() { fields_.word("aspect_ratio", {"16:9", "9:16", "1:1"}); }

    void resolution(std::initializer_list<std::string_view> allowed)
    {
        auto const given = fields_.word("resolution", allowed).value_or("720p");
        result_.what.tier = given == "1080p" ? quality::high
                            : given == "4K"  ? quality::ultra
                                             : quality::standard;
    }

    enum class with_4k : bool
    {
        no,
        yes
    };

    void mode(with_4k allowed)
    {
        auto const given = allowed == with_4k::yes ? fields_.word("mode", {"std", "pro", "4k"})
                                                   : fields_.word("mode", {"std", "pro"});
        result_.what.tier = given == "pro"  ? quality::high
                            : given == "4k" ? quality::ultra
                                            : quality::standard;
    }

    void duration(int least, int most, int otherwise)
    {
        result_.what.seconds = static_cast<int>(fields_.integer("duration", least, most).value_or(otherwise));
    }

    std::optional<std::string_view> web_url(std::string_view field, presence needed)
    {
        auto const given = fields_.text(field, needed);
        if (inferred_ && given && !is_web_url(*given))
            fields_.refuse(field, "must be an absolute http or https URL");
        return given;
    }

    void url_entries(std::string const& field, boost::json::array const& entries, field_checks& in)
    {
        for (std::size_t i = 0; i < entries.size(); ++i) {
            auto const* url = entries[i].if_string();
            std::string const path = field + '[' + std::to_string(i) + ']';
            if (url == nullptr)
                in.refuse(path, "must be a string");
            else if (inferred_ && !is_web_url(std::string_view(url->data(), url->size())))
                in.refuse(path, "must be an absolute http or https URL");
        }
    }

    std::size_t image_urls(std::size_t least, std::size_t most)
    {
        auto const* images = fields_.array("image_urls", least, most);
        if (images == nullptr)
            return 0;
        url_entries("image_urls", *images, fields_);
        return images->size();
    }

    void image_references(std::size_t images)
    {
        auto const prompt = fields_.text("prompt").value_or("");
        constexpr std::string_view opening = "<<<image_";
        for (auto at = prompt.find(opening); at != prompt.npos; at = prompt.find(opening, at + 1)) {
            std::size_t n = 0;
            auto digit = at + opening.size();
            for (; digit < prompt.size() && std::isdigit(static_cast<unsigned char>(prompt[digit])) != 0;
                 ++digit)
                n = n < 100'000 ? n * 10 + static_cast<std::size_t>(prompt[digit] - '0') : n;
            if (prompt.substr(digit).starts_with(">>>") && (n < 1 || n > images))
                fields_.refuse("prompt", "refers to <<<image_" + std::to_string(n) + ">>>, but there are " +
                                             std::to_string(images) + " images");
        }
    }

    bool multi_shot()
    {
        if (!fields_.boolean("multi_shot").value_or(false))
            return false;
        auto const split = fields_.word("shot_type", {"customize", "intelligence"}, presence::required);
        if (split != "customize")
            return true;
        auto const* shots = fields_.array("multi_prompt", 1, 6, presence::required);
        if (shots == nullptr)
            return true;
        int const total = result_.what.seconds;
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < shots->size(); ++i) {
            auto shot = fields_.inside("multi_prompt", *shots, i);
            if (!shot)
                return true;
            auto const expected = static_cast<std::int64_t>(i + 1);
            if (shot->integer("index", 1, 6, presence::required).value_or(expected) != expected)
                shot->refuse("index", "must start from 1 and be consecutive");
            auto const text = shot->text("prompt", presence::required);
            if (text && code_points(*text) > 512)
                shot->refuse("prompt", "must not be longer than 512 characters");
            sum += shot->integer("duration", 1, total, presence::required).value_or(0);
        }
        if (sum != total)
            fields_.refuse("multi_prompt", "durations add up to " + std::to_string(sum) +
                                               " instead of the `duration` of " + std::to_string(total));
        return true;
    }

    void element_list()
    {
        auto const* subjects = fields_.array("element_list", 0, 3);
        if (subjects == nullptr)
            return;
        std::set<std::string_view> names;
        for (std::size_t i = 0; i < subjects->size(); ++i) {
            auto subject = fields_.inside("element_list", *subjects, i);
            if (!subject)
                return;
            auto const name = subject->text("name", presence::required);
            subject->text("description", presence::required);
            if (auto const* urls = subject->array("element_input_urls", 2, 4, presence::required))
                url_entries("element_input_urls", *urls, *subject);
            if (inferred_ && name && !names.insert(*name).second)
                subject->refuse("name", "is used twice");
        }
    }

    // Fields of the newer `kling-v3-omni` pages.

    bool image_roles()
    {
        auto const* images = fields_.array("image_with_roles", 0, 1000);
        if (images == nullptr)
            return false;
        if (fields_.has("image_urls"))
            fields_.refuse("image_with_roles", "cannot be combined with `image_urls`");
        bool first = false;
        bool last = false;
        for (std::size_t i = 0; i < images->size(); ++i) {
            auto image = fields_.inside("image_with_roles", *images, i);
            if (!image)
                return false;
            auto const url = image->text("url", presence::required);
            if (inferred_ && url && !is_web_url(*url))
                image->refuse("url", "must be an absolute http or https URL");
            auto const role =
                image->word("role", {"first_frame", "last_frame", "reference"}, presence::required);
            first = first || role == "first_frame";
            last = last || role == "last_frame";
        }
        if (last && !first)
            fields_.refuse("image_with_roles", "has a last_frame without a first_frame");
        return first || last;
    }

    void reference_video(bool frames)
    {
        auto const* videos = fields_.array("video_list", 0, 1);
        if (videos == nullptr || videos->empty())
            return;
        auto video = fields_.inside("video_list", *videos, 0);
        if (!video)
            return;
        auto const url = video->text("video_url", presence::required);
        if (inferred_ && url && !is_web_url(*url))
            video->refuse("video_url", "must be an absolute http or https URL");
        auto const use = video->word("refer_type", {"base", "feature"}).value_or("base");
        video->word("keep_original_sound", {"yes", "no"});
        if (use == "base" && frames)
            fields_.refuse("image_with_roles", "must not set first or last frame with a base video");
        result_.what.reference_video = true;
        result_.what.sound = false;
        if (use == "base")
            result_.what.seconds = length_told_by_name(url.value_or(""), result_.what.seconds);
    }

    verdict result_;
    field_checks fields_;
    model_profile profile_;
    bool inferred_;
};

/// Judges a request body by the documented rules.
inline verdict judge(boost::json::object const& body, model_profile profile = model_profile::original,
                     inferred_rules inferred = inferred_rules::enforced)
{
    return request_rules(body, profile, inferred).judge();
}

} // namespace apimart::testing::emulation

#endif
