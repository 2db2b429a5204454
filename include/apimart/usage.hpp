// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_USAGE_HPP
#define APIMART_USAGE_HPP

#include <apimart/operation_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart {

/// What the entries of a usage report are about.
enum class usage_group
{
    none,
    model,
    date,
    model_and_date,
};

/// Whose use is summed up.
enum class usage_scope
{
    key,
    account,
};

/// Which use is summed up. What is not given is as the service sees fit. Trivially copyable.
/// Source: API reference, section 7.2.
struct usage_options
{
    std::optional<std::chrono::sys_seconds> start{};
    /// At most 31 days after the start.
    std::optional<std::chrono::sys_seconds> end{};
    /// Ids separated by commas, at most 50; all models unless given.
    option_text models{};
    usage_group group_by = usage_group::none;
    /// The name of the time zone that dates are told in, such as "Europe/Berlin".
    option_text time_zone{};
    std::optional<usage_scope> scope{};
    /// For all tries and pauses together.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Instead of `retry_policy::max_retries`.
    std::optional<int> max_retries{};
    /// As in `submit_options`.
    operation_tag tag{};
};

/// One sum of a usage report. Amounts are millionths, so that sums are exact.
class usage_entry
{
public:
    usage_entry() {}

    /// Of what was grouped by; otherwise empty.
    std::string const& model() const& noexcept { return model_; }
    std::string model() && { return std::move(model_); }
    std::string const& date() const& noexcept { return date_; }
    std::string date() && { return std::move(date_); }
    std::int64_t micro_usd() const noexcept { return micro_usd_; }
    double usd() const noexcept { return static_cast<double>(micro_usd_) / 1e6; }
    std::int64_t micro_credits() const noexcept { return micro_credits_; }
    double credits() const noexcept { return static_cast<double>(micro_credits_) / 1e6; }
    std::uint64_t requests() const noexcept { return requests_; }
    std::uint64_t prompt_tokens() const noexcept { return prompt_tokens_; }
    std::uint64_t completion_tokens() const noexcept { return completion_tokens_; }

    usage_entry& model(std::string value) { return model_ = std::move(value), *this; }
    usage_entry& date(std::string value) { return date_ = std::move(value), *this; }
    usage_entry& amounts(std::int64_t micro_usd, std::int64_t micro_credits)
    {
        micro_usd_ = micro_usd;
        micro_credits_ = micro_credits;
        return *this;
    }
    usage_entry& counts(std::uint64_t requests, std::uint64_t prompt_tokens, std::uint64_t completion_tokens)
    {
        requests_ = requests;
        prompt_tokens_ = prompt_tokens;
        completion_tokens_ = completion_tokens;
        return *this;
    }

    friend bool operator==(usage_entry const&, usage_entry const&) = default;

private:
    std::string model_;
    std::string date_;
    std::int64_t micro_usd_ = 0;
    std::int64_t micro_credits_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t prompt_tokens_ = 0;
    std::uint64_t completion_tokens_ = 0;
};

/// What was used over a time.
class usage_report
{
public:
    usage_report() {}
    usage_report(usage_entry total, std::vector<usage_entry> items)
        : total_(std::move(total)), items_(std::move(items))
    {}

    usage_entry const& total() const& noexcept { return total_; }
    usage_entry total() && { return std::move(total_); }
    /// One for each group.
    std::vector<usage_entry> const& items() const& noexcept { return items_; }
    std::vector<usage_entry> items() && { return std::move(items_); }

private:
    usage_entry total_;
    std::vector<usage_entry> items_;
};

namespace detail {

// What a question about usage keeps of its options.
class usage_settings
{
public:
    explicit usage_settings(usage_options const& given)
        : start(given.start), end(given.end), models(given.models.view()), group_by(given.group_by),
          time_zone(given.time_zone.view()), scope(given.scope), limits{.timeout = given.timeout,
                                                                        .max_retries = given.max_retries,
                                                                        .tag = given.tag}
    {}

    std::optional<std::chrono::sys_seconds> start;
    std::optional<std::chrono::sys_seconds> end;
    std::string models;
    usage_group group_by;
    std::string time_zone;
    std::optional<usage_scope> scope;
    status_options limits;
};

} // namespace detail

} // namespace apimart

#endif
