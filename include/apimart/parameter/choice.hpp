// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_CHOICE_HPP
#define APIMART_PARAMETER_CHOICE_HPP

#include <apimart/parameter/vocabulary.hpp>

#include <string_view>

namespace apimart {

/// One named value of a parameter that offers a choice, such as `landscape` for `aspect_ratio`.
///
/// The parameter is part of the type, so that a value cannot be given to another parameter.
/// Tables list these values and thereby say which of them a model takes; the text exists only here.
template <class Parameter>
class choice
{
public:
    constexpr explicit choice(std::string_view text) noexcept : text_(text) {}

    /// The text as it travels. Refers to static storage.
    constexpr std::string_view text() const noexcept { return text_; }

    friend constexpr bool operator==(choice const&, choice const&) = default;

private:
    std::string_view text_;
};

inline constexpr choice<parameter::aspect_ratio> landscape{"16:9"};
inline constexpr choice<parameter::aspect_ratio> portrait{"9:16"};
inline constexpr choice<parameter::aspect_ratio> square{"1:1"};

inline constexpr choice<parameter::resolution> p720{"720p"};
inline constexpr choice<parameter::resolution> p1080{"1080p"};
inline constexpr choice<parameter::resolution> p4k{"4K"};

inline constexpr choice<parameter::mode> standard{"std"};
inline constexpr choice<parameter::mode> pro{"pro"};
inline constexpr choice<parameter::mode> mode_4k{"4k"};

inline constexpr choice<parameter::character_orientation> from_image{"image"};
inline constexpr choice<parameter::character_orientation> from_video{"video"};

inline constexpr choice<parameter::person_generation> allow_adult{"allow_adult"};
inline constexpr choice<parameter::person_generation> disallow{"disallow"};

inline constexpr choice<parameter::resize_mode> pad{"pad"};
inline constexpr choice<parameter::resize_mode> crop{"crop"};

inline constexpr choice<parameter::keep_original_sound> keep_sound{"yes"};
inline constexpr choice<parameter::keep_original_sound> drop_sound{"no"};

namespace tables {

// Written by the kinds of generation themselves; nobody else gives them.
inline constexpr choice<parameter::shot_type> customize{"customize"};
inline constexpr choice<parameter::shot_type> intelligence{"intelligence"};

} // namespace tables
} // namespace apimart

#endif
