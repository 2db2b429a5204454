// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_ERROR_MESSAGES_IPP
#define APIMART_ERRORS_ERROR_MESSAGES_IPP

#include <apimart/errors/error_info.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

namespace apimart {

APIMART_INLINE std::string_view to_string(acceptance level) noexcept
{
    switch (level) {
    case acceptance::none:
        return "none";
    case acceptance::not_sent:
        return "not_sent";
    case acceptance::rejected:
        return "rejected";
    case acceptance::accepted:
        return "accepted";
    case acceptance::unknown:
        return "unknown";
    }
    return "none";
}

// Never destroyed, for objects that outlive the other statics.
union error_info::absent_details
{
    absent_details() noexcept : value() {}
    ~absent_details() {}
    details value;
};

APIMART_INLINE error_info::error_info(error_info const& other)
    : code_(other.code_), underlying_(other.underlying_), acceptance_(other.acceptance_),
      http_status_(other.http_status_),
      details_(other.details_ ? std::make_unique<details>(*other.details_) : nullptr)
{}

APIMART_INLINE error_info::details const& error_info::known() const noexcept
{
    static absent_details const none;
    return details_ ? *details_ : none.value;
}

APIMART_INLINE error_info::details& error_info::own()
{
    if (!details_)
        details_ = std::make_unique<details>();
    return *details_;
}

APIMART_INLINE std::string error_info::describe() const
{
    std::string text = code().message();
    if (!client_message().empty())
        text += ": " + client_message();
    if (!validation().ok())
        text += ": " + validation().describe();
    if (http_status() != 0)
        text += " [HTTP " + std::to_string(http_status()) + "]";
    if (underlying() && client_message().empty())
        text += " (" + underlying().message() + ")";
    if (!server_message().empty()) {
        text += "; the service says ";
        if (!server_message().type().empty())
            text += detail::printable(server_message().type(), 64) + ": ";
        text += '"' + detail::printable(server_message().text(), 300) + '"';
    }
    if (!task_id().empty())
        text += "; task " + detail::printable(task_id(), 256);
    if (!tag().empty())
        text += "; tag " + detail::printable(to_string(tag()), operation_tag::max_size);
    return text;
}

APIMART_INLINE error::error(error_info info)
    : system_error(info.code()), info_(std::move(info)), text_(info_.describe())
{}

APIMART_INLINE char const* error::what() const noexcept
{
    return text_.c_str();
}

[[noreturn]] APIMART_INLINE void throw_exception_from_error(error_info const& why,
                                                            boost::source_location const&)
{
    throw error(why);
}

} // namespace apimart

#endif
