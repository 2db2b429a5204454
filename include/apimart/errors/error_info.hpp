// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_ERROR_INFO_HPP
#define APIMART_ERRORS_ERROR_INFO_HPP

#include <apimart/errors/codes.hpp>
#include <apimart/errors/validation_result.hpp>
#include <apimart/operation_tag.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

/// How much is proved about a submit that did not return a task.
enum class acceptance
{
    none,     ///< the operation was not a submit
    not_sent, ///< proved: the service cannot have accepted it
    rejected, ///< the service answered that it did not accept it
    accepted, ///< the service accepted it; the failure came later and carries the task id
    unknown,  ///< it may have been accepted
};

std::string_view to_string(acceptance level) noexcept;

/// The service's own words about a failure. They can hold parts of the caller's input, so they are kept
/// apart from this library's texts and never mixed into `error::what()` unescaped.
class server_message
{
public:
    server_message() {}
    server_message(std::string code, std::string type, std::string text)
        : code_(std::move(code)), type_(std::move(type)), text_(std::move(text))
    {}

    std::string const& code() const& noexcept { return code_; }
    std::string code() && { return std::move(code_); }
    std::string const& type() const& noexcept { return type_; }
    std::string type() && { return std::move(type_); }
    std::string const& text() const& noexcept { return text_; }
    std::string text() && { return std::move(text_); }
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

    error_code code() const noexcept { return code_; }
    /// Zero where no complete answer came.
    int http_status() const noexcept { return http_status_; }
    /// The last phase reached: "connecting", "sending", "reading", "answered".
    std::string const& phase() const& noexcept { return phase_; }
    std::string phase() && { return std::move(phase_); }

private:
    error_code code_;
    int http_status_;
    std::string phase_;
};

/// Everything that is known about an operation that did not succeed. Never holds an API key or the signed part
/// of a URL.
///
/// Thread safety: distinct objects safe; a shared object may be read from several threads.
class error_info
{
public:
    error_info() noexcept {}
    error_info(error_code code, std::string client_message = {}) : code_(code)
    {
        if (!client_message.empty())
            own().client_message = std::move(client_message);
    }
    error_info(errc code, std::string client_message = {})
        : error_info(make_error_code(code), std::move(client_message))
    {}
    error_info(error_info const& other);
    error_info(error_info&&) noexcept = default;
    error_info& operator=(error_info const& other) { return *this = error_info(other); }
    error_info& operator=(error_info&&) noexcept = default;
    ~error_info() = default;

    error_code code() const noexcept { return code_; }
    /// The operating system's, TLS library's or HTTP parser's code beneath `code()`, where there is one.
    error_code underlying() const noexcept { return underlying_; }
    apimart::acceptance acceptance() const noexcept { return acceptance_; }
    /// Zero where no complete answer came.
    int http_status() const noexcept { return http_status_; }
    apimart::server_message const& server_message() const& noexcept { return known().server_message; }
    apimart::server_message server_message() && { return std::move(own().server_message); }
    std::string const& request_id() const& noexcept { return known().request_id; }
    std::string request_id() && { return std::move(own().request_id); }
    /// Empty unless the id is known.
    std::string const& task_id() const& noexcept { return known().task_id; }
    std::string task_id() && { return std::move(own().task_id); }
    /// The key under which a submit was sent; empty for other operations.
    std::string const& idempotency_key() const& noexcept { return known().idempotency_key; }
    std::string idempotency_key() && { return std::move(own().idempotency_key); }
    /// What the caller gave in the options of the call.
    operation_tag tag() const noexcept { return known().tag; }
    std::optional<std::chrono::seconds> retry_after() const noexcept { return known().retry_after; }
    std::vector<attempt> const& attempts() const& noexcept { return known().attempts; }
    std::vector<attempt> attempts() && { return std::move(own().attempts); }
    validation_result const& validation() const& noexcept { return known().validation; }
    validation_result validation() && { return std::move(own().validation); }
    /// This library's own words about the case.
    std::string const& client_message() const& noexcept { return known().client_message; }
    std::string client_message() && { return std::move(own().client_message); }

    error_info& code(error_code code) { return code_ = code, *this; }
    error_info& underlying(error_code code) { return underlying_ = code, *this; }
    error_info& acceptance(apimart::acceptance level) { return acceptance_ = level, *this; }
    error_info& http_status(int status) { return http_status_ = status, *this; }
    error_info& server_message(apimart::server_message words)
    {
        return own().server_message = std::move(words), *this;
    }
    error_info& request_id(std::string id) { return own().request_id = std::move(id), *this; }
    error_info& task_id(std::string id) { return own().task_id = std::move(id), *this; }
    error_info& idempotency_key(std::string key) { return own().idempotency_key = std::move(key), *this; }
    error_info& tag(operation_tag const& given) { return own().tag = given, *this; }
    error_info& retry_after(std::optional<std::chrono::seconds> delay)
    {
        return own().retry_after = delay, *this;
    }
    error_info& attempts(std::vector<attempt> tries) { return own().attempts = std::move(tries), *this; }
    error_info& validation(validation_result list) { return own().validation = std::move(list), *this; }
    error_info& client_message(std::string words) { return own().client_message = std::move(words), *this; }

    /// One line in this library's words, with the service's words quoted and escaped behind them.
    std::string describe() const;

private:
    // What only a failure has. Most results are none, and a result is as large as its larger half.
    struct details
    {
        apimart::server_message server_message;
        std::string request_id;
        std::string task_id;
        std::string idempotency_key;
        operation_tag tag;
        std::optional<std::chrono::seconds> retry_after;
        std::vector<attempt> attempts;
        validation_result validation;
        std::string client_message;
    };
    union absent_details;

    details const& known() const noexcept;
    details& own();

    error_code code_;
    error_code underlying_;
    apimart::acceptance acceptance_ = apimart::acceptance::none;
    int http_status_ = 0;
    std::unique_ptr<details> details_;
};

/// The one exception type: thrown where a caller awaits without asking for a code or a result.
class error : public boost::system::system_error
{
public:
    explicit error(error_info info);

    error_info const& info() const& noexcept { return info_; }
    error_info info() && { return std::move(info_); }
    char const* what() const noexcept override;

private:
    error_info info_;
    std::string text_;
};

/// A value, or the failure in its place; `.value()` throws `error`.
template <class T>
using result = boost::system::result<T, error_info>;

[[noreturn]] void throw_exception_from_error(error_info const& why, boost::source_location const&);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/errors/error_messages.ipp>
#endif

#endif
