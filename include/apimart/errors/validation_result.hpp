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
    refused, ///< the documentation calls it an error, or the service could not understand it
    advised  ///< the request is sent; the documentation advises against it or calls it without effect
};

/// One rule that a request does not keep: where, which, and what was given instead.
///
/// Safe to log: `given` never holds a Base64 picture, the query of a URL, or control characters.
class violation
{
public:
    violation(severity level, std::string pointer, std::string rule, std::string given)
        : level_(level), pointer_(std::move(pointer)), rule_(std::move(rule)), given_(std::move(given))
    {}

    severity level() const noexcept { return level_; }

    /// JSON pointer (RFC 6901) into the request's body, e.g. `/multi_prompt/1/duration`; empty for the whole
    /// body.
    std::string const& pointer() const noexcept { return pointer_; }

    /// The rule as the rest of a sentence that begins with the pointer.
    std::string const& rule() const noexcept { return rule_; }

    /// A short excerpt of what was given; empty when something is missing.
    std::string const& given() const noexcept { return given_; }

    /// One line: `/duration: must be between 3 and 15 (got 99)`.
    std::string describe() const;

    friend bool operator==(violation const&, violation const&) = default;

private:
    severity level_;
    std::string pointer_;
    std::string rule_;
    std::string given_;
};

/// Everything that was found in one request, in the order of its body.
///
/// Lifetime: owns its texts. Thread safety: distinct objects safe, shared objects unsafe.
class diagnostics
{
public:
    /// Longer lists help nobody and would let a hostile body fill the memory; what exceeds this is only
    /// counted.
    static constexpr std::size_t most_entries = 256;

    diagnostics() noexcept {}

    /// Adds an entry that refuses the request.
    void refuse(std::string pointer, std::string rule, std::string given);

    /// Adds an entry that does not.
    void advise(std::string pointer, std::string rule, std::string given);

    /// True if no entry refuses the request.
    bool accepted() const noexcept { return !refused_; }

    std::vector<violation> const& entries() const& noexcept { return entries_; }
    std::vector<violation> entries() && { return std::move(entries_); }

    /// Whether further entries would only be counted.
    bool full() const noexcept { return entries_.size() == most_entries; }

    /// Number of entries that were found but are not listed.
    std::size_t unlisted() const noexcept { return unlisted_; }

    /// One line per entry, without a line break at the end.
    std::string describe() const;

private:
    void add(severity level, std::string pointer, std::string rule, std::string given);

    std::vector<violation> entries_;
    std::size_t unlisted_ = 0;
    bool refused_ = false;
};

/// Thrown where a refused request is used as if it had been accepted.
class invalid_request : public std::invalid_argument
{
public:
    explicit invalid_request(diagnostics found);

    diagnostics const& found() const noexcept { return diagnostics_; }

private:
    diagnostics diagnostics_;
};

/// Lets `boost::system::result<any_request, diagnostics>::value()` throw `invalid_request`.
[[noreturn]] void throw_exception_from_error(diagnostics const& found, boost::source_location const&);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/errors/validation_result.ipp>
#endif

#endif
