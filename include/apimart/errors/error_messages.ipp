// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_ERROR_MESSAGES_IPP
#define APIMART_ERRORS_ERROR_MESSAGES_IPP

#include <apimart/errors/failure.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

namespace apimart {

APIMART_INLINE std::string_view to_string(proof_level level) noexcept
{
    switch (level) {
    case proof_level::none:
        return "none";
    case proof_level::not_sent:
        return "not_sent";
    case proof_level::rejected:
        return "rejected";
    case proof_level::accepted:
        return "accepted";
    case proof_level::unknown:
        return "unknown";
    }
    return "none";
}

APIMART_INLINE std::string failure::describe() const
{
    std::string text = code().message();
    if (!detail().empty())
        text += ": " + detail();
    if (!violations().ok())
        text += ": " + violations().describe();
    if (http_status() != 0)
        text += " [HTTP " + std::to_string(http_status()) + "]";
    if (underlying() && detail().empty())
        text += " (" + underlying().message() + ")";
    if (!service().empty()) {
        text += "; the service says ";
        if (!service().type().empty())
            text += detail::printable(service().type(), 64) + ": ";
        text += '"' + detail::printable(service().text(), 300) + '"';
    }
    if (!task_id().empty())
        text += "; task " + detail::printable(task_id(), 256);
    return text;
}

APIMART_INLINE error::error(failure why)
    : system_error(why.code()), failure_(std::move(why)), text_(failure_.describe())
{}

APIMART_INLINE char const* error::what() const noexcept
{
    return text_.c_str();
}

[[noreturn]] APIMART_INLINE void throw_exception_from_error(failure const& why, boost::source_location const&)
{
    throw error(why);
}

} // namespace apimart

#endif
