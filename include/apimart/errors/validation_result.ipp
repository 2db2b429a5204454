// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_VALIDATION_RESULT_IPP
#define APIMART_ERRORS_VALIDATION_RESULT_IPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace apimart {

APIMART_INLINE std::string violation::describe() const
{
    // A pointer holds field names as they were given.
    std::string line = pointer_.empty() ? std::string("body") : detail::printable(pointer_, 120);
    line += ": ";
    line += message_;
    if (!value_.empty()) {
        line += " (got ";
        line += value_;
        line += ')';
    }
    return line;
}

APIMART_INLINE void validation_result::add_error(std::string pointer, std::string message, std::string value)
{
    has_error_ = true;
    add(severity::error, std::move(pointer), std::move(message), std::move(value));
}

APIMART_INLINE void validation_result::add_warning(std::string pointer, std::string message,
                                                   std::string value)
{
    add(severity::warning, std::move(pointer), std::move(message), std::move(value));
}

APIMART_INLINE std::string validation_result::describe() const
{
    // An error's text goes into logs; all of them are in `entries`.
    constexpr std::size_t most_shown = 32;
    std::size_t const shown = std::min(entries_.size(), most_shown);
    std::string text;
    for (violation const& one : std::span(entries_).first(shown)) {
        if (!text.empty())
            text += '\n';
        if (one.severity() == severity::warning)
            text += "advice: ";
        text += one.describe();
    }
    if (std::size_t const more = entries_.size() - shown + omitted_; more != 0)
        text += "\nand " + std::to_string(more) + " more";
    return text;
}

APIMART_INLINE void validation_result::add(severity level, std::string pointer, std::string message,
                                           std::string value)
{
    if (full())
        ++omitted_;
    else
        entries_.emplace_back(level, std::move(pointer), std::move(message), std::move(value));
}

APIMART_INLINE invalid_request::invalid_request(validation_result found)
    : std::invalid_argument(found.describe()), found_(std::move(found))
{}

[[noreturn]] APIMART_INLINE void throw_exception_from_error(validation_result const& found,
                                                            boost::source_location const&)
{
    throw invalid_request(found);
}

} // namespace apimart

#endif
