// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_STATUS_IPP
#define APIMART_HTTP_STATUS_IPP

#include <apimart/http_status.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/error.hpp>

namespace apimart {

namespace detail {

// Without a default, so that a new code is not forgotten.
inline int status_of(errc code) noexcept
{
    switch (code) {
    case errc::bad_callback:
        return 400;
    case errc::task_not_found:
    case errc::no_result:
        return 404;
    case errc::file_exists:
        return 409;
    case errc::result_expired:
        return 410;
    case errc::invalid_request:
        return 422;
    case errc::invalid_configuration:
    case errc::outcome_unknown:
    case errc::wait_failed:
    case errc::file_error:
    case errc::journal_failed:
    case errc::journal_unusable:
    case errc::journal_conflict:
    case errc::used_after_fork:
        return 500;
    case errc::certificate_verify_failed:
    case errc::tls_failed:
    case errc::tls_closed:
    case errc::tls_wrong_protocol:
    case errc::client_certificate_required:
    case errc::tls_bad_record_mac:
    case errc::stream_truncated:
    case errc::host_not_found:
    case errc::host_not_found_try_again:
    case errc::connect_failed:
    case errc::proxy_auth_required:
    case errc::proxy_refused:
    case errc::proxy_failed:
    case errc::proxy_protocol_error:
    case errc::connection_lost:
    case errc::protocol_error:
    case errc::response_too_large:
    case errc::bad_response:
    case errc::url_not_allowed:
    case errc::download_corrupt:
    case errc::download_too_large:
        return 502;
    case errc::shutting_down:
    case errc::journal_in_use:
    case errc::queue_full:
    case errc::retry_budget_exhausted:
    case errc::resource_exhausted:
        return 503;
    case errc::wait_timeout:
    case errc::deadline_exceeded:
    case errc::tls_timeout:
    case errc::resolve_timeout:
    case errc::connect_timeout:
    case errc::write_timeout:
    case errc::response_timeout:
    case errc::read_timeout:
        return 504;
    }
    return 500;
}

inline int status_of(api_errc code) noexcept
{
    switch (code) {
    case api_errc::not_found:
        return 404;
    case api_errc::conflict:
        return 409;
    case api_errc::too_large:
        return 413;
    case api_errc::invalid_request:
    case api_errc::content_rejected:
        return 422;
    case api_errc::unauthorized:
    case api_errc::forbidden:
    case api_errc::other:
        return 502;
    case api_errc::payment_required:
    case api_errc::rate_limited:
    case api_errc::unavailable:
        return 503;
    }
    return 502;
}

} // namespace detail

APIMART_INLINE int http_status(error_info const& why) noexcept
{
    error_code const code = why.code();
    if (!code)
        return 200;
    // Whatever the code is: nobody repeats by himself what may buy a second time.
    if (why.acceptance() == acceptance::unknown || why.acceptance() == acceptance::accepted)
        return 500;
    if (code == boost::asio::error::operation_aborted)
        return 503;
    if (code.category() == library_category())
        return detail::status_of(static_cast<errc>(code.value()));
    if (code.category() == api_category())
        return detail::status_of(static_cast<api_errc>(code.value()));
    return 500;
}

} // namespace apimart

#endif
