// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_SPELLING_HPP
#define APIMART_VALIDATION_SPELLING_HPP

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// Number of single-character edits between two short texts, upper and lower case taken as alike.
inline std::size_t edit_distance(std::string_view a, std::string_view b)
{
    constexpr std::size_t max_size = 64;
    if (a.size() > max_size || b.size() > max_size)
        return max_size;
    using boost::urls::grammar::to_lower;
    std::array<std::size_t, max_size + 1> line{};
    for (std::size_t j = 0; j <= b.size(); ++j)
        line[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = line[0];
        line[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t const above = line[j];
            line[j] = std::min({above + 1, line[j - 1] + 1,
                                diagonal + (to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0u : 1u)});
            diagonal = above;
        }
    }
    return line[b.size()];
}

// Finds what a misspelt word was probably meant to be.
class suggestion
{
public:
    explicit suggestion(std::string_view given)
        // A third of the letters may be wrong; more than that is another word.
        : given_(given), distance_(std::max<std::size_t>(1, given.size() / 3) + 1)
    {}

    void consider(std::string_view candidate)
    {
        constexpr std::size_t telling_beginning = 4;
        // A name that was cut short is as good as one wrong letter.
        bool const cut_short = given_.size() >= telling_beginning && candidate.starts_with(given_);
        std::size_t const distance = cut_short ? 1 : edit_distance(given_, candidate);
        if (distance < distance_ && distance < candidate.size()) {
            best_ = candidate;
            distance_ = distance;
        }
    }

    // "; did you mean `aspect_ratio`?" or nothing.
    std::string question() const
    {
        return best_.empty() ? std::string() : "; did you mean `" + std::string(best_) + "`?";
    }

private:
    std::string_view given_;
    std::string_view best_;
    std::size_t distance_;
};

} // namespace apimart::detail

#endif
