// SPDX-License-Identifier: BSL-1.0
// Scripted faults: which request is hit, at which moment, and what happens to it.
#pragma once

#include <apimart/testing/emulator/seeded_random.hpp>
#include <apimart/testing/emulator/switch_reader.hpp>

#include <boost/json/value.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// What a request is for. `connection` stands for the moment before a connection is served at all.
enum class operation : unsigned char
{
    connection,
    submit,
    poll,
    batch,
    balance,
    models,
    upload,
    download,
    books,
    unknown,
};

/// How far a request has come when a fault strikes.
enum class fault_moment : unsigned char
{
    /// The header was read, the body was not.
    header,
    /// The request was read, nothing was done.
    request,
    /// The request was carried out, nothing was sent.
    accepted,
    /// The first bytes of the reply were sent.
    reply,
};

/// What happens to the request.
enum class fault_action : unsigned char
{
    /// Another answer than the proper one.
    reply,
    /// TCP reset.
    reset,
    /// An orderly end of the connection.
    close,
    /// Silence, until the other side gives up or the fault's time is over.
    stall,
};

/// The body of an answer that a fault gives.
enum class fault_body : unsigned char
{
    /// The documented error envelope.
    json,
    /// A gateway's HTML page.
    html,
    empty,
    /// Bytes that are not what the content type says.
    garbage,
    /// HTTP 200 with `{"code": status, "message": ...}`.
    json_in_200,
};

/// One planned fault. Public members, filled from a scenario document or by a test.
///
/// In a document it is an object; the members are called as here, except that `act` is called "do", and every
/// one may be left out. The enumerators are written as words: `{"on": "submit", "do": "reset", "when":
/// "accepted"}`.
class fault
{
public:
    fault() = default;

    /// Reads one entry of `faults`.
    explicit fault(boost::json::value const& document, std::string const& where)
    {
        switch_reader in(document, where);
        in.choose<std::optional<operation>>("on", on,
                                            {{"any", std::nullopt},
                                             {"connection", operation::connection},
                                             {"submit", operation::submit},
                                             {"poll", operation::poll},
                                             {"batch", operation::batch},
                                             {"balance", operation::balance},
                                             {"models", operation::models},
                                             {"upload", operation::upload},
                                             {"download", operation::download}});
        in.choose<fault_action>("do", act,
                                {{"reply", fault_action::reply},
                                 {"reset", fault_action::reset},
                                 {"close", fault_action::close},
                                 {"stall", fault_action::stall}});
        in.choose<fault_moment>("when", when,
                                {{"header", fault_moment::header},
                                 {"request", fault_moment::request},
                                 {"accepted", fault_moment::accepted},
                                 {"reply", fault_moment::reply}});
        in.choose<fault_body>("body", body,
                              {{"json", fault_body::json},
                               {"html", fault_body::html},
                               {"empty", fault_body::empty},
                               {"garbage", fault_body::garbage},
                               {"json_in_200", fault_body::json_in_200}});
        std::uint64_t code_given = status;
        in.count("status", code_given, 599);
        if (code_given < 100)
            in.reject("status", "must be an HTTP status");
        status = static_cast<unsigned>(code_given);
        in.text("type", type);
        in.text("code", code);
        in.text("message", message);
        if (auto const* wait = in.find("retry_after")) {
            if (wait->is_string())
                retry_after.assign(wait->get_string().data(), wait->get_string().size());
            else if (wait->is_int64() && wait->get_int64() >= 0)
                retry_after = std::to_string(wait->get_int64());
            else
                in.reject("retry_after", "must be a number of seconds or a text such as an HTTP date");
            if (retry_after.find_first_of("\r\n") != std::string::npos)
                in.reject("retry_after", "must be one line");
        }
        in.number("fraction", fraction, 0, 1);
        if (fraction < 1)
            times = unlimited;
        in.count("times", times, unlimited);
        in.count("skip", skip, unlimited);
        in.count("bytes", bytes, unlimited);
        in.number("seconds", seconds, 0, 86400);
        in.finish();
        if (act == fault_action::reply && when == fault_moment::reply)
            in.reject("when", "cannot be `reply` for another answer");
        if (on == operation::connection && act == fault_action::reply)
            in.reject("do", "cannot be `reply` on a connection");
    }

    static constexpr std::uint64_t unlimited = std::numeric_limits<std::int64_t>::max();

    /// The requests it may hit; nothing, "any" in a document, stands for all of them but those for the books.
    std::optional<operation> on;
    fault_action act = fault_action::reply;
    fault_moment when = fault_moment::request;
    fault_body body = fault_body::json;
    unsigned status = 503;
    /// The HTTP status of another answer is the one above; these replace what it would say in its envelope.
    std::string type, code, message;
    /// The header's value; empty for none. In a document a number of seconds or a text such as an HTTP date.
    std::string retry_after;
    /// How many requests are hit.
    std::uint64_t times = 1;
    /// How many matching requests pass before.
    std::uint64_t skip = 0;
    /// The share of matching requests that is hit, chosen by the seed. Below 1, `times` has no limit by
    /// default.
    double fraction = 1;
    /// For the moment `reply`: how much of the reply is sent.
    std::uint64_t bytes = 0;
    /// How long a stall lasts in real time; 0 for as long as the connection may be idle.
    double seconds = 0;
};

/// The faults of a scenario in their order, and how many of them have struck.
class fault_script
{
public:
    fault_script(std::vector<fault> faults, std::uint64_t seed) : seed_(seed)
    {
        for (auto& each : faults)
            entries_.push_back(entry{std::move(each), 0, 0});
    }

    /// The fault that strikes this request, if any.
    ///
    /// The first one in the list takes it; those behind it do not see that request, so "two 429, then one
    /// reset" is two entries one after the other.
    std::optional<fault> strike(operation what)
    {
        for (auto& each : entries_) {
            bool const matches = each.what.on ? *each.what.on == what
                                              : what != operation::connection && what != operation::books;
            if (!matches || each.struck >= each.what.times)
                continue;
            std::uint64_t const n = each.seen++;
            if (n < each.what.skip)
                continue;
            auto const index = static_cast<std::uint64_t>(&each - entries_.data());
            if (each.what.fraction < 1 && unit_draw(seed_ + index, draw_for::fault, n) >= each.what.fraction)
                continue;
            ++each.struck;
            return each.what;
        }
        return std::nullopt;
    }

    /// How many strikes are planned; a fault without limit counts what it has done so far.
    std::uint64_t planned() const
    {
        std::uint64_t sum = 0;
        for (auto const& each : entries_)
            sum += each.what.times == fault::unlimited ? each.struck : each.what.times;
        return sum;
    }

    /// How many strikes have happened.
    std::uint64_t consumed() const
    {
        std::uint64_t sum = 0;
        for (auto const& each : entries_)
            sum += each.struck;
        return sum;
    }

private:
    struct entry
    {
        fault what;
        std::uint64_t seen;
        std::uint64_t struck;
    };
    std::uint64_t seed_;
    std::vector<entry> entries_;
};

} // namespace apimart::testing::emulation
