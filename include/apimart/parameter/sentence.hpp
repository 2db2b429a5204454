// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_SENTENCE_HPP
#define APIMART_PARAMETER_SENTENCE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace apimart {

/// A text as a template argument; the compiler shows it in full. Structural.
template <std::size_t Size>
struct sentence
{
    char letters[Size + 1]{};

    constexpr explicit sentence(std::string_view text) noexcept
    {
        for (std::size_t i = 0; i != Size; ++i)
            letters[i] = text[i];
    }

    constexpr char const* data() const noexcept { return letters; }
    static constexpr std::size_t size() noexcept { return Size; }
};

namespace detail {

// Puts a sentence together while compiling.
class sentence_writer
{
public:
    constexpr sentence_writer& operator<<(std::string_view text) noexcept
    {
        for (char const c : text)
            if (size_ != letters_.size())
                letters_[size_++] = c;
        return *this;
    }
    constexpr sentence_writer& operator<<(std::int64_t number) noexcept
    {
        std::array<char, 20> digits{};
        std::size_t at = digits.size();
        std::uint64_t rest = number < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(number)
                                        : static_cast<std::uint64_t>(number);
        do
            digits[--at] = static_cast<char>('0' + rest % 10);
        while ((rest /= 10) != 0);
        return *this << (number < 0 ? "-" : "") << std::string_view(digits.data() + at, digits.size() - at);
    }

    constexpr std::string_view text() const noexcept { return {letters_.data(), size_}; }

private:
    std::array<char, 512> letters_{};
    std::size_t size_ = 0;
};

// "a, b or c".
template <class Words>
constexpr void write_alternatives(sentence_writer& out, std::size_t count, Words write)
{
    for (std::size_t i = 0; i != count; ++i) {
        if (i != 0)
            out << (i + 1 == count ? " or " : ", ");
        write(i);
    }
}

template <class Write>
inline constexpr sentence_writer writer_of = [] {
    sentence_writer out;
    Write::write(out);
    return out;
}();

template <std::size_t Size>
constexpr sentence<Size> sentence_of(std::string_view text) noexcept
{
    return sentence<Size>(text);
}

// What `Write::write(sentence_writer&)` writes.
template <class Write>
inline constexpr auto written = sentence_of<writer_of<Write>.text().size()>(writer_of<Write>.text());

} // namespace detail

// Where something must not compile, this is instantiated, and its argument is what the compiler then says.
//
// Since version 20, Clang has messages that are computed. GCC shows the whole argument of a template that is nowhere defined;
// older versions of Clang show the beginning of each argument, wherefore the text is cut into lines for them.
#if defined(__clang__) && __clang_major__ >= 20
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc++26-extensions"
template <auto Sentence>
struct does_not_compile
{
    static_assert(false, Sentence);
};
#pragma clang diagnostic pop
#elif defined(__clang__)
template <sentence... Lines>
struct because;

template <auto Sentence, class Numbers = std::make_index_sequence<Sentence.size() / 30 + 1>>
struct does_not_compile;
template <auto Sentence, std::size_t... Number>
struct does_not_compile<Sentence, std::index_sequence<Number...>>
{
    static constexpr std::string_view text{Sentence.data(), Sentence.size()};
    static_assert(
        sizeof(because<sentence<text.substr(30 * Number, 30).size()>(text.substr(30 * Number, 30))...>) != 0);
};
#else
template <auto Sentence>
struct does_not_compile;
#endif

} // namespace apimart

#endif
