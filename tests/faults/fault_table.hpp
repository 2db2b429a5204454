// The faults that a service, a proxy or a network can show, and what a client must make of each. Row ids are those of
// the fault matrix: F01 to F25 strike before a request is sent, F30 to F57 while it is on its way, F60 to F78 are
// complete answers.
#pragma once

#include "cell.hpp"

#include <array>

namespace fault_tests {

using apimart::api_errc;
using apimart::errc;
using peer = scripted_server::peer;

/// What a submit comes to when its answer is a row's.
enum class submit_rule
{
    /// The answer counts.
    taken,
    /// The service said no.
    refused,
    /// The service asked for fewer requests: the submit is sent again in every case.
    throttled,
    /// Nobody can know; under a contract it is asked again with the same key.
    doubtful,
    /// Nobody can know, and asking again would not tell.
    doubtful_for_good,
    /// The service says that it executed nothing, which only a contract makes believable.
    not_executed,
};

/// What a question comes to.
enum class question_rule
{
    taken,
    again,
    final,
};

class answer_row
{
public:
    /// Plays the fault in place of the answer that is given along. True where the connection goes on.
    using strike = std::function<bool(peer&, std::string const&)>;

    answer_row(std::string row_id, std::string how_it_is_made, strike play)
        : id(std::move(row_id)), how(std::move(how_it_is_made)), fault(std::move(play))
    {}

    answer_row submit(submit_rule rule, error_code code = {}) const
    {
        answer_row out = *this;
        out.of_submit = rule;
        out.submit_code = code;
        return out;
    }
    answer_row question(question_rule rule, error_code code = {}) const
    {
        answer_row out = *this;
        out.of_question = rule;
        out.question_code = code;
        return out;
    }
    /// The error that ends a wait; without one a wait goes on.
    answer_row ends_wait(error_code code) const
    {
        answer_row out = *this;
        out.wait_code = code;
        return out;
    }
    /// The operation has bought nothing when it is answered so.
    answer_row charges_nothing() const
    {
        answer_row out = *this;
        out.charges = false;
        return out;
    }
    answer_row set(std::function<void(apimart::client_config&)> change) const
    {
        answer_row out = *this;
        out.settings = std::move(change);
        return out;
    }
    /// The end of a kept connection says nothing about the service: a question goes out again besides.
    answer_row lost_while_reused(bool is) const
    {
        answer_row out = *this;
        out.is_lost = is;
        return out;
    }
    /// Which operations can meet it.
    answer_row asked_of(bool of_submits, bool of_questions) const
    {
        answer_row out = *this;
        out.for_submits = of_submits;
        out.for_questions = of_questions;
        return out;
    }

    std::string id;
    std::string how;
    strike fault;
    submit_rule of_submit = submit_rule::doubtful;
    error_code submit_code;
    question_rule of_question = question_rule::again;
    error_code question_code;
    error_code wait_code;
    bool charges = true;
    bool is_lost = false;
    bool for_submits = true;
    bool for_questions = true;
    std::function<void(apimart::client_config&)> settings;
};

/// A complete answer.
inline std::string answer_text(int status, std::string_view body, std::string_view headers = "")
{
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

/// The documented envelope of an error.
inline std::string error_body(std::string_view type, std::string_view code)
{
    return R"({"error":{"message":"scripted","type":")" + std::string(type) + R"(","code":")" +
           std::string(code) + R"("}})";
}

enum class ending
{
    close,
    cut,
    reset,
    silence,
};

inline constexpr std::array every_ending{ending::close, ending::cut, ending::reset};

inline std::string_view word_for(ending how)
{
    switch (how) {
    case ending::close:
        return "close_notify";
    case ending::cut:
        return "FIN";
    case ending::reset:
        return "RST";
    case ending::silence:
        return "silence";
    }
    return "";
}

inline bool end(peer& with, ending how)
{
    switch (how) {
    case ending::close:
        with.close();
        break;
    case ending::cut:
        with.cut();
        break;
    case ending::reset:
        with.reset();
        break;
    case ending::silence:
        with.wait_for_end();
        break;
    }
    return false;
}

/// These bytes, then an end.
inline answer_row::strike says(std::string bytes, ending how)
{
    return [bytes = std::move(bytes), how](peer& with, std::string const&) {
        with.write(bytes);
        return end(with, how);
    };
}

/// A complete answer behind which the connection stays.
inline answer_row::strike answers(std::string text)
{
    return [text = std::move(text)](peer& with, std::string const&) {
        with.write(text);
        return true;
    };
}

/// Faults between the last byte of a request and the last byte of its answer.
inline std::vector<answer_row> lost_answers()
{
    std::vector<answer_row> rows;
    auto const add = [&](answer_row row) { rows.push_back(std::move(row)); };
    using s = submit_rule;
    using q = question_rule;

    for (ending const how : every_ending) {
        // Without a byte it makes no difference how it ended.
        add(answer_row("F34/F35", "no byte of an answer, then " + std::string(word_for(how)),
                       [how](peer& with, std::string const&) { return end(with, how); })
                .submit(s::doubtful, errc::connection_lost)
                .question(q::again, errc::connection_lost)
                .lost_while_reused(true));
    }
    auto const impatient = [](apimart::client_config& config) { config.timeouts.response = 600ms; };
    auto const stalls_soon = [](apimart::client_config& config) { config.timeouts.read = 600ms; };
    add(answer_row("F36", "no answer within the limit",
                   [](peer& with, std::string const&) { return end(with, ending::silence); })
            .submit(s::doubtful, errc::response_timeout)
            .question(q::again, errc::response_timeout)
            .set(impatient));
    for (ending const how : {ending::close, ending::cut}) {
        errc const code = how == ending::cut ? errc::stream_truncated : errc::connection_lost;
        for (std::string_view const part :
             {"H", "HTTP/1.1", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Le"}) {
            add(answer_row("F37",
                           "a head of " + std::to_string(part.size()) + " bytes, then " +
                               std::string(word_for(how)),
                           says(std::string(part), how))
                    .submit(s::doubtful, code)
                    .question(q::again, code)
                    .lost_while_reused(how == ending::close));
        }
        add(answer_row("F38", "half the body, then " + std::string(word_for(how)),
                       [how](peer& with, std::string const& good) {
                           with.write(good.substr(0, good.size() - 12));
                           return end(with, how);
                       })
                .submit(s::doubtful, code)
                .question(q::again, code)
                .lost_while_reused(how == ending::close));
        add(answer_row("F40", "chunked without the last chunk, then " + std::string(word_for(how)),
                       says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cod\r\n", how))
                .submit(s::doubtful, code)
                .question(q::again, code)
                .lost_while_reused(how == ending::close));
    }
    add(answer_row("F38", "half the body, then RST",
                   [](peer& with, std::string const& good) {
                       with.write(good.substr(0, good.size() - 12));
                       return end(with, ending::reset);
                   })
            .submit(s::doubtful, errc::connection_lost)
            .question(q::again, errc::connection_lost)
            .lost_while_reused(true));
    add(answer_row("F39", "a body that stalls",
                   [](peer& with, std::string const& good) {
                       with.write(good.substr(0, good.size() - 12));
                       return end(with, ending::silence);
                   })
            .submit(s::doubtful, errc::read_timeout)
            .question(q::again, errc::read_timeout)
            .set(stalls_soon));
    add(answer_row("F39", "a head that stalls", says("HTTP/1.1 200 O", ending::silence))
            .submit(s::doubtful, errc::read_timeout)
            .question(q::again, errc::read_timeout)
            .set(stalls_soon));
    add(answer_row("F40", "a bad chunk",
                   says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
                        ending::silence))
            .submit(s::doubtful, errc::protocol_error)
            .question(q::final, errc::protocol_error));
    add(answer_row("F41", "a body up to the end, which comes without close_notify",
                   [](peer& with, std::string const& good) {
                       with.write("HTTP/1.1 200 OK\r\n\r\n" + good.substr(good.find("\r\n\r\n") + 4));
                       return end(with, ending::cut);
                   })
            .submit(s::doubtful, errc::stream_truncated)
            .question(q::again, errc::stream_truncated));
    for (ending const how : {ending::close, ending::cut}) {
        add(answer_row("F42", "a whole answer, then " + std::string(word_for(how)),
                       [how](peer& with, std::string const& good) {
                           with.write(good);
                           return end(with, how);
                       })
                .submit(s::taken)
                .question(q::taken));
    }
    add(answer_row("F43", "a record that does not authenticate",
                   [](peer& with, std::string const&) {
                       std::string const record =
                           std::string("\x17\x03\x03\x00\x40", 5) + std::string(64, 'x');
                       asio::write(with.socket(), asio::buffer(record));
                       return end(with, ending::silence);
                   })
            .submit(s::doubtful, errc::tls_bad_record_mac)
            .question(q::again, errc::tls_bad_record_mac));
    for (std::string_view const head : {
             "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
             "Content-Length: 2\r\nContent-Length: 3\r\n",
             "Transfer-Encoding: gzip\r\n",
             "Transfer-Encoding: xchunked\r\n",
             "Transfer-Encoding: chunked, gzip\r\n",
             "Content-Length: -2\r\n",
         }) {
        add(answer_row(
                "F44", "contradictory framing: " + std::string(head.substr(0, head.find('\r', 20))),
                says("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n2\r\n{}\r\n0\r\n\r\n", ending::silence))
                .submit(s::doubtful, errc::protocol_error)
                .question(q::final, errc::protocol_error));
    }
    std::string fields;
    for (int i = 0; i < 200; ++i)
        fields += "X-" + std::to_string(i) + ": y\r\n";
    add(answer_row("F45", "too many fields", answers(answer_text(200, "{}", fields)))
            .submit(s::doubtful_for_good, errc::response_too_large)
            .question(q::final, errc::response_too_large));
    add(answer_row("F45", "a head above its limit",
                   answers(answer_text(200, "{}", "X-Long: " + std::string(20'000, 'y') + "\r\n")))
            .submit(s::doubtful_for_good, errc::response_too_large)
            .question(q::final, errc::response_too_large));
    add(answer_row("F45", "a body above its limit", answers(answer_text(200, std::string(3'000, ' '))))
            .submit(s::doubtful_for_good, errc::response_too_large)
            .question(q::final, errc::response_too_large)
            .set([](apimart::client_config& config) { config.limits.body_limit = 2'000; }));
    std::string interim;
    for (int i = 0; i < 11; ++i)
        interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
    add(answer_row("F46", "too many interim answers", says(interim, ending::silence))
            .submit(s::doubtful, errc::protocol_error)
            .question(q::final, errc::protocol_error));
    add(answer_row("F46", "another protocol, which nobody asked for",
                   says("HTTP/1.1 101 Switching\r\n\r\n", ending::silence))
            .submit(s::doubtful, errc::protocol_error)
            .question(q::final, errc::protocol_error));
    add(answer_row("F46", "a few interim answers, then the answer",
                   [](peer& with, std::string const& good) {
                       with.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" +
                                  good);
                       return true;
                   })
            .submit(s::taken)
            .question(q::taken));
    add(answer_row("F47", "bytes behind a whole answer",
                   [](peer& with, std::string const& good) {
                       with.write(good + "HTTP/1.1 400 Bad Request\r\n\r\n");
                       return end(with, ending::silence);
                   })
            .submit(s::taken)
            .question(q::taken));
    add(answer_row("F47", "a refusal, and another answer behind it",
                   [](peer& with, std::string const& good) {
                       with.write(answer_text(429, error_body("", "")) + good);
                       return end(with, ending::silence);
                   })
            .submit(s::doubtful_for_good, api_errc::rate_limited)
            .asked_of(true, false));
    add(answer_row("F37", "bytes that are no HTTP", says("SSH-2.0-OpenSSH_9.2\r\n", ending::silence))
            .submit(s::doubtful, errc::protocol_error)
            .question(q::final, errc::protocol_error));
    return rows;
}

/// Complete answers.
inline std::vector<answer_row> complete_answers()
{
    std::vector<answer_row> rows;
    auto const add = [&](answer_row row) { rows.push_back(std::move(row)); };
    using s = submit_rule;
    using q = question_rule;
    auto const coded = [](int status, std::string_view type, std::string_view code,
                          std::string_view headers = "") {
        return answers(answer_text(status, error_body(type, code), headers));
    };
    error_code const unreadable = errc::bad_response;

    add(answer_row("F60", "the documented answer",
                   [](peer& with, std::string const& good) {
                       with.write(good);
                       return true;
                   })
            .submit(s::taken)
            .question(q::taken));
    for (std::string_view const body :
         {R"({"code":200,"data":[{"status":"submitted"}]})", R"({"code":200,"data":[{"task_id":""}]})",
          R"({"code":200,"data":[{"task_id":17.5}]})", R"({"code":200,"data":[{"task_id":"a b"}]})",
          R"({"code":200,"data":[]})"}) {
        add(answer_row("F61", "a success without a usable id: " + std::string(body),
                       answers(answer_text(200, body)))
                .submit(s::doubtful_for_good, unreadable)
                .asked_of(true, false));
    }
    add(answer_row("F62", "a success that is a page",
                   answers(answer_text(200, "<html>", "Content-Type: text/html\r\n")))
            .submit(s::doubtful, unreadable)
            .question(q::again, api_errc::unavailable));
    add(answer_row("F62", "a success that is empty", answers(answer_text(200, "")))
            .submit(s::doubtful, unreadable)
            .question(q::again, api_errc::unavailable));
    add(answer_row("F62", "204", answers("HTTP/1.1 204 No Content\r\n\r\n"))
            .submit(s::doubtful, unreadable)
            .question(q::again, api_errc::unavailable));
    add(answer_row("F63", "200 with a refusal in it",
                   answers(answer_text(200, R"({"code":402,"message":"balance"})")))
            .submit(s::refused, api_errc::payment_required)
            .question(q::final, api_errc::payment_required)
            .charges_nothing());
    add(answer_row("F63", "200 with a failure in it",
                   answers(answer_text(200, R"({"code":500,"message":"broken"})")))
            .submit(s::doubtful, api_errc::unavailable)
            .question(q::again, api_errc::unavailable));
    for (int const status : {301, 302, 307, 308}) {
        add(answer_row("F65", std::to_string(status),
                       answers(answer_text(status, "", "Location: https://127.0.0.1:1/\r\n")))
                .submit(s::refused, unreadable)
                .question(q::final, unreadable)
                .charges_nothing());
    }
    add(answer_row("F65", "303", answers(answer_text(303, "", "Location: /v1/tasks/task_1\r\n")))
            .submit(s::doubtful_for_good, unreadable)
            .question(q::final, unreadable));

    struct refusal
    {
        char const* id;
        int status;
        char const* type;
        char const* code;
        api_errc meaning;
        error_code asked;
    };
    for (refusal const& each : {
             refusal{"F66", 400, "invalid_request_error", "", api_errc::invalid_request,
                     errc::task_not_found},
             refusal{"F66", 422, "invalid_request_error", "", api_errc::invalid_request,
                     api_errc::invalid_request},
             refusal{"F66", 400, "content_policy_violation", "", api_errc::content_rejected,
                     api_errc::content_rejected},
             refusal{"F67", 401, "authentication_error", "", api_errc::unauthorized, api_errc::unauthorized},
             refusal{"F67", 403, "permission_error", "", api_errc::forbidden, api_errc::forbidden},
             refusal{"F68", 402, "payment_required", "", api_errc::payment_required,
                     api_errc::payment_required},
             refusal{"F68", 403, "", "insufficient_user_quota", api_errc::payment_required,
                     api_errc::payment_required},
             refusal{"F68", 429, "", "insufficient_quota", api_errc::payment_required,
                     api_errc::payment_required},
             refusal{"F69", 404, "not_found_error", "", api_errc::not_found, errc::task_not_found},
             refusal{"F72", 413, "", "", api_errc::too_large, api_errc::too_large},
             refusal{"F72", 415, "", "", api_errc::invalid_request, api_errc::invalid_request},
             refusal{"F66", 405, "", "", api_errc::invalid_request, api_errc::invalid_request},
         }) {
        add(answer_row(each.id, std::to_string(each.status) + " " + each.type + each.code,
                       coded(each.status, each.type, each.code))
                .submit(s::refused, each.meaning)
                .question(q::final, each.asked)
                .charges_nothing());
    }
    add(answer_row("F70", "408", coded(408, "", ""))
            .submit(s::doubtful)
            .question(q::again, api_errc::unavailable));
    add(answer_row("F71", "409 of a kind nobody knows", coded(409, "", "something"))
            .submit(s::doubtful_for_good, api_errc::conflict)
            .question(q::again, api_errc::unavailable));
    add(answer_row("F71", "409 while the first is under way", coded(409, "", "idempotency_in_progress"))
            .submit(s::doubtful)
            .asked_of(true, false));
    add(answer_row("F71", "409 for a key that was used for something else",
                   coded(409, "", "idempotency_key_reused"))
            .submit(s::refused, api_errc::conflict)
            .charges_nothing()
            .asked_of(true, false));
    add(answer_row("F73", "429", coded(429, "rate_limit_error", ""))
            .submit(s::throttled, api_errc::rate_limited)
            .question(q::again, api_errc::rate_limited)
            .charges_nothing());
    add(answer_row(
            "F73", "429 that names a task where nobody documents it",
            answers(answer_text(429, R"({"error":{"message":"busy","details":{"task_id":"task_1"}}})")))
            .submit(s::doubtful_for_good, api_errc::rate_limited)
            .asked_of(true, false));
    add(answer_row("F73", "429 with Retry-After: 0", coded(429, "rate_limit_error", "", "Retry-After: 0\r\n"))
            .submit(s::throttled, api_errc::rate_limited)
            .question(q::again, api_errc::rate_limited)
            .charges_nothing());
    add(answer_row("F73", "429 with a pause longer than anyone waits",
                   coded(429, "rate_limit_error", "", "Retry-After: 100000\r\n"))
            .submit(s::refused, api_errc::rate_limited)
            .question(q::final, api_errc::rate_limited)
            .ends_wait(errc::wait_timeout)
            .charges_nothing());
    for (int const status : {500, 502, 503, 504, 529}) {
        std::string const id = status == 500 ? "F74" : status == 503 ? "F76" : "F75";
        add(answer_row(id, std::to_string(status) + " with an envelope", coded(status, "server_error", ""))
                .submit(s::doubtful, api_errc::unavailable)
                .question(q::again, api_errc::unavailable));
        add(answer_row(
                id, std::to_string(status) + " with a gateway's page",
                answers(answer_text(status, "<html>Bad gateway</html>", "Content-Type: text/html\r\n")))
                .submit(s::doubtful, api_errc::unavailable)
                .question(q::again, api_errc::unavailable));
    }
    add(answer_row("F76", "503 that says nothing was executed", coded(503, "", "idempotency_unavailable"))
            .submit(s::not_executed)
            .charges_nothing()
            .asked_of(true, false));
    // A hint can forbid, but without a contract never allow.
    add(answer_row("F77", "503 with a hint to repeat it", coded(503, "", "", "x-should-retry: true\r\n"))
            .submit(s::doubtful, api_errc::unavailable)
            .question(q::again, api_errc::unavailable));
    for (int const status : {418, 451, 499})
        add(answer_row("F78", std::to_string(status), coded(status, "", ""))
                .submit(s::doubtful_for_good)
                .question(q::final, api_errc::other));
    for (std::string_view const status : {"000", "099", "600", "999"})
        add(answer_row("F78", "status " + std::string(status),
                       answers("HTTP/1.1 " + std::string(status) + " X\r\nContent-Length: 2\r\n\r\n{}"))
                .submit(s::doubtful_for_good, status[0] == '0' ? errc::protocol_error : errc::bad_response)
                .question(q::final, status[0] == '0' ? errc::protocol_error : errc::bad_response));
    return rows;
}

/// The task a question is answered with.
inline std::string finished_body()
{
    return completed_body("task_asked", "https://127.0.0.1:1/v.mp4");
}

/// A service that answers soundly until it is told to strike, and then strikes a number of times.
class breaking_service
{
public:
    breaking_service(answer_row::strike fault, bool honours_keys, bool charges, int strikes)
        : ledger(std::make_shared<books>(honours_keys)), fault_(std::move(fault)), charges_(charges),
          left_(strikes), server_(scripted_server::security::plain, [this](peer& with) { serve(with); })
    {}

    std::string base_url() const
    {
        std::string url = server_.base_url();
        return url.replace(0, 4, "https");
    }
    apimart::client_config config() const { return quick_config(base_url(), server_.ca_pem()); }
    int struck() const { return struck_; }
    unsigned short port() const { return server_.port(); }
    int connections() const { return server_.connections(); }

    std::shared_ptr<books> const ledger;

private:
    void serve(peer& with)
    {
        with.secure();
        for (;;) {
            std::string const text = with.request();
            bool const warm_up = text.find("task_warm") != std::string::npos;
            if (warm_up) {
                with.answer(200, R"({"code":200,"data":{"id":"task_warm","status":"pending"}})");
                continue;
            }
            ledger->count(text);
            bool const strikes = left_.fetch_sub(1) > 0;
            std::string good;
            if (!text.starts_with("POST "))
                good = answer_text(200, finished_body());
            else if (!strikes || charges_)
                good = answer_text(200, accepted_body(ledger->order(text)));
            if (strikes) {
                ++struck_;
                if (!fault_(with, good))
                    return;
            } else {
                with.write(good);
            }
        }
    }

    answer_row::strike fault_;
    bool charges_;
    std::atomic<int> left_;
    std::atomic<int> struck_ = 0;
    scripted_server server_;
};

inline constexpr int always = 1'000'000;

/// What must come of a row, by the rules of the operation.
inline expected must_be(answer_row const& row, operation what, bool contract, bool reused, bool once)
{
    if (what == operation::submit) {
        error_code const unknown = errc::outcome_unknown;
        switch (row.of_submit) {
        case submit_rule::taken:
            return expected::success().with_posts(1);
        case submit_rule::refused:
            return expected::failed(row.submit_code, acceptance::rejected).with_posts(1);
        case submit_rule::throttled:
            return once ? expected::success().with_posts(2)
                        : expected::failed(row.submit_code, acceptance::rejected).with_posts(3);
        case submit_rule::doubtful:
            break;
        case submit_rule::doubtful_for_good:
            return expected::failed(unknown, acceptance::unknown).with_posts(1).beneath(row.submit_code);
        case submit_rule::not_executed:
            if (contract && !once)
                return expected::failed(api_errc::unavailable, acceptance::rejected).with_posts(2);
            break;
        }
        if (contract && once)
            return expected::success().with_posts(2);
        return expected::failed(unknown, acceptance::unknown)
            .with_posts(contract ? 2 : 1)
            .beneath(row.submit_code);
    }
    if (what == operation::status) {
        int const more = reused && row.is_lost ? 1 : 0;
        switch (row.of_question) {
        case question_rule::taken:
            return expected::success().with_gets(1);
        case question_rule::again:
            return once ? expected::success().with_gets(2)
                        : expected::failed(row.question_code).with_gets(4 + more);
        case question_rule::final:
            return expected::failed(row.question_code).with_gets(1);
        }
    }
    // A wait outlives every answer but a few.
    if (row.of_question == question_rule::taken)
        return expected::success().with_gets(1);
    if (row.wait_code)
        return expected::failed(row.wait_code);
    bool const outlived =
        row.question_code == errc::protocol_error || row.question_code == errc::task_not_found;
    bool const no_answer = row.question_code == apimart::condition::transport &&
                           row.question_code != errc::response_too_large && !outlived;
    if (row.of_question == question_rule::final && no_answer)
        return expected::failed(row.question_code).with_gets(1);
    if (once)
        return expected::success().with_gets(2);
    // One odd answer may be a mistake; several in a row are none.
    if (row.of_question == question_rule::final && !outlived)
        return expected::failed(row.question_code).with_gets(4);
    return expected::failed(errc::wait_timeout);
}

inline std::unique_ptr<cell> make_cell(answer_row const& row, operation what, bool contract, bool reused,
                                       bool once)
{
    auto const service =
        std::make_shared<breaking_service>(row.fault, contract, row.charges, once ? 1 : always);
    std::string name = row.id + " " + row.how + "; " + std::string(word_for(what));
    name.append(contract ? ", keys honoured" : ", no contract").append(reused ? ", reused" : ", fresh");
    name.append(once ? ", once" : ", always");
    auto made = std::make_unique<cell>(std::move(name), what, service->config(),
                                       must_be(row, what, contract, reused, once));
    made->config.idempotency = contract ? apimart::idempotency::supported : apimart::idempotency::none;
    if (row.settings)
        row.settings(made->config);
    made->reused = reused;
    made->ledger = service->ledger;
    made->consumed = [service] { return service->struck() > 0; };
    made->other_side = service;
    if (what == operation::wait && made->must.code == errc::wait_timeout)
        made->wait_limit = 300ms;
    return made;
}

/// A row's cells: each operation, with and without a contract, on a fresh and on a kept connection, for a fault that
/// passes and for one that stays.
inline void add_cells(cell_plans& to, answer_row const& row)
{
    auto const add = [&](operation what, bool contract, bool reused, bool once) {
        to.push_back([=] { return make_cell(row, what, contract, reused, once); });
    };
    for (bool const reused : {false, true}) {
        for (bool const once : {true, false}) {
            if (row.for_submits) {
                add(operation::submit, false, reused, once);
                add(operation::submit, true, reused, once);
            }
            if (row.for_questions) {
                add(operation::status, false, reused, once);
                if (!reused)
                    add(operation::wait, false, reused, once);
            }
        }
    }
}

} // namespace fault_tests
