// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_VALIDATION_RESULT_HPP
#define APIMART_ERRORS_VALIDATION_RESULT_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace boost {
struct source_location;
} // namespace boost

namespace apimart {

/// Whether a broken rule keeps a request from being sent.
enum class severity : std::uint8_t
{
    error,  ///< the documentation calls it an error, or the service could not understand it
    warning ///< the request is sent; the documentation advises against it or calls it without effect
};

/// One rule that a request does not keep: where, which, and what was given instead.
///
/// Safe to log: `value` never holds a Base64 picture, the query of a URL, or control characters.
class violation
{
public:
    violation(apimart::severity severity, std::string pointer, std::string message, std::string value)
        : severity_(severity), pointer_(std::move(pointer)), message_(std::move(message)),
          value_(std::move(value))
    {}

    apimart::severity severity() const noexcept { return severity_; }

    /// JSON pointer (RFC 6901) into the request's body, e.g. `/multi_prompt/1/duration`; empty for the whole
    /// body.
    std::string const& pointer() const& noexcept { return pointer_; }
    std::string pointer() && { return std::move(pointer_); }

    /// The rule as the rest of a sentence that begins with the pointer.
    std::string const& message() const& noexcept { return message_; }
    std::string message() && { return std::move(message_); }

    /// A short excerpt of what was given; empty when something is missing.
    std::string const& value() const& noexcept { return value_; }
    std::string value() && { return std::move(value_); }

    /// One line: `/duration: must be between 3 and 15 (got 99)`.
    std::string describe() const;

    friend bool operator==(violation const&, violation const&) = default;

private:
    apimart::severity severity_;
    std::string pointer_;
    std::string message_;
    std::string value_;
};

/// Everything that was found in one request, in the order of its body.
///
/// Lifetime: owns its texts. Thread safety: distinct objects safe, shared objects unsafe.
class validation_result
{
public:
    /// Longer lists help nobody and would let a hostile body fill the memory; what exceeds this is only
    /// counted.
    static constexpr std::size_t max_entries = 256;

    validation_result() noexcept {}

    /// Adds an entry that refuses the request.
    void add_error(std::string pointer, std::string message, std::string value);

    /// Adds an entry that does not.
    void add_warning(std::string pointer, std::string message, std::string value);

    /// True if no entry refuses the request.
    bool ok() const noexcept { return !has_error_; }

    std::vector<violation> const& entries() const& noexcept { return entries_; }
    std::vector<violation> entries() && { return std::move(entries_); }

    /// Whether further entries would only be counted.
    bool full() const noexcept { return entries_.size() == max_entries; }

    /// Number of entries that were found but are not listed.
    std::size_t omitted() const noexcept { return omitted_; }

    /// One line per entry, without a line break at the end.
    std::string describe() const;

private:
    void add(severity level, std::string pointer, std::string message, std::string value);

    std::vector<violation> entries_;
    std::size_t omitted_ = 0;
    bool has_error_ = false;
};

/// Thrown where a refused request is used as if it had been accepted.
class invalid_request : public std::invalid_argument
{
public:
    explicit invalid_request(validation_result found);

    validation_result const& found() const& noexcept { return found_; }
    validation_result found() && { return std::move(found_); }

private:
    validation_result found_;
};

/// Lets `boost::system::result<any_request, validation_result>::value()` throw `invalid_request`.
[[noreturn]] void throw_exception_from_error(validation_result const& found, boost::source_location const&);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/errors/validation_result.ipp>
#endif

#endif
