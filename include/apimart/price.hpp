// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PRICE_HPP
#define APIMART_PRICE_HPP

#include <apimart/any_request.hpp>
#include <apimart/models.hpp>
#include <apimart/validation/validator.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace apimart {

/// What a request will probably cost: a range, since not everything is known before the video exists.
///
/// An estimate from a table that is as old as `as_of()` says. The service charges what it charges, when a
/// task ends; failed tasks are not charged (api-reference.md 7.4).
class cost_estimate
{
public:
    constexpr cost_estimate(std::int64_t low_micro_usd, std::int64_t high_micro_usd,
                            std::chrono::year_month as_of) noexcept
        : low_(low_micro_usd), high_(high_micro_usd), as_of_(as_of)
    {}

    constexpr double low_usd() const noexcept { return static_cast<double>(low_) / 1e6; }
    constexpr double high_usd() const noexcept { return static_cast<double>(high_) / 1e6; }

    /// The same in millionths of a US dollar, for exact sums.
    constexpr std::int64_t low_micro_usd() const noexcept { return low_; }
    constexpr std::int64_t high_micro_usd() const noexcept { return high_; }

    /// The month of the prices it was made from.
    constexpr std::chrono::year_month as_of() const noexcept { return as_of_; }

    friend constexpr bool operator==(cost_estimate const&, cost_estimate const&) = default;

private:
    std::int64_t low_;
    std::int64_t high_;
    std::chrono::year_month as_of_;
};

namespace tables {

/// Price of one second of one video, in millionths of a US dollar.
struct price
{
    std::int64_t low = 0;
    std::int64_t high = 0;
};

/// One credit is a tenth of a US dollar.
consteval price credits(double amount) noexcept
{
    auto const exact = static_cast<std::int64_t>(amount * 100'000 + 0.5);
    return {exact, exact};
}
consteval price usd(double amount) noexcept
{
    return credits(amount * 10);
}
consteval price between(price least, price most) noexcept
{
    return {least.low, most.high};
}

/// One line of the price list: a model in one quality, which is its `mode` or its `resolution`.
struct price_of_model
{
    std::string_view model;
    std::string_view quality; ///< empty: any
    price silent;
    price with_sound;

    consteval price_of_model(std::string_view of, std::string_view in, price any) noexcept
        : price_of_model(of, in, any, any)
    {}
    consteval price_of_model(std::string_view of, std::string_view in, price silent_one,
                             price sounding) noexcept
        : model(of), quality(in), silent(silent_one), with_sound(sounding)
    {}
};

/// The month of the price list.
inline constexpr std::chrono::year_month prices_as_of{std::chrono::year(2026), std::chrono::August};

// clang-format off

/// The price list of api-reference.md 7.4, for what the tables of the models let a request ask for. Columns:
/// model, quality, silent (or the only price), with sound.
inline constexpr price_of_model prices[] = {
    {kling_v3::id,                 standard.text(), credits(0.672),  credits(1.008)},
    {kling_v3::id,                 pro.text(),      credits(0.896),  credits(1.344)},
    // No price with sound is known; in the other modes sound costs half as much again.
    {kling_v3::id,                 mode_4k.text(),  credits(4.2856), between(credits(4.2856), credits(6.4284))},
    {kling_v3_omni::id,            standard.text(), credits(0.672)},
    {kling_v3_omni::id,            pro.text(),      credits(0.896)},
    {kling_3_0_turbo::id,          p720.text(),     credits(1.144)},
    {kling_3_0_turbo::id,          p1080.text(),    credits(1.432)},
    {kling_v2_6_motion_control::id, standard.text(), credits(0.5712)},
    {kling_v2_6_motion_control::id, pro.text(),     credits(0.9144)},
    {kling_v3_motion_control::id,  standard.text(), credits(1.0288)},
    {kling_v3_motion_control::id,  pro.text(),      credits(1.3712)},
    {veo_3_1_fast_official::id,    "",              usd(0.064),      usd(0.08)},
    // Only the range is published, not what it depends on.
    {veo_3_1_quality_official::id, "",              between(usd(0.16), usd(0.32))},
};

// clang-format on

} // namespace tables

namespace detail {

// What the service will presume for a parameter: as given, or its default.
class asked_value
{
public:
    asked_value(any_request const& request, std::string_view name)
        : given_(member(request.body(), name)), row_(request.info()->find(request.kind())->find(name))
    {}

    std::string_view text() const
    {
        if (given_ != nullptr)
            return given_->is_string() ? std::string_view(given_->get_string()) : std::string_view();
        return row_ != nullptr ? row_->values.default_value.text() : std::string_view();
    }

    bool flag() const { return given_ != nullptr && given_->is_bool() && given_->get_bool(); }

    std::optional<std::int64_t> number() const
    {
        std::int64_t result = 0;
        if (given_ != nullptr)
            return as_integer(*given_, result) ? std::optional(result) : std::nullopt;
        if (row_ == nullptr || row_->values.default_value.holds() != constant::type::number)
            return std::nullopt;
        return row_->values.default_value.number();
    }

    bool known() const noexcept { return row_ != nullptr; }

private:
    boost::json::value const* given_;
    parameter_spec const* row_;
};

inline tables::price_of_model const* find_price(std::string_view model, std::string_view quality) noexcept
{
    for (tables::price_of_model const& one : tables::prices)
        if (one.model == model && (one.quality.empty() || one.quality == quality))
            return &one;
    return nullptr;
}

} // namespace detail

/// What the request will probably cost, from the price list in this header. An estimate, never an offer.
///
/// Takes any request, typed ones included. A motion control is charged by the length of its reference video,
/// which the service measures: give it if you know it, otherwise the estimate spans all permitted lengths.
/// Extras are not priced, and no rebates. Empty if nothing is known: a custom model, a model without a price,
/// or a request that `check()` refuses.
inline std::optional<cost_estimate>
estimate_cost(any_request const& request, std::optional<std::chrono::seconds> reference_video = std::nullopt)
{
    using detail::asked_value;
    if (request.info() == nullptr || !request.check().ok())
        return std::nullopt;

    asked_value const mode(request, parameter::mode::name);
    asked_value const quality = mode.known() ? mode : asked_value(request, parameter::resolution::name);
    tables::price_of_model const* const line = detail::find_price(request.model(), quality.text());
    if (line == nullptr)
        return std::nullopt;
    bool const sound = asked_value(request, parameter::audio::name).flag() ||
                       asked_value(request, parameter::generate_audio::name).flag();
    tables::price const second = sound ? line->with_sound : line->silent;

    std::int64_t shortest = 0;
    std::int64_t longest = 0;
    if (asked_value const orientation(request, parameter::character_orientation::name); orientation.known()) {
        reference_length const permitted =
            permitted_reference_length(choice<parameter::character_orientation>(orientation.text()));
        shortest = reference_video.value_or(permitted.shortest).count();
        longest = reference_video.value_or(permitted.longest).count();
    } else if (auto const length = asked_value(request, parameter::duration::name).number()) {
        shortest = longest = *length;
    }
    // A length of zero is nothing to be charged for, and a day would be beyond all that is on offer.
    constexpr std::int64_t implausible = 24 * 60 * 60;
    if (shortest <= 0 || longest > implausible)
        return std::nullopt;

    std::int64_t const samples = asked_value(request, parameter::sample_count::name).number().value_or(1);
    return cost_estimate(second.low * shortest * samples, second.high * longest * samples,
                         tables::prices_as_of);
}

} // namespace apimart

#endif
