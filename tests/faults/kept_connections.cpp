// A kept connection is looked at before every submit: nothing that the peer did behind its last answer may cost an
// outcome, or give one request the answer of another.
#include "fault_table.hpp"

#include <set>
#include <tuple>

using namespace fault_tests;

namespace {

constexpr int submits_in_a_row = 40;

// Each request is answered with a task that is called after its key.
std::string task_for(std::string const& request)
{
    constexpr std::string_view name = "Idempotency-Key: ";
    auto const at = request.find(name) + name.size();
    return "task_" + request.substr(at, request.find('\r', at) - at);
}

// Submits one after another, each in the handler of the one before it.
class chain
{
public:
    chain(apimart::client& by, int count) : user_(by), left_(count) {}

    void start()
    {
        user_.submit(corgi(), apimart::as_result([this](apimart::result<apimart::task> got) {
                         if (between)
                             between();
                         if (!got) {
                             failures.push_back(got.error().describe());
                         } else if (got->id() != "task_" + got->idempotency_key()) {
                             ++of_others;
                         } else {
                             ++own;
                         }
                         if (--left_ > 0)
                             start();
                     }));
    }
    bool done() const { return left_ == 0; }

    /// Called in each handler, before the next submit.
    std::function<void()> between;
    int own = 0;
    int of_others = 0;
    std::vector<std::string> failures;

private:
    apimart::client& user_;
    int left_;
};

// What the peer sends in one segment with its answer, and what it does behind it.
struct habit
{
    std::string name;
    std::function<void(peer&, std::string const& answer)> play;
    bool counts_as_unsolicited;
};

void check(habit const& each, scripted_server::security how)
{
    CAPTURE(each.name);
    CAPTURE(how == scripted_server::security::tls);
    std::set<std::string> bought;
    std::mutex mutex;
    scripted_server server(how, [&](peer& with) {
        for (;;) {
            std::string const text = with.request();
            std::string const task = task_for(text);
            {
                std::lock_guard const lock(mutex);
                CHECK_MESSAGE(bought.insert(task).second, "bought twice");
            }
            // In one piece: when the client has the answer, it has the rest as well.
            with.hold(true);
            each.play(with, answer_text(200, accepted_body(task)));
            if (!with.socket().is_open())
                return;
            with.hold(false);
        }
    });
    asio::io_context context;
    auto config = server.config();
    config.tls.use_system_ca(false);
    config.limits.connects_per_second = 10'000;
    apimart::client user(context, config);
    chain all(user, submits_in_a_row);
    all.start();
    run_until(context, [&] { return all.done(); });
    CHECK(all.own == submits_in_a_row);
    CHECK(all.of_others == 0);
    CHECK(all.failures.empty());
    if (!all.failures.empty())
        MESSAGE(all.failures.size() << " times: " << all.failures.front());
    CHECK(bought.size() == submits_in_a_row);
    CHECK(server.count("POST ") == submits_in_a_row);
    auto const seen = user.metrics();
    CHECK(seen.outcomes_unknown == 0);
    CHECK(seen.retries == 0);
    CHECK(server.connections() == submits_in_a_row);
    ++cells_checked();
}

habit ends(ending how)
{
    return {"the answer, then " + std::string(word_for(how)),
            [how](peer& with, std::string const& answer) {
                with.write(answer);
                end(with, how);
            },
            false};
}

habit adds(std::string name, std::string surplus, bool in_one_record)
{
    return {name + (in_one_record ? ", in the record of the answer" : ", in a record of its own"),
            [surplus = std::move(surplus), in_one_record](peer& with, std::string const& answer) {
                if (in_one_record) {
                    with.write(answer + surplus);
                } else {
                    with.write(answer);
                    with.write(surplus);
                }
            },
            true};
}

} // namespace

TEST_CASE(
    "faults: a server that ends each connection right behind its answer, unannounced, costs no submit its "
    "outcome")
{
    for (ending const how : {ending::close, ending::cut})
        check(ends(how), scripted_server::security::tls);
    check(ends(ending::cut), scripted_server::security::plain);
}

TEST_CASE("faults: a connection with a byte too many behind an answer is dropped, and no answer is another's")
{
    std::string const whole = answer_text(200, accepted_body("task_of_another"));
    for (bool const in_one_record : {true, false}) {
        for (auto const& [name, surplus] :
             {std::pair<std::string, std::string>("a second answer", whole),
              std::pair<std::string, std::string>("two more answers", whole + whole),
              std::pair<std::string, std::string>("half an answer", whole.substr(0, 30)),
              std::pair<std::string, std::string>("an empty line", "\r\n"),
              std::pair<std::string, std::string>("one letter", "H"),
              std::pair<std::string, std::string>("an interim answer", "HTTP/1.1 100 Continue\r\n\r\n")})
            check(adds(name, surplus, in_one_record), scripted_server::security::tls);
    }
    check(adds("a second answer", whole, true), scripted_server::security::plain);
    check(adds("one letter", "H", true), scripted_server::security::plain);
}

// What comes behind an answer is there before the handler of that answer submits again, but came after the answer had
// been read.
TEST_CASE(
    "faults: what arrives between an answer and the next submit of its own handler is seen, however soon")
{
    constexpr int in_own_handler = 15;
    std::vector<std::pair<std::string, std::function<void(peer&)>>> const late{
        {"a second answer",
         [](peer& with) { with.write(answer_text(200, accepted_body("task_of_another"))); }},
        {"one letter", [](peer& with) { with.write("H"); }},
        {"close_notify", [](peer& with) { with.close(); }},
        {"FIN", [](peer& with) { with.cut(); }},
        {"RST", [](peer& with) { with.reset(); }},
    };
    for (auto const how : {scripted_server::security::tls, scripted_server::security::plain}) {
        CAPTURE(how == scripted_server::security::tls);
        for (auto const& [name, play] : late) {
            CAPTURE(name);
            std::atomic<int> replies = 0;
            std::atomic<int> answered = 0;
            std::atomic<int> struck = 0;
            std::atomic<bool> over = false;
            scripted_server server(how, [&](peer& with) {
                std::string text = with.request();
                int const turn = ++replies;
                with.write(answer_text(200, accepted_body(task_for(text))));
                wait_until([&] { return answered >= turn || over; });
                play(with);
                if (with.socket().is_open())
                    with.wait_until_delivered();
                ++struck;
                // A client that takes this connection again gets this far, and should not.
                while (with.socket().is_open()) {
                    text = with.request();
                    ++replies;
                    ++struck;
                    with.write(answer_text(200, accepted_body(task_for(text))));
                }
            });
            raised_at_end const end_of_server(over);
            asio::io_context context;
            auto config = server.config();
            config.tls.use_system_ca(false);
            config.limits.connects_per_second = 10'000;
            apimart::client user(context, config);
            chain all(user, in_own_handler);
            all.between = [&] {
                int const turn = ++answered;
                auto const give_up = cell::clock::now() + 1s;
                while (struck < turn && cell::clock::now() < give_up)
                    std::this_thread::yield();
            };
            all.start();
            run_until(context, [&] { return all.done(); });
            CHECK(all.own == in_own_handler);
            CHECK(all.of_others == 0);
            if (!all.failures.empty())
                MESSAGE(all.failures.size() << " times: " << all.failures.front());
            CHECK(server.connections() == in_own_handler);
            CHECK(user.metrics().outcomes_unknown == 0);
            ++cells_checked();
        }
    }
}
