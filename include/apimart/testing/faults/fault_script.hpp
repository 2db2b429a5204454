// SPDX-License-Identifier: BSL-1.0
// Scripted faults: which request is hit, at which moment, and what happens to it.
#ifndef APIMART_TESTING_FAULTS_FAULT_SCRIPT_HPP
#define APIMART_TESTING_FAULTS_FAULT_SCRIPT_HPP

#include <apimart/testing/faults/seeded_random.hpp>
#include <apimart/testing/faults/switch_reader.hpp>

#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
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
    usage,
    models,
    upload,
    download,
    books,
    unknown,
};

/// The words for operations, in the order of `operation`.
inline constexpr std::array<std::string_view, 11> operation_words = {
    "connection", "submit", "poll",     "batch", "balance", "usage",
    "models",     "upload", "download", "books", "unknown",
};

/// How far a request has come when a fault strikes.
enum class fault_moment : unsigned char
{
    /// A connection was accepted; nothing was read, no TLS spoken.
    connect,
    /// A connection has its TLS; no request was read.
    secured,
    /// The header was read, the body was not.
    header,
    /// A part of the body was read.
    body,
    /// The request was read, nothing was done.
    request,
    /// The request was carried out, nothing was sent.
    accepted,
    /// The first bytes of the reply were sent.
    reply,
    /// The reply was sent.
    sent,
};

/// The words for moments, in the order of `fault_moment`.
inline constexpr std::array<std::string_view, 8> fault_moment_words = {
    "connect", "secured", "header", "body", "request", "accepted", "reply", "sent",
};

/// What happens to the request.
enum class fault_action : unsigned char
{
    /// Another answer than the proper one.
    reply,
    /// An orderly end of the connection, under TLS with close_notify.
    close,
    /// An end of TCP (FIN) without an end of TLS.
    cut,
    /// TCP reset.
    reset,
    /// Silence, until the other side gives up or the fault's time is over. What the other side sends is read.
    stall,
    /// As `stall`, but nothing is read, so that a large request comes to a halt.
    freeze,
    /// Silence until emulator::release(); then all goes on as if nothing had happened.
    hold,
    /// Bytes of one's own choice; then what `then` says.
    raw,
    /// Bytes of one's own choice beneath TLS, unencrypted; then silence.
    plaintext,
    /// A TLS record that does not authenticate; then silence.
    corrupt,
    /// The rest of the reply comes in small steps.
    drip,
    /// Nothing; only as what comes behind `raw`.
    resume,
};

/// The words for actions, in the order of `fault_action`.
inline constexpr std::array<std::string_view, 12> fault_action_words = {
    "reply", "close", "cut",       "reset",   "stall", "freeze",
    "hold",  "raw",   "plaintext", "corrupt", "drip",  "resume",
};

/// The body of an answer that a fault gives.
enum class fault_body : unsigned char
{
    /// The documented error envelope.
    json,
    /// A gateway's HTML page.
    html,
    /// The HTML page of a CDN that stands before the service; with a status of redirects it leads elsewhere.
    cdn,
    empty,
    /// Bytes that are not what the content type says.
    garbage,
    /// HTTP 200 with `{"code": status, "message": ...}`.
    json_in_200,
    /// The fault's `content`.
    given,
};

/// One planned fault. Public members, filled from a scenario document or by a test.
///
/// In a document it is an object; the members are called as here, except that `act` is called "do", and every
/// one may be left out. The enumerators are written as words: `{"on": "submit", "do": "reset", "when":
/// "accepted"}`. Besides, `nth` stands for one strike at the request with that number, counted from 1, and
/// `raw_hex` for `raw` in hexadecimal digits.
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
                                             {"usage", operation::usage},
                                             {"models", operation::models},
                                             {"upload", operation::upload},
                                             {"download", operation::download},
                                             {"file", operation::download}});
        in.choose<fault_action>("do", act,
                                {{"reply", fault_action::reply},
                                 {"close", fault_action::close},
                                 {"cut", fault_action::cut},
                                 {"reset", fault_action::reset},
                                 {"stall", fault_action::stall},
                                 {"freeze", fault_action::freeze},
                                 {"hold", fault_action::hold},
                                 {"raw", fault_action::raw},
                                 {"plaintext", fault_action::plaintext},
                                 {"corrupt", fault_action::corrupt},
                                 {"drip", fault_action::drip}});
        if (act == fault_action::drip)
            when = fault_moment::reply;
        if (on == operation::connection)
            when = fault_moment::connect;
        in.choose<fault_moment>("when", when,
                                {{"connect", fault_moment::connect},
                                 {"secured", fault_moment::secured},
                                 {"header", fault_moment::header},
                                 {"body", fault_moment::body},
                                 {"request", fault_moment::request},
                                 {"accepted", fault_moment::accepted},
                                 {"reply", fault_moment::reply},
                                 {"sent", fault_moment::sent}});
        in.text("name", name);
        read_reply(in);
        read_bytes(in);
        read_count(in);
        in.count("bytes", bytes, unlimited);
        in.number("seconds", seconds, 0, 86400);
        in.finish();
        check(in);
    }

    static constexpr std::uint64_t unlimited = std::numeric_limits<std::int64_t>::max();

    /// The given name, or one such as "reset submit accepted".
    std::string title() const
    {
        if (!name.empty())
            return name;
        std::string text(fault_action_words[static_cast<std::size_t>(act)]);
        if (act == fault_action::reply)
            text += ' ' + std::to_string(status);
        text.append(" ").append(on ? operation_words[static_cast<std::size_t>(*on)] : "any");
        return text.append(" ").append(fault_moment_words[static_cast<std::size_t>(when)]);
    }

    /// The requests it may hit; nothing, "any" in a document, stands for all of them but those for the books.
    /// "file" is another word for "download".
    std::optional<operation> on;
    fault_action act = fault_action::reply;
    /// On a connection only `connect`, which is the default there, or `secured`.
    fault_moment when = fault_moment::request;
    /// For emulator::unconsumed_faults(); without one it is made of what the fault does.
    std::string name;

    fault_body body = fault_body::json;
    unsigned status = 503;
    /// The HTTP status of another answer is the one above; these replace what it would say in its envelope.
    std::string type, code, message;
    /// The header's value; empty for none. In a document a number of seconds or a text such as an HTTP date.
    std::string retry_after;
    /// Further headers of another answer. In a document an object.
    std::vector<std::pair<std::string, std::string>> headers;
    /// The body of another answer, in which `{task_id}` stands for the id that a poll asks for. In a document, giving one
    /// sets `body`.
    std::string content;
    std::string content_type = "application/json";

    /// What `raw` and `plaintext` send.
    std::string raw;
    /// What `raw` does behind its bytes: `resume` (go on with what would have happened without the fault),
    /// `close`, `cut`, `reset`, `stall`, `freeze` or `hold`.
    fault_action then = fault_action::close;
    /// How `drip` sends: this many bytes, then a pause of this much real time.
    std::uint64_t step_bytes = 1;
    double step_seconds = 0;

    /// How many requests are hit.
    std::uint64_t times = 1;
    /// How many matching requests pass before.
    std::uint64_t skip = 0;
    /// Only each `every`-th of those that remain is hit, beginning with the first.
    std::uint64_t every = 1;
    /// The share of matching requests that is hit, chosen by the seed. Below 1, as with `every` above 1,
    /// `times` has no limit by default.
    double fraction = 1;
    /// For the moment `reply`: how much of the reply is sent. For the moment `body`: how much of the body is
    /// read at least.
    std::uint64_t bytes = 0;
    /// How long a `stall` or `freeze` lasts in real time; 0 for as long as the connection may be idle.
    double seconds = 0;

private:
    void read_reply(switch_reader& in)
    {
        in.choose<fault_body>("body", body,
                              {{"json", fault_body::json},
                               {"html", fault_body::html},
                               {"cdn", fault_body::cdn},
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
        if (auto const* listed = in.find("headers")) {
            if (!listed->is_object())
                in.reject("headers", "must be an object");
            for (auto const& each : listed->get_object()) {
                if (!each.value().is_string())
                    in.reject("headers", "must have texts as values");
                headers.emplace_back(each.key(), each.value().get_string().c_str());
                if (headers.back().second.find_first_of("\r\n") != std::string::npos)
                    in.reject("headers", "must have values of one line");
            }
        }
        if (in.find("content") != nullptr)
            body = fault_body::given;
        in.text("content", content);
        in.text("content_type", content_type);
    }

    void read_bytes(switch_reader& in)
    {
        in.text("raw", raw);
        std::string digits;
        in.text("raw_hex", digits);
        for (std::size_t i = 0; i < digits.size(); i += 2) {
            unsigned char byte = 0;
            auto const* const from = digits.data() + i;
            auto const* const to = digits.data() + std::min(i + 2, digits.size());
            auto const [end, error] = std::from_chars(from, to, byte, 16);
            if (error != std::errc() || end != from + 2)
                in.reject("raw_hex", "must be pairs of hexadecimal digits");
            raw += static_cast<char>(byte);
        }
        in.choose<fault_action>("then", then,
                                {{"resume", fault_action::resume},
                                 {"close", fault_action::close},
                                 {"cut", fault_action::cut},
                                 {"reset", fault_action::reset},
                                 {"stall", fault_action::stall},
                                 {"freeze", fault_action::freeze},
                                 {"hold", fault_action::hold}});
        in.count("step_bytes", step_bytes, unlimited);
        in.number("step_seconds", step_seconds, 0, 86400);
        if (step_bytes == 0)
            in.reject("step_bytes", "must be at least 1");
    }

    void read_count(switch_reader& in)
    {
        in.number("fraction", fraction, 0, 1);
        in.count("every", every, unlimited);
        if (every == 0)
            in.reject("every", "must be at least 1");
        if (fraction < 1 || every > 1)
            times = unlimited;
        in.count("times", times, unlimited);
        in.count("skip", skip, unlimited);
        std::uint64_t nth = 0;
        if (in.find("nth") != nullptr) {
            in.count("nth", nth, unlimited);
            if (nth == 0)
                in.reject("nth", "counts from 1");
            skip = nth - 1;
            times = 1;
        }
    }

    void check(switch_reader& in) const
    {
        bool const early = when == fault_moment::connect || when == fault_moment::secured;
        bool const late = when == fault_moment::reply || when == fault_moment::sent;
        if (on == operation::connection && !early)
            in.reject("when", "must be `connect` or `secured` for a connection");
        if (on != operation::connection && early)
            in.reject("when", "is for connections");
        if (act == fault_action::reply && early)
            in.reject("do", "cannot be `reply` on a connection");
        if (act == fault_action::reply && late)
            in.reject("when", "cannot be `reply` or `sent` for another answer");
        if (act == fault_action::drip && when != fault_moment::reply)
            in.reject("when", "must be `reply` for a drip");
        if (act == fault_action::corrupt && when == fault_moment::connect)
            in.reject("when", "is too early for a TLS record");
        if (act == fault_action::raw && raw.empty())
            in.reject("raw", "must say what to send");
    }
};

/// The faults of a scenario in their order, and how many of them have struck.
class fault_script
{
public:
    /// A fault that strikes, and its place in the script.
    class stroke : public fault
    {
    public:
        stroke(fault planned, std::size_t place) : fault(std::move(planned)), index(place) {}

        std::size_t index;
    };

    fault_script(std::vector<fault> faults, std::uint64_t seed) : seed_(seed)
    {
        for (auto& each : faults)
            plan(std::move(each));
    }

    /// Adds a fault behind the others.
    void plan(fault what)
    {
        if (what.on == operation::connection && what.when != fault_moment::secured)
            what.when = fault_moment::connect;
        entries_.push_back(entry{std::move(what), 0, 0});
    }

    /// The fault that strikes this request, if any.
    ///
    /// The first one in the list takes it; those behind it do not see that request, so "two 429, then one
    /// reset" is two entries one after the other.
    std::optional<stroke> strike(operation what)
    {
        for (auto& each : entries_) {
            bool const matches = each.what.on ? *each.what.on == what
                                              : what != operation::connection && what != operation::books;
            if (!matches || each.struck >= each.what.times)
                continue;
            std::uint64_t const n = each.seen++;
            if (n < each.what.skip || (n - each.what.skip) % std::max<std::uint64_t>(1, each.what.every) != 0)
                continue;
            auto const index = static_cast<std::size_t>(&each - entries_.data());
            if (each.what.fraction < 1 && unit_draw(seed_ + index, draw_for::fault, n) >= each.what.fraction)
                continue;
            ++each.struck;
            return stroke(each.what, index);
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

    /// The titles of those that did not strike as often as planned; one without limit must have struck once.
    std::vector<std::string> unconsumed() const
    {
        std::vector<std::string> titles;
        for (auto const& each : entries_)
            if (each.struck < (each.what.times == fault::unlimited ? 1 : each.what.times))
                titles.push_back(each.what.title());
        return titles;
    }

    std::string title(std::size_t index) const { return entries_[index].what.title(); }

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

#endif
