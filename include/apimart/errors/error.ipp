// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_ERROR_IPP
#define APIMART_ERRORS_ERROR_IPP

#include <apimart/error.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <boost/system/errc.hpp>

namespace apimart {
namespace detail {

class library_category_type final : public boost::system::error_category
{
public:
    constexpr library_category_type() noexcept : error_category(0x61'70'69'6d'61'72'74'01) {}

    char const* name() const noexcept override { return "apimart"; }

    char const* message(int value, char*, std::size_t) const noexcept override { return text(value); }
    std::string message(int value) const override { return text(value); }

    static char const* text(int value) noexcept
    {
        switch (static_cast<errc>(value)) {
        case errc::invalid_request:
            return "the request breaks a rule of its model and was not sent";
        case errc::invalid_configuration:
            return "the client's configuration cannot be used";
        case errc::outcome_unknown:
            return "the submit may have been accepted; its outcome is not known";
        case errc::wait_expired:
            return "the task did not finish within the wait's time limit";
        case errc::deadline_exceeded:
            return "the operation's time limit passed";
        case errc::shutting_down:
            return "the client is shutting down";
        case errc::overloaded:
            return "a queue of the client is full";
        case errc::retry_budget_exhausted:
            return "too many recent requests were repetitions";
        case errc::certificate_refused:
            return "the peer's certificate was refused";
        case errc::tls_failed:
            return "the peer and this client cannot agree on TLS";
        case errc::tls_closed:
            return "the peer ended the connection during the TLS handshake";
        case errc::tls_timeout:
            return "the TLS handshake did not end in time";
        case errc::not_tls:
            return "the peer does not speak TLS";
        case errc::client_certificate_required:
            return "the peer wants a client certificate";
        case errc::tls_corrupt:
            return "a TLS record could not be authenticated";
        case errc::tls_truncated:
            return "the connection ended without an end of TLS";
        case errc::resolve_failed:
            return "the host name does not exist";
        case errc::resolve_unavailable:
            return "the name service has no answer at the moment";
        case errc::resolve_timeout:
            return "the name service did not answer in time";
        case errc::connect_failed:
            return "no connection could be made";
        case errc::connect_timeout:
            return "no connection within the time limit";
        case errc::local_resource:
            return "this machine ran out of a resource for connections";
        case errc::proxy_auth_required:
            return "the proxy wants other credentials";
        case errc::proxy_refused:
            return "the proxy does not connect to the service";
        case errc::proxy_failed:
            return "the proxy could not connect to the service";
        case errc::proxy_protocol_error:
            return "the proxy's answer is not one to CONNECT";
        case errc::send_timeout:
            return "the peer stopped taking the request";
        case errc::response_timeout:
            return "no complete answer within the time limit";
        case errc::read_stalled:
            return "the answer stopped in the middle";
        case errc::connection_lost:
            return "the connection ended before a complete answer";
        case errc::protocol_error:
            return "the answer is not acceptable HTTP";
        case errc::response_too_large:
            return "the answer is larger than its limit";
        case errc::unexpected_response:
            return "the answer is not what the service documents";
        case errc::task_not_found:
            return "the service does not know the task";
        case errc::url_not_allowed:
            return "the result's address is not one this client fetches";
        case errc::result_expired:
            return "the result's link has expired";
        case errc::no_result:
            return "the task has no such result";
        case errc::download_corrupt:
            return "the downloaded file is not a complete video";
        case errc::download_too_large:
            return "the file is larger than the limit given for it";
        case errc::file_exists:
            return "the file exists already";
        case errc::file_error:
            return "the file cannot be written";
        case errc::forked:
            return "the client belongs to the process that this one was forked from";
        }
        return "unknown apimart error";
    }
};

class api_category_type final : public boost::system::error_category
{
public:
    constexpr api_category_type() noexcept : error_category(0x61'70'69'6d'61'72'74'02) {}

    char const* name() const noexcept override { return "apimart.service"; }

    char const* message(int value, char*, std::size_t) const noexcept override { return text(value); }
    std::string message(int value) const override { return text(value); }

    static char const* text(int value) noexcept
    {
        switch (static_cast<api_errc>(value)) {
        case api_errc::invalid_request:
            return "the service refused a parameter";
        case api_errc::unauthorized:
            return "the service refused the API key";
        case api_errc::no_credit:
            return "the account's balance does not cover the task";
        case api_errc::forbidden:
            return "the API key has no right to this resource";
        case api_errc::not_found:
            return "the service does not know this resource";
        case api_errc::too_large:
            return "the request is larger than the service takes";
        case api_errc::rate_limited:
            return "the service asks for fewer requests";
        case api_errc::content_rejected:
            return "the service's moderation refused the input";
        case api_errc::conflict:
            return "the idempotency key is in conflict";
        case api_errc::unavailable:
            return "the service or its gateway failed";
        case api_errc::other:
            return "the service answered with an unlisted error";
        }
        return "unknown service error";
    }
};

class cause_category_type final : public boost::system::error_category
{
public:
    constexpr cause_category_type() noexcept : error_category(0x61'70'69'6d'61'72'74'03) {}

    char const* name() const noexcept override { return "apimart.cause"; }

    char const* message(int value, char*, std::size_t) const noexcept override { return text(value); }
    std::string message(int value) const override { return text(value); }

    static char const* text(int value) noexcept
    {
        switch (static_cast<cause>(value)) {
        case cause::retryable:
            return "may succeed later";
        case cause::rate_limited:
            return "rate limited";
        case cause::no_credit:
            return "no credit";
        case cause::unauthorized:
            return "not authorized";
        case cause::content_rejected:
            return "content rejected";
        case cause::invalid_request:
            return "invalid request";
        case cause::transport:
            return "transport failure";
        case cause::outcome_unknown:
            return "outcome unknown";
        case cause::timed_out:
            return "timed out";
        case cause::not_found:
            return "not found";
        }
        return "unknown cause";
    }

    bool equivalent(error_code const& code, int condition) const noexcept override
    {
        if (code.category() == library_category())
            return meets(static_cast<errc>(code.value()), static_cast<cause>(condition));
        if (code.category() == api_category())
            return meets(static_cast<api_errc>(code.value()), static_cast<cause>(condition));
        return false;
    }

private:
    template <errc... Listed>
    static constexpr bool is_any_of(errc code) noexcept
    {
        return ((code == Listed) || ...);
    }

    static bool meets(errc code, cause condition) noexcept
    {
        switch (condition) {
        case cause::retryable:
            // A lost submit is outcome_unknown, so these codes only ever stand for calls that are safe to
            // repeat.
            return is_any_of<errc::wait_expired, errc::overloaded, errc::retry_budget_exhausted,
                             errc::tls_closed, errc::tls_timeout, errc::tls_corrupt, errc::tls_truncated,
                             errc::resolve_unavailable, errc::resolve_timeout, errc::connect_failed,
                             errc::connect_timeout, errc::local_resource, errc::proxy_failed,
                             errc::send_timeout, errc::response_timeout, errc::read_stalled,
                             errc::connection_lost>(code);
        case cause::transport:
            return code >= errc::certificate_refused && code <= errc::response_too_large;
        case cause::timed_out:
            return is_any_of<errc::wait_expired, errc::deadline_exceeded, errc::tls_timeout,
                             errc::resolve_timeout, errc::connect_timeout, errc::send_timeout,
                             errc::response_timeout, errc::read_stalled>(code);
        case cause::outcome_unknown:
            return code == errc::outcome_unknown;
        case cause::invalid_request:
            return code == errc::invalid_request;
        case cause::not_found:
            return code == errc::task_not_found || code == errc::result_expired;
        case cause::rate_limited:
        case cause::no_credit:
        case cause::unauthorized:
        case cause::content_rejected:
            return false;
        }
        return false;
    }

    static bool meets(api_errc code, cause condition) noexcept
    {
        switch (condition) {
        case cause::retryable:
            return code == api_errc::rate_limited || code == api_errc::unavailable;
        case cause::rate_limited:
            return code == api_errc::rate_limited;
        case cause::no_credit:
            return code == api_errc::no_credit;
        case cause::unauthorized:
            return code == api_errc::unauthorized || code == api_errc::forbidden;
        case cause::content_rejected:
            return code == api_errc::content_rejected;
        case cause::invalid_request:
            return code == api_errc::invalid_request || code == api_errc::too_large;
        case cause::not_found:
            return code == api_errc::not_found;
        case cause::transport:
        case cause::outcome_unknown:
        case cause::timed_out:
            return false;
        }
        return false;
    }
};

inline constexpr library_category_type library_category_instance{};
inline constexpr api_category_type api_category_instance{};
inline constexpr cause_category_type cause_category_instance{};

} // namespace detail

APIMART_INLINE boost::system::error_category const& library_category() noexcept
{
    return detail::library_category_instance;
}

APIMART_INLINE boost::system::error_category const& api_category() noexcept
{
    return detail::api_category_instance;
}

APIMART_INLINE boost::system::error_category const& cause_category() noexcept
{
    return detail::cause_category_instance;
}

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

struct failure::data
{
    error_code code;
    error_code underlying;
    proof_level proof = proof_level::none;
    int http_status = 0;
    service_message service;
    std::string request_id;
    std::string task_id;
    std::string idempotency_key;
    std::optional<std::chrono::seconds> retry_after;
    std::vector<attempt> attempts;
    diagnostics violations;
    std::string detail;
};

APIMART_INLINE failure::failure() : failure(error_code{}) {}

APIMART_INLINE failure::failure(error_code code, std::string detail) : data_(std::make_shared<data>())
{
    data_->code = code;
    data_->detail = std::move(detail);
}

APIMART_INLINE failure::failure(errc code, std::string detail)
    : failure(make_error_code(code), std::move(detail))
{}

// Copies share their data until one of them is changed.
APIMART_INLINE failure::data& failure::own()
{
    if (data_.use_count() != 1)
        data_ = std::make_shared<data>(*data_);
    return *data_;
}

APIMART_INLINE error_code const& failure::code() const noexcept
{
    return data_->code;
}

APIMART_INLINE error_code const& failure::underlying() const noexcept
{
    return data_->underlying;
}

APIMART_INLINE proof_level failure::proof() const noexcept
{
    return data_->proof;
}

APIMART_INLINE int failure::http_status() const noexcept
{
    return data_->http_status;
}

APIMART_INLINE service_message const& failure::service() const noexcept
{
    return data_->service;
}

APIMART_INLINE std::string const& failure::request_id() const noexcept
{
    return data_->request_id;
}

APIMART_INLINE std::string const& failure::task_id() const noexcept
{
    return data_->task_id;
}

APIMART_INLINE std::string const& failure::idempotency_key() const noexcept
{
    return data_->idempotency_key;
}

APIMART_INLINE std::optional<std::chrono::seconds> failure::retry_after() const noexcept
{
    return data_->retry_after;
}

APIMART_INLINE std::vector<attempt> const& failure::attempts() const noexcept
{
    return data_->attempts;
}

APIMART_INLINE diagnostics const& failure::violations() const noexcept
{
    return data_->violations;
}

APIMART_INLINE std::string const& failure::detail() const noexcept
{
    return data_->detail;
}

APIMART_INLINE failure& failure::code(error_code code)
{
    return own().code = code, *this;
}

APIMART_INLINE failure& failure::underlying(error_code code)
{
    return own().underlying = code, *this;
}

APIMART_INLINE failure& failure::proof(proof_level level)
{
    return own().proof = level, *this;
}

APIMART_INLINE failure& failure::http_status(int status)
{
    return own().http_status = status, *this;
}

APIMART_INLINE failure& failure::service(service_message words)
{
    return own().service = std::move(words), *this;
}

APIMART_INLINE failure& failure::request_id(std::string id)
{
    return own().request_id = std::move(id), *this;
}

APIMART_INLINE failure& failure::task_id(std::string id)
{
    return own().task_id = std::move(id), *this;
}

APIMART_INLINE failure& failure::idempotency_key(std::string key)
{
    return own().idempotency_key = std::move(key), *this;
}

APIMART_INLINE failure& failure::retry_after(std::optional<std::chrono::seconds> delay)
{
    return own().retry_after = delay, *this;
}

APIMART_INLINE failure& failure::attempts(std::vector<attempt> tries)
{
    return own().attempts = std::move(tries), *this;
}

APIMART_INLINE failure& failure::violations(diagnostics list)
{
    return own().violations = std::move(list), *this;
}

APIMART_INLINE failure& failure::detail(std::string words)
{
    return own().detail = std::move(words), *this;
}

APIMART_INLINE std::string failure::describe() const
{
    std::string text = code().message();
    if (!detail().empty())
        text += ": " + detail();
    if (!violations().accepted())
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
