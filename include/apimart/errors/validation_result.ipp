// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_VALIDATION_RESULT_IPP
#define APIMART_ERRORS_VALIDATION_RESULT_IPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

namespace apimart {

APIMART_INLINE std::string violation::describe() const
{
    // A pointer holds field names as they were given.
    std::string line = pointer_.empty() ? std::string("body") : detail::printable(pointer_, 120);
    line += ": ";
    line += rule_;
    if (!given_.empty()) {
        line += " (got ";
        line += given_;
        line += ')';
    }
    return line;
}

APIMART_INLINE void diagnostics::refuse(std::string pointer, std::string rule, std::string given)
{
    refused_ = true;
    add(severity::refused, std::move(pointer), std::move(rule), std::move(given));
}

APIMART_INLINE void diagnostics::advise(std::string pointer, std::string rule, std::string given)
{
    add(severity::advised, std::move(pointer), std::move(rule), std::move(given));
}

APIMART_INLINE std::string diagnostics::describe() const
{
    std::string text;
    for (violation const& one : entries_) {
        if (!text.empty())
            text += '\n';
        if (one.level() == severity::advised)
            text += "advice: ";
        text += one.describe();
    }
    if (unlisted_ != 0)
        text += "\nand " + std::to_string(unlisted_) + " more";
    return text;
}

APIMART_INLINE void diagnostics::add(severity level, std::string pointer, std::string rule, std::string given)
{
    if (full())
        ++unlisted_;
    else
        entries_.emplace_back(level, std::move(pointer), std::move(rule), std::move(given));
}

APIMART_INLINE invalid_request::invalid_request(diagnostics found)
    : std::invalid_argument(found.describe()), diagnostics_(std::move(found))
{}

[[noreturn]] APIMART_INLINE void throw_exception_from_error(diagnostics const& found,
                                                            boost::source_location const&)
{
    throw invalid_request(found);
}

} // namespace apimart

#endif
