// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_CONNECT_FAULT_HPP
#define APIMART_TESTING_CONNECT_FAULT_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing {

/// What a connect_proxy does with a request for a tunnel instead of what it should.
///
/// A fault hits the next request that comes, unless `times` and `skip` say otherwise; of several, the first
/// one planned takes the request. Credentials are not asked for before.
///
/// Example:
///
///     proxy.plan(connect_fault::answer(502));
///     proxy.plan(connect_fault::close().skip(1));
class connect_fault
{
public:
    /// An answer with this status; the connection stays open for a further request.
    static connect_fault answer(unsigned status, std::string_view body = "", std::string_view headers = "")
    {
        std::string text = "HTTP/1.1 " + std::to_string(status) +
                           " Scripted\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
        if (status == 407)
            text += "Proxy-Authenticate: Basic realm=\"proxy\"\r\n";
        text.append(headers).append("\r\n").append(body);
        connect_fault made(kind::bytes, "answer " + std::to_string(status), std::move(text));
        made.status_ = status;
        return made;
    }

    /// The end of the connection in place of an answer.
    static connect_fault close() { return {kind::close, "close"}; }
    static connect_fault reset() { return {kind::reset, "reset"}; }

    /// No answer, ever.
    static connect_fault stall() { return {kind::stall, "stall"}; }

    /// No answer until connect_proxy::release(); then the proper one.
    static connect_fault hold() { return {kind::hold, "hold"}; }

    /// These bytes in place of an answer.
    static connect_fault raw(std::string bytes) { return {kind::bytes, "raw", std::move(bytes)}; }

    /// Bytes that are no HTTP.
    static connect_fault garbage()
    {
        return {kind::bytes, "garbage", std::string("\x16\x03\x01 this is no answer\r\n\r\n")};
    }

    /// A proper answer with a header of this many bytes.
    static connect_fault huge_head(std::size_t bytes)
    {
        std::string text = "HTTP/1.1 200 Connection established\r\n";
        constexpr std::string_view line = "X-Filler: 0123456789012345678901234567890123456789\r\n";
        while (text.size() < bytes)
            text += line;
        return {kind::bytes, "huge head", text + "\r\n"};
    }

    /// A tunnel, but with a body behind the head of the answer, where none may be.
    static connect_fault body_behind_head(std::string_view body)
    {
        return {kind::tunnel_with_bytes, "body behind head",
                "HTTP/1.1 200 Connection established\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + std::string(body)};
    }

    /// How many requests are hit; one by default.
    connect_fault times(std::uint64_t count) const
    {
        connect_fault out = *this;
        out.times_ = count;
        return out;
    }

    static constexpr std::uint64_t always = std::numeric_limits<std::uint64_t>::max();

    /// How many requests pass unharmed before.
    connect_fault skip(std::uint64_t count) const
    {
        connect_fault out = *this;
        out.skip_ = count;
        return out;
    }

    /// Ends the connection behind the bytes.
    connect_fault then_close() const
    {
        connect_fault out = *this;
        out.closes_ = true;
        return out;
    }

    /// A name for connect_proxy::unconsumed_faults().
    connect_fault named(std::string name) const
    {
        connect_fault out = *this;
        out.name_ = std::move(name);
        return out;
    }

    enum class kind : unsigned char
    {
        bytes,
        tunnel_with_bytes,
        close,
        reset,
        stall,
        hold,
    };

    kind what() const noexcept { return kind_; }
    std::string const& bytes() const noexcept { return bytes_; }
    /// The status that the bytes tell; 0 when they are no proper answer.
    unsigned status() const noexcept { return status_; }
    std::uint64_t how_often() const noexcept { return times_; }
    std::uint64_t passing() const noexcept { return skip_; }
    bool closes() const noexcept { return closes_; }
    std::string const& name() const noexcept { return name_; }

private:
    connect_fault(kind what, std::string name, std::string bytes = {})
        : kind_(what), name_(std::move(name)), bytes_(std::move(bytes))
    {}

    kind kind_;
    bool closes_ = false;
    unsigned status_ = 0;
    std::uint64_t times_ = 1;
    std::uint64_t skip_ = 0;
    std::string name_;
    std::string bytes_;
};

} // namespace apimart::testing

#endif
