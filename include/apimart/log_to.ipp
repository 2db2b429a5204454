// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LOG_TO_IPP
#define APIMART_LOG_TO_IPP

#include <apimart/log_to.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/escape.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace apimart {

namespace detail {

inline constexpr std::array log_levels{log_level::error, log_level::warning, log_level::info,
                                       log_level::debug};

// Writes one line after the other into one buffer.
class log_lines
{
public:
    log_lines(log_function to, log_level most) : to_(std::move(to)), most_(most) {}
    log_lines(log_lines const&) = delete;
    log_lines& operator=(log_lines const&) = delete;

    void write(connection_event const& e)
    {
        using type = connection_event::type;
        bool const is_bad = e.event == type::failed || e.event == type::unexpected_data || !e.verified;
        write(is_bad ? log_level::warning : log_level::debug, "connection", [&] {
            add("event", to_string(e.event));
            add("host", e.host);
            add("address", e.address);
            add("tls", e.tls_version);
            add("verified", e.verified ? "" : "no");
            add(e.code);
            add("detail", e.detail);
            add_time(e.elapsed);
        });
    }
    void write(attempt_event const& e)
    {
        write(log_level::debug, "attempt", [&] {
            add(e.kind, e.operation, e.tag);
            add("n", e.attempt);
            add("phase", e.phase);
            if (e.http_status != 0)
                add("http", e.http_status);
            add(e.code);
            add("detail", e.detail);
            add("sent", e.bytes_sent);
            add("received", e.bytes_received);
            add_time(e.elapsed);
            add("host", e.host);
            add("id", e.task_id);
            add("key", e.idempotency_key);
            add("request_id", e.request_id);
        });
    }
    void write(retry_event const& e)
    {
        write(log_level::warning, "retry", [&] {
            add(e.kind, e.operation, e.tag);
            add("n", e.next_attempt);
            add("in_ms", e.delay.count());
            add(e.why);
            add("asked_by", e.server_requested ? "service" : "");
            add("resend", e.is_resend ? "yes" : "");
        });
    }
    void write(task_event const& e)
    {
        bool const is_bad = e.status == task_status::failed || e.status == task_status::cancelled;
        write(is_bad ? log_level::warning : log_level::info, "task", [&] {
            add("id", e.task_id);
            add(e.tag);
            add("status", to_string(e.status));
            add("raw", e.raw_status);
            if (e.progress)
                add("progress", *e.progress);
            add("polls", e.polls);
        });
    }
    void write(operation_event const& e)
    {
        bool const is_asked_for =
            e.code == boost::asio::error::operation_aborted || e.code == errc::shutting_down;
        write(e.code && !is_asked_for ? log_level::error : log_level::info, "end", [&] {
            add(e.kind, e.operation, e.tag);
            add(e.code);
            if (e.acceptance != acceptance::none)
                add("acceptance", to_string(e.acceptance));
            add("attempts", e.attempts);
            add_time(e.elapsed);
            add("id", e.task_id);
            add("key", e.idempotency_key);
        });
    }
    void write(backpressure_event const& e)
    {
        write(log_level::warning, "backpressure", [&] {
            add("at", to_string(e.where));
            add(e.tag);
            add("waiting", e.waiting);
            if (e.delay.count() > 0)
                add("in_ms", e.delay.count());
        });
    }

private:
    template <class Fill>
    void write(log_level level, std::string_view name, Fill fill)
    {
        if (level > most_)
            return;
        std::lock_guard const lock(mutex_);
        line_.assign(name);
        fill();
        to_(level, line_);
    }

    void add(std::string_view name, std::string_view value)
    {
        if (value.empty())
            return;
        line_.append(" ").append(name).append("=");
        bool const is_plain = std::all_of(value.begin(), value.end(),
                                          [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '='; });
        constexpr std::size_t longest = 300;
        if (is_plain && value.size() <= longest) // mostly
            line_ += value;
        else
            line_ += quote(value, longest);
    }
    template <std::integral Number>
    void add(std::string_view name, Number value)
    {
        line_.append(" ").append(name).append("=");
        append(value);
    }
    void add(error_code const& code)
    {
        if (!code)
            return;
        add("code", code_name(code));
        add("because", code.message());
    }
    void add(operation_tag const& tag)
    {
        if (auto const number = tag.number())
            add("tag", *number);
        else
            add("tag", tag.text());
    }
    void add(request_kind kind, std::uint64_t number, operation_tag const& tag)
    {
        add("kind", to_string(kind));
        add("op", number);
        add(tag);
    }
    void add_time(std::chrono::microseconds elapsed)
    {
        add("ms", elapsed.count() / 1000);
        line_ += '.';
        append(elapsed.count() % 1000 / 100);
    }
    template <std::integral Number>
    void append(Number value)
    {
        std::array<char, 24> digits;
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        line_.append(digits.data(), end);
    }

    log_function const to_;
    log_level const most_;
    std::mutex mutex_;
    std::string line_;
};

template <class Event>
std::function<void(Event const&)> both_of(std::function<void(Event const&)> first,
                                          std::function<void(Event const&)> second)
{
    if (!first || !second)
        return first ? first : second;
    return [first = std::move(first), second = std::move(second)](Event const& e) {
        first(e);
        second(e);
    };
}

} // namespace detail

APIMART_INLINE std::string_view to_string(log_level level) noexcept
{
    switch (level) {
    case log_level::error:
        return "error";
    case log_level::warning:
        return "warning";
    case log_level::info:
        return "info";
    case log_level::debug:
        return "debug";
    }
    return "debug";
}

APIMART_INLINE std::optional<log_level> log_level_of(std::string_view name) noexcept
{
    for (log_level const each : detail::log_levels)
        if (name == to_string(each))
            return each;
    return std::nullopt;
}

APIMART_INLINE observer log_to(log_function function, log_level level)
{
    auto const lines = std::make_shared<detail::log_lines>(std::move(function), level);
    auto const write = [lines](auto const& event) { lines->write(event); };
    observer tell;
    tell.on_operation = write;
    if (level >= log_level::warning) {
        tell.on_connection = write;
        tell.on_retry = write;
        tell.on_task = write;
        tell.on_backpressure = write;
    }
    if (level >= log_level::debug)
        tell.on_attempt = write;
    return tell;
}

APIMART_INLINE observer both(observer first, observer second)
{
    observer tell;
    tell.on_attempt = detail::both_of(std::move(first.on_attempt), std::move(second.on_attempt));
    tell.on_retry = detail::both_of(std::move(first.on_retry), std::move(second.on_retry));
    tell.on_operation = detail::both_of(std::move(first.on_operation), std::move(second.on_operation));
    tell.on_connection = detail::both_of(std::move(first.on_connection), std::move(second.on_connection));
    tell.on_task = detail::both_of(std::move(first.on_task), std::move(second.on_task));
    tell.on_backpressure =
        detail::both_of(std::move(first.on_backpressure), std::move(second.on_backpressure));
    return tell;
}

} // namespace apimart

#endif
