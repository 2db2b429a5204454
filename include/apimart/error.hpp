// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERROR_HPP
#define APIMART_ERROR_HPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/runtime/chrono.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

using boost::system::error_code;

/// What the library itself reports. Each value is a situation and a way out.
enum class errc
{
    /// The request breaks a rule of its model; nothing was sent. See `failure::violations()`.
    invalid_request = 1,
    /// A setting of the client is unusable; the detail names it. Nothing was sent.
    invalid_configuration,
    /// The submit may have been accepted and charged, and the client cannot tell. Look the task up at the
    /// service before sending it again; the idempotency key is in the failure.
    outcome_unknown,
    /// The task did not finish within the wait's time limit. It goes on at the service: wait again. A last
    /// question is asked when the limit is reached; a service that does not answer it delays this by two
    /// seconds and no more.
    wait_expired,
    /// The operation's own time limit passed.
    deadline_exceeded,
    /// The client is shutting down or was destroyed.
    shutting_down,
    /// A queue of this client is full; the detail names it and its limit. Nothing was sent.
    overloaded,
    /// Too many of this client's recent requests were repetitions; the underlying code is what this one
    /// would have been repeated for.
    retry_budget_exhausted,
    /// The peer's certificate was refused; the detail names the reason. Never retried.
    certificate_refused,
    /// The peer and this client share no TLS version, cipher or application protocol. Never retried.
    tls_failed,
    /// The peer ended the connection during the TLS handshake.
    tls_closed,
    /// The TLS handshake did not end in time.
    tls_timeout,
    /// The peer does not speak TLS; the detail shows the first bytes it sent.
    not_tls,
    /// The peer wants a client certificate, or another one than was shown.
    client_certificate_required,
    /// A TLS record could not be authenticated; the connection was dropped.
    tls_corrupt,
    /// The connection ended without TLS saying so: what came may have been cut short by anyone.
    tls_truncated,
    /// The host's name does not exist.
    resolve_failed,
    /// The name service has no answer at the moment.
    resolve_unavailable,
    /// The name service did not answer in time.
    resolve_timeout,
    /// No connection could be made; the detail names the host and the underlying code the reason.
    connect_failed,
    /// No connection could be made within the limit for connecting.
    connect_timeout,
    /// This machine ran out of file descriptors, ports or memory; the underlying code tells which. Says
    /// nothing about the service. A client that has no memory to go on ends everything that is under way with
    /// this, or with `outcome_unknown` what may have been accepted, and can then be used again.
    local_resource,
    /// The proxy wants other credentials.
    proxy_auth_required,
    /// The proxy does not connect to this service.
    proxy_refused,
    /// The proxy could not connect to the service, or went away; the HTTP status is the proxy's.
    proxy_failed,
    /// The proxy's answer is not one to CONNECT.
    proxy_protocol_error,
    /// The peer stopped taking the request.
    send_timeout,
    /// No answer came within the limit for one request.
    response_timeout,
    /// An answer began and then stopped, or went on too slowly.
    read_stalled,
    /// The connection ended before a complete answer.
    connection_lost,
    /// The answer is not HTTP as this client accepts it, or its framing is contradictory.
    protocol_error,
    /// The answer is larger than its limit.
    response_too_large,
    /// The answer is HTTP but not what the service documents.
    unexpected_response,
    /// The service did not know the task id.
    task_not_found,
    /// The result's address is not one the client fetches: not https, or a private address.
    url_not_allowed,
    /// The result's link has expired and the task gave no newer one.
    result_expired,
    /// The task finished without a result of that kind.
    no_result,
    /// The file ended early, is empty, or is not a video.
    download_corrupt,
    /// The file is larger than the limit given for it.
    download_too_large,
    /// The file exists and overwriting was not asked for.
    file_exists,
    /// The file cannot be written; the underlying code tells why.
    file_error,
    /// The process has forked, and this client belongs to the parent. Nothing was sent. Make a client of the
    /// child's own, in an execution context of its own.
    forked,
};

/// What the service reported, by the type and code of its error envelope and by its HTTP status where the
/// envelope says nothing. Source: API reference, section 8.
enum class api_errc
{
    invalid_request = 1, ///< the service refused a parameter
    unauthorized,        ///< the API key is not valid
    no_credit,           ///< the account's balance does not cover the task
    forbidden,           ///< the key has no right to this model or resource
    not_found,           ///< unknown route or resource
    too_large,           ///< the body is larger than the service takes
    rate_limited,        ///< too many requests; see `failure::retry_after()`
    content_rejected,    ///< moderation refused the input
    conflict,            ///< an idempotency key is in use, was reused, or its outcome is not known
    unavailable,         ///< the service or its gateway failed
    other,               ///< any other answer that is not a success
};

/// Conditions to branch on: `if (code == cause::retryable)`. One code can meet several.
enum class cause
{
    retryable = 1,    ///< the same call may succeed later, and making it again buys nothing twice
    rate_limited,     ///< slow down
    no_credit,        ///< add credit; retrying does not help
    unauthorized,     ///< the key is refused or lacks the right
    content_rejected, ///< change the input
    invalid_request,  ///< change the request
    transport,        ///< DNS, TCP, TLS or HTTP framing
    outcome_unknown,  ///< a submit that may have been accepted
    timed_out,        ///< a time limit of this library passed
    not_found,        ///< no such task or resource
};

boost::system::error_category const& library_category() noexcept;
boost::system::error_category const& api_category() noexcept;
boost::system::error_category const& cause_category() noexcept;

inline error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), library_category()};
}
inline error_code make_error_code(api_errc e) noexcept
{
    return {static_cast<int>(e), api_category()};
}
inline boost::system::error_condition make_error_condition(cause c) noexcept
{
    return {static_cast<int>(c), cause_category()};
}

/// How much is proved about a submit that did not return a task.
enum class proof_level
{
    none,     ///< the operation was not a submit
    not_sent, ///< proved: the service cannot have accepted it
    rejected, ///< the service answered that it did not accept it
    accepted, ///< the service accepted it; the failure came later and carries the task id
    unknown,  ///< it may have been accepted
};

std::string_view to_string(proof_level level) noexcept;

/// The service's own words about a failure. They can hold parts of the caller's input, so they are kept
/// apart from this library's texts and never mixed into `error::what()` unescaped.
class service_message
{
public:
    service_message() {}
    service_message(std::string code, std::string type, std::string text)
        : code_(std::move(code)), type_(std::move(type)), text_(std::move(text))
    {}

    std::string const& code() const noexcept { return code_; }
    std::string const& type() const noexcept { return type_; }
    std::string const& text() const noexcept { return text_; }
    bool empty() const noexcept { return code_.empty() && type_.empty() && text_.empty(); }

private:
    std::string code_;
    std::string type_;
    std::string text_;
};

/// One try of one operation, for the record in a failure.
class attempt
{
public:
    attempt(error_code code, int http_status, std::string phase)
        : code_(code), http_status_(http_status), phase_(std::move(phase))
    {}

    error_code const& code() const noexcept { return code_; }
    /// Zero where no complete answer came.
    int http_status() const noexcept { return http_status_; }
    /// The last phase reached: "connecting", "sending", "sent", "answered".
    std::string const& phase() const noexcept { return phase_; }

private:
    error_code code_;
    int http_status_;
    std::string phase_;
};

/// Everything that is known about an operation that did not succeed. Cheap to copy; never holds an API key
/// or the signed part of a URL.
///
/// Thread safety: distinct objects safe; a shared object may be read from several threads.
class failure
{
public:
    failure();
    failure(error_code code, std::string detail = {});
    failure(errc code, std::string detail = {});

    error_code const& code() const noexcept;
    /// The operating system's, TLS library's or HTTP parser's code beneath `code()`, where there is one.
    error_code const& underlying() const noexcept;
    proof_level proof() const noexcept;
    /// Zero where no complete answer came.
    int http_status() const noexcept;
    service_message const& service() const noexcept;
    std::string const& request_id() const noexcept;
    /// Empty unless the id is known.
    std::string const& task_id() const noexcept;
    /// The key under which a submit was sent; empty for other operations.
    std::string const& idempotency_key() const noexcept;
    std::optional<std::chrono::seconds> retry_after() const noexcept;
    std::vector<attempt> const& attempts() const noexcept;
    diagnostics const& violations() const noexcept;
    /// This library's own words about the case.
    std::string const& detail() const noexcept;

    failure& code(error_code code);
    failure& underlying(error_code code);
    failure& proof(proof_level level);
    failure& http_status(int status);
    failure& service(service_message words);
    failure& request_id(std::string id);
    failure& task_id(std::string id);
    failure& idempotency_key(std::string key);
    failure& retry_after(std::optional<std::chrono::seconds> delay);
    failure& attempts(std::vector<attempt> tries);
    failure& violations(diagnostics list);
    failure& detail(std::string words);

    /// One line in this library's words, with the service's words quoted and escaped behind them.
    std::string describe() const;

private:
    struct data;

    data& own();

    std::shared_ptr<data> data_;
};

/// The one exception type: thrown where a caller awaits without asking for a code or a result.
class error : public boost::system::system_error
{
public:
    explicit error(failure why);

    failure const& why() const noexcept { return failure_; }
    char const* what() const noexcept override;

private:
    failure failure_;
    std::string text_;
};

/// A value, or the failure in its place; `.value()` throws `error`.
template <class T>
using result = boost::system::result<T, failure>;

[[noreturn]] void throw_exception_from_error(failure const& why, boost::source_location const&);

} // namespace apimart

template <>
struct boost::system::is_error_code_enum<apimart::errc> : std::true_type
{};
template <>
struct boost::system::is_error_code_enum<apimart::api_errc> : std::true_type
{};
template <>
struct boost::system::is_error_condition_enum<apimart::cause> : std::true_type
{};

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/errors/error.ipp>
#endif

#endif
