// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_FAILURE_HPP
#define APIMART_ERRORS_FAILURE_HPP

#include <apimart/errors/codes.hpp>
#include <apimart/errors/validation_result.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

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
    /// The last phase reached: "connecting", "sending", "reading", "answered".
    std::string const& phase() const noexcept { return phase_; }

private:
    error_code code_;
    int http_status_;
    std::string phase_;
};

/// Everything that is known about an operation that did not succeed. Never holds an API key or the signed part
/// of a URL.
///
/// Thread safety: distinct objects safe; a shared object may be read from several threads.
class failure
{
public:
    failure() noexcept {}
    failure(error_code code, std::string detail = {}) : code_(code), detail_(std::move(detail)) {}
    failure(errc code, std::string detail = {}) : failure(make_error_code(code), std::move(detail)) {}

    error_code const& code() const noexcept { return code_; }
    /// The operating system's, TLS library's or HTTP parser's code beneath `code()`, where there is one.
    error_code const& underlying() const noexcept { return underlying_; }
    proof_level proof() const noexcept { return proof_; }
    /// Zero where no complete answer came.
    int http_status() const noexcept { return http_status_; }
    service_message const& service() const& noexcept { return service_; }
    service_message service() && { return std::move(service_); }
    std::string const& request_id() const noexcept { return request_id_; }
    /// Empty unless the id is known.
    std::string const& task_id() const noexcept { return task_id_; }
    /// The key under which a submit was sent; empty for other operations.
    std::string const& idempotency_key() const noexcept { return idempotency_key_; }
    std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
    std::vector<attempt> const& attempts() const& noexcept { return attempts_; }
    std::vector<attempt> attempts() && { return std::move(attempts_); }
    validation_result const& violations() const& noexcept { return violations_; }
    validation_result violations() && { return std::move(violations_); }
    /// This library's own words about the case.
    std::string const& detail() const noexcept { return detail_; }

    failure& code(error_code code) { return code_ = code, *this; }
    failure& underlying(error_code code) { return underlying_ = code, *this; }
    failure& proof(proof_level level) { return proof_ = level, *this; }
    failure& http_status(int status) { return http_status_ = status, *this; }
    failure& service(service_message words) { return service_ = std::move(words), *this; }
    failure& request_id(std::string id) { return request_id_ = std::move(id), *this; }
    failure& task_id(std::string id) { return task_id_ = std::move(id), *this; }
    failure& idempotency_key(std::string key) { return idempotency_key_ = std::move(key), *this; }
    failure& retry_after(std::optional<std::chrono::seconds> delay) { return retry_after_ = delay, *this; }
    failure& attempts(std::vector<attempt> tries) { return attempts_ = std::move(tries), *this; }
    failure& violations(validation_result list) { return violations_ = std::move(list), *this; }
    failure& detail(std::string words) { return detail_ = std::move(words), *this; }

    /// One line in this library's words, with the service's words quoted and escaped behind them.
    std::string describe() const;

private:
    error_code code_;
    error_code underlying_;
    proof_level proof_ = proof_level::none;
    int http_status_ = 0;
    service_message service_;
    std::string request_id_;
    std::string task_id_;
    std::string idempotency_key_;
    std::optional<std::chrono::seconds> retry_after_;
    std::vector<attempt> attempts_;
    validation_result violations_;
    std::string detail_;
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

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/errors/error_messages.ipp>
#endif

#endif
