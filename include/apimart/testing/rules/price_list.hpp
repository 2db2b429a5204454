// SPDX-License-Identifier: BSL-1.0
// The prices of api-reference 7.4; the only place in the emulator that knows them.
#ifndef APIMART_TESTING_RULES_PRICE_LIST_HPP
#define APIMART_TESTING_RULES_PRICE_LIST_HPP

#include <apimart/testing/rules/order.hpp>

#include <cstdint>
#include <string>

namespace apimart::testing::emulation {

/// Money in millionths of a US dollar: sums of thousands of charges must come out exact.
using micro_usd = std::int64_t;

/// The price of one second of one sample.
constexpr micro_usd price_per_second(order const& what) noexcept
{
    bool const high = what.tier == quality::high;
    bool const ultra = what.tier == quality::ultra;
    switch (what.of) {
    case model::kling_3_0_turbo:
        return high ? 143'200 : 114'400;
    case model::kling_v3:
        if (ultra)
            return 428'560;
        if (what.sound)
            return high ? 134'400 : 100'800;
        return high ? 89'600 : 67'200;
    case model::kling_v3_omni:
        if (ultra)
            return 428'560;
        if (what.reference_video)
            return high ? 134'400 : 100'800;
        if (what.sound)
            return high ? 112'000 : 89'600;
        return high ? 89'600 : 67'200;
    case model::kling_v2_6_motion_control:
        return high ? 91'440 : 57'120;
    case model::kling_v3_motion_control:
        return high ? 137'120 : 102'880;
    case model::veo_3_1_fast:
        return what.sound ? 80'000 : 64'000;
    case model::veo_3_1_quality:
        return what.sound ? 320'000 : 160'000;
    }
    return 0;
}

/// What a completed task costs; failed tasks cost nothing.
constexpr micro_usd price_of(order const& what) noexcept
{
    return price_per_second(what) * what.seconds * what.samples;
}

/// An amount as a JSON number in US dollars, without the exponent form that a double would be written in.
inline std::string usd_text(micro_usd amount, int decimals = 6)
{
    bool const negative = amount < 0;
    auto const magnitude = static_cast<std::uint64_t>(negative ? -amount : amount);
    std::uint64_t unit = 1;
    for (int i = 0; i < decimals; ++i)
        unit *= 10;
    std::string text = (negative ? "-" : "") + std::to_string(magnitude / unit);
    std::string fraction = std::to_string(magnitude % unit);
    fraction.insert(0, static_cast<std::size_t>(decimals) - fraction.size(), '0');
    while (!fraction.empty() && fraction.back() == '0')
        fraction.pop_back();
    return fraction.empty() ? text : text + '.' + fraction;
}

/// The same amount in credits (1 USD = 10 credits).
inline std::string credits_text(micro_usd amount)
{
    return usd_text(amount, 5);
}

} // namespace apimart::testing::emulation

#endif
