// One submit under any history: what the network does, what the service answers, how long it takes, how the clocks
// run, when the caller gives up. Whatever happens, money is spent once: after a request that may have bought, nothing
// is sent unless the caller declared that the service honours the key, and then only under it and while it is
// remembered; no proof is claimed that there is not; and doubt is never worth a retry.
//
// The first line chooses the policy, each further line is what becomes of one request.

#include "target.hpp"

#include <apimart/policy/retry_budget.hpp>
#include <apimart/policy/submit_machine.hpp>
#include <apimart/text/utf8.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;
using action = submit_machine::action;
using clock_type = submit_machine::clock;
using fuzz::require;

// Bodies the service may send, and the id they name, if any. What they mean under a status is said in `truth_of`.
struct body_row
{
    std::string_view text;
    std::string_view id = {};
    int inner = 0; // the code inside
};

constexpr body_row bodies[] = {
    {R"({"code":200,"data":[{"status":"submitted","task_id":"task_1"}]})", "task_1", 200},
    {R"({"code":200,"data":[{"task_id":"task_1"},{"task_id":"task_2"}]})", "task_1", 200},
    {R"({"code":200,"data":[]})", "", 200},
    {R"({"code":400,"message":"no"})", "", 400},
    {R"({"code":400,"message":"no","data":{"task_id":"task_1"}})", "task_1", 400},
    {R"({"code":429,"message":"slow"})", "", 429},
    {R"({"code":500,"message":"no"})", "", 500},
    {R"({"error":{"code":"idempotency_in_progress"}})"},
    {R"({"error":{"code":"idempotency_in_progress"},"data":{"task_id":"task_1"}})", "task_1"},
    {R"({"error":{"code":"idempotency_unavailable"}})"},
    {R"({"error":{"code":"idempotency_unavailable"},"data":{"id":"task_1"}})", "task_1"},
    {R"({"error":{"code":"idempotency_key_reused"}})"},
    {R"({"error":{"code":"idempotency_result_indeterminate"}})"},
    {R"({"error":{"code":"insufficient_quota","type":"rate_limit_error","message":"empty"}})"},
    {R"({"error":{"code":429,"message":"slow","type":"rate_limit_error"},"retry_after":3})", "", 429},
    {R"({"error":{"message":"no"},"task_id":"task_1"})", "task_1"},
    {R"({"id":"request_1","error":{"message":"no"}})"},
    {"{}"},
    {"null"},
    {""},
    {"<html>Bad gateway</html>"},
    {R"({"code":200,"data":[{"task_id":"task)"},
};

constexpr int statuses[] = {200, 201, 202, 204, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404,
                            405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 418, 421, 422, 425,
                            429, 451, 499, 500, 501, 502, 503, 504, 520, 522, 524, 599, 600, 999};

constexpr std::string_view pauses[] = {"",
                                       "0",
                                       "1",
                                       "7",
                                       "119",
                                       "120",
                                       "121",
                                       "86400",
                                       "99999999999999999999",
                                       "-1",
                                       "soon",
                                       "Sun, 06 Nov 1994 08:49:37 GMT",
                                       "Fri, 31 Dec 9999 23:59:59 GMT"};

enum class truth
{
    nothing,        // the service cannot have bought anything for this request
    refused,        // nor has it, by its own word
    bought,         // it has, and says the one id
    maybe,          // nobody can tell
    not_by_contract // it says that it did nothing, which is worth something only where the key is honoured
};

// By the reference of the service and the rules for what proves that nothing was bought; not by the library's tables.
truth truth_of(http_result const& outcome, body_row const& body)
{
    if (outcome.phase < request_phase::committed || outcome.session_refused)
        return truth::nothing;
    if (outcome.phase == request_phase::committed)
        return truth::maybe;
    int status = outcome.response.status;
    bool const success = status >= 200 && status <= 299;
    if (success && body.inner >= 300)
        status = body.inner;
    if (status >= 200 && status <= 299)
        return !body.id.empty() && body.text.find("task_2") == std::string_view::npos ? truth::bought
                                                                                      : truth::maybe;
    if (!body.id.empty())
        return truth::maybe;
    constexpr std::array refusals{301, 302, 307, 308, 400, 401, 402, 403, 404,
                                  405, 406, 411, 413, 414, 415, 422, 429};
    if (std::find(refusals.begin(), refusals.end(), status) != refusals.end())
        return truth::refused;
    if (status == 409 && body.text.find("key_reused") != std::string_view::npos)
        return truth::refused;
    if (status == 503 && body.text.find("idempotency_unavailable") != std::string_view::npos)
        return truth::not_by_contract;
    return truth::maybe;
}

class history
{
public:
    explicit history(fuzz::choices policy) : options_(read(policy)), machine_(options_, "key-1")
    {
        next_ = machine_.start(now_);
        check();
    }

    bool goes_on() const { return next_ != action::finish; }

    void put(fuzz::choices line)
    {
        // Before it is sent there may be a pause, and a turn that comes late, perhaps after a sleep of the machine.
        while (next_ == action::pause) {
            if (line.below(20) == 19)
                return stop();
            now_ += machine_.delay() + std::chrono::milliseconds(line.below(3) * 500);
            jump_ += jumps[line.below(std::size(jumps))];
            next_ = machine_.resume(now_, wall());
            check();
        }
        if (next_ != action::send)
            return;
        if (line.below(30) == 29)
            return stop();

        body_row const* body = &bodies[0];
        http_result const outcome = read_outcome(line, body);
        clock_type::time_point const begun = outcome.begun.value_or(now_);
        require(options_.contract == idempotency::supported || doubts_ == 0,
                "nothing follows a request that may have bought");
        if (doubts_ > 0) {
            require(machine_.key() == "key-1", "only the same key travels again");
            std::chrono::milliseconds const window = std::chrono::milliseconds(std::min<std::chrono::seconds>(
                                                         options_.retry.idempotency_key_ttl, 24h * 3650)) *
                                                     9 / 10;
            require(now_ - first_doubt_ < window, "a key does not travel when it may be forgotten");
            require(wall() - first_doubt_wall_ <= window + 2s, "nor after a sleep in which it was forgotten");
        }
        if (options_.deadline)
            require(now_ < *options_.deadline, "nothing is sent behind the time limit");
        now_ += std::chrono::milliseconds(line.below(10)) * (line.yes() ? 1 : 7000);
        jump_ += jumps[line.below(std::size(jumps))];
        ++sent_;
        last_ = truth_of(outcome, *body);
        bool const cut = outcome.phase != request_phase::answered && line.below(10) == 9;
        next_ = cut ? machine_.stopped(outcome, make_error_code(errc::shutting_down))
                    : machine_.on_response(outcome, now_, wall());
        refused_ = refused_ || last_ == truth::refused || last_ == truth::not_by_contract;
        if (last_ == truth::maybe ||
            (last_ == truth::not_by_contract && options_.contract == idempotency::none)) {
            if (doubts_++ == 0) {
                first_doubt_ = begun;
                first_doubt_wall_ = wall() - std::chrono::floor<std::chrono::seconds>(now_ - begun);
            }
        }
        require(last_ != truth::bought || next_ == action::finish, "nothing follows a task");
        check();
    }

private:
    static constexpr std::chrono::seconds jumps[] = {0s, 0s, 0s, 1s, 300s, 86'400s, -86'400s};

    submit_machine::options read(fuzz::choices& in)
    {
        submit_machine::options o;
        o.contract = in.yes() ? idempotency::supported : idempotency::none;
        o.seed = in.below(10);
        constexpr std::chrono::seconds windows[] = {86'400s, 0s, 1s, 300s, std::chrono::seconds::max()};
        o.retry.idempotency_key_ttl = windows[in.below(std::size(windows))];
        constexpr std::chrono::seconds longest[] = {120s, 0s, std::chrono::seconds::max()};
        o.retry.max_retry_after = longest[in.below(std::size(longest))];
        o.retry.max_retries = static_cast<int>(in.below(5));
        o.retry.max_resends = static_cast<int>(in.below(6));
        o.retry.max_rate_limit_retries = static_cast<int>(in.below(6));
        if (unsigned const seconds = in.below(10); seconds != 0)
            o.deadline = now_ + std::chrono::seconds(seconds * seconds * seconds);
        if (unsigned const tokens = in.below(10); tokens != 0) {
            retry_policy few = o.retry;
            few.budget = static_cast<int>(tokens * tokens);
            o.budget = &budget_.emplace(few);
        }
        return o;
    }

    http_result read_outcome(fuzz::choices& in, body_row const*& body)
    {
        auto const phase = static_cast<request_phase>(in.below(4));
        http_result out(phase, {});
        out.reused = in.yes();
        out.bytes_sent = phase == request_phase::connecting ? 0 : 355;
        if (in.yes())
            out.begun = now_ + std::chrono::milliseconds(in.below(4));
        if (phase == request_phase::answered) {
            // Two choices, since a character alone has too few.
            out.response.status = statuses[(in.below(10) * 10 + in.below(10)) % std::size(statuses)];
            body = &bodies[(in.below(10) * 10 + in.below(10)) % std::size(bodies)];
            out.response.body = body->text;
            out.response.retry_after = pauses[in.below(std::size(pauses))];
            return out;
        }
        auto const& rows = errc_table::rows;
        out.error = make_error_code(
            static_cast<errc>(rows[(in.below(10) * 10 + in.below(10)) % std::size(rows)].number()));
        out.session_refused = phase == request_phase::committed && in.below(4) == 3;
        if (in.below(4) == 3)
            out.underlying = make_error_code(api_errc::other);
        out.partial = in.rest().substr(0, 40);
        return out;
    }

    std::chrono::sys_seconds wall() const
    {
        return std::chrono::sys_seconds(std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch())) +
               jump_;
    }

    void stop()
    {
        next_ = machine_.stopped(make_error_code(errc::shutting_down));
        check();
    }

    void check()
    {
        require(!budget_ || budget_->left() >= 0, "a budget is not overdrawn");
        if (next_ == action::pause) {
            require(doubts_ == 0 || options_.contract == idempotency::supported,
                    "doubt is not waited out for nothing");
            require(machine_.in_doubt() == (doubts_ > 0), "it is known what a pause is about");
            require(bool(machine_.pending().code()), "a pause has a reason");
            require(machine_.delay() >= 0ms, "pauses are not negative");
            require(!options_.deadline || now_ + machine_.delay() < *options_.deadline, "pauses end in time");
            auto const limit =
                std::max<std::chrono::milliseconds>({options_.retry.max_backoff, 40s,
                                                     std::chrono::milliseconds(std::min<std::chrono::seconds>(
                                                         options_.retry.max_retry_after, 366 * 24h))});
            require(machine_.delay() <= limit, "no pause is longer than the policy says");
        }
        if (next_ != action::finish)
            return;
        if (machine_.outcome()) {
            require(last_ == truth::bought && *machine_.outcome() == "task_1",
                    "a task was bought by this answer");
            return;
        }
        error_info const& end = machine_.outcome().error();
        require(last_ != truth::bought || sent_ == 0, "a task that was bought is told");
        if (doubts_ > 0) {
            require(end.acceptance() == acceptance::unknown && end.code() == errc::outcome_unknown,
                    "doubt is told");
            require(!(end.code() == condition::retryable), "doubt is not worth a retry");
        } else if (end.acceptance() == acceptance::rejected) {
            require(refused_, "a refusal was heard");
        } else {
            require(end.acceptance() == acceptance::not_sent, "what is proved is told");
        }
        require(end.idempotency_key() == "key-1", "the key is told");
        require(static_cast<int>(end.attempts().size()) == sent_, "every request is told");
        std::string const told = end.describe();
        require(scan_utf8(told).valid() && told.size() < 8000, "a failure can be shown");
    }

    clock_type::time_point now_{1000h};
    std::chrono::seconds jump_{0};
    std::optional<retry_budget> budget_;
    submit_machine::options options_;
    submit_machine machine_;
    action next_ = action::finish;

    int sent_ = 0;
    int doubts_ = 0;
    bool refused_ = false;
    truth last_ = truth::nothing;
    clock_type::time_point first_doubt_;
    std::chrono::sys_seconds first_doubt_wall_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), size});
    history one(fuzz::choices(in.line()));
    // What goes on for ever comes to an end: when the lines are used up, they stay empty.
    for (int requests = 0; one.goes_on(); ++requests) {
        require(requests < 60, "a submit ends");
        one.put(fuzz::choices(in.line()));
    }
    return 0;
}
