// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_COMPILE_TIME_RULE_HPP
#define APIMART_PARAMETER_COMPILE_TIME_RULE_HPP

#include <cstdint>

// Inside a co_await expression, GCC 14 and later move objects that are given to a consteval function into the coroutine's frame
// before they evaluate the function, and then refuse it. What takes such objects is constexpr there, and judged by
// `any_request::check()`. A program whose requests are made outside of co_await expressions can define
// APIMART_ALWAYS_CONSTEVAL. The checks ask the compiler's builtin whether they are needed, because after
// std::is_constant_evaluated() the sentences below would be called in unoptimised programs.
#if defined(__GNUC__) && __GNUC__ >= 14 && !defined(__clang__) && !defined(APIMART_ALWAYS_CONSTEVAL)
#define APIMART_JUDGES_OBJECTS_LATE 1
#define APIMART_CONSTEVAL constexpr
#else
#define APIMART_JUDGES_OBJECTS_LATE 0
#define APIMART_CONSTEVAL consteval
#endif

/// Sentences the compiler says.
///
/// None of these functions is defined or constexpr. A consteval check "calls" the one that is named after the
/// broken rule, and the compiler's message then holds its name, the model, the parameter and the limits. They
/// never exist at run time.
namespace apimart::compile_time_rule {

template <class Model, class Parameter, std::int64_t Smallest, std::int64_t Largest>
void value_is_outside_the_accepted_range();

template <class Model, class Parameter, std::int64_t... Accepted>
void value_is_not_among_the_accepted_values();

template <class Model, class Parameter, class Accepted>
void value_is_not_among_the_accepted_choices();

template <class Model, class Parameter, class OwnerOfTheChoice, class Accepted>
void choice_belongs_to_another_parameter();

template <class Model, class Parameter>
void value_can_only_be_true();

template <class Model, class Parameter>
void text_must_not_be_empty_or_white_space();

template <class Model, class Parameter, std::int64_t Largest>
void text_has_more_characters_than_accepted();

template <class Model, class Parameter>
void text_is_not_utf8();

template <class Model, class Parameter, class Accepted>
void url_must_begin_with_http_or_https();

template <class Model, class Parameter, class Accepted>
void text_is_neither_a_url_nor_base64();

void picture_must_be_an_http_or_https_url_or_an_image_file();

template <class Model, class Parameter>
void text_of_a_shot_must_not_be_empty_or_white_space();

template <class Model, class Parameter, std::int64_t Largest>
void text_of_a_shot_has_more_characters_than_accepted();

template <class Model, class Parameter>
void text_of_a_shot_must_not_hold_a_semicolon();

template <class Model, class Parameter>
void shot_must_last_at_least_one_second();

template <class Model, class Parameter, std::int64_t Shortest, std::int64_t Longest>
void total_of_the_shots_is_outside_the_accepted_range();

} // namespace apimart::compile_time_rule

#endif
