// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VIOLATION_HPP
#define APIMART_VIOLATION_HPP

#include <cstddef>
#include <cstdint>
#include <span>
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
    std::string describe() const
    {
        std::string line = pointer_.empty() ? std::string("body") : printable_pointer();
        line += ": ";
        line += rule_;
        if (!given_.empty()) {
            line += " (got ";
            line += given_;
            line += ')';
        }
        return line;
    }

    friend bool operator==(violation const&, violation const&) = default;

private:
    // A pointer holds field names as they were given, so one line of a log must not depend on them.
    std::string printable_pointer() const
    {
        constexpr std::size_t longest = 120;
        std::string shown;
        for (char const c : pointer_.substr(0, longest))
            shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
        if (pointer_.size() > longest)
            shown += "...";
        return shown;
    }

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
    void refuse(std::string pointer, std::string rule, std::string given)
    {
        refused_ = true;
        add(severity::refused, std::move(pointer), std::move(rule), std::move(given));
    }

    /// Adds an entry that does not.
    void advise(std::string pointer, std::string rule, std::string given)
    {
        add(severity::advised, std::move(pointer), std::move(rule), std::move(given));
    }

    /// True if no entry refuses the request.
    bool accepted() const noexcept { return !refused_; }

    std::span<violation const> entries() const noexcept { return entries_; }

    /// Whether further entries would only be counted.
    bool full() const noexcept { return entries_.size() == most_entries; }

    /// Number of entries that were found but are not listed.
    std::size_t unlisted() const noexcept { return unlisted_; }

    /// One line per entry, without a line break at the end.
    std::string describe() const
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

private:
    void add(severity level, std::string pointer, std::string rule, std::string given)
    {
        if (full())
            ++unlisted_;
        else
            entries_.emplace_back(level, std::move(pointer), std::move(rule), std::move(given));
    }

    std::vector<violation> entries_;
    std::size_t unlisted_ = 0;
    bool refused_ = false;
};

/// Thrown where a refused request is used as if it had been accepted.
class invalid_request : public std::invalid_argument
{
public:
    explicit invalid_request(diagnostics found)
        : std::invalid_argument(found.describe()), diagnostics_(std::move(found))
    {}

    diagnostics const& found() const noexcept { return diagnostics_; }

private:
    diagnostics diagnostics_;
};

/// Lets `boost::system::result<any_request, diagnostics>::value()` throw `invalid_request`.
[[noreturn]] inline void throw_exception_from_error(diagnostics const& found, boost::source_location const&)
{
    throw invalid_request(found);
}

} // namespace apimart

#endif
