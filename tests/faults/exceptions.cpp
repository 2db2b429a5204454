// F56: a caller's handler, or an observer, that throws.
#include "fault_table.hpp"

using namespace fault_tests;

namespace {

class deliberate : public std::exception
{};

// Runs a context to its end, over every exception that a handler lets out of it. Gives their number.
int run_over_exceptions(asio::io_context& context)
{
    int thrown = 0;
    context.restart();
    for (;;) {
        try {
            context.run_for(guard);
            if (!context.stopped())
                FAIL("operations did not end");
            return thrown;
        } catch (deliberate const&) {
            ++thrown;
        }
    }
}

class thrower
{
public:
    explicit thrower(int& calls) : calls_(calls) {}
    template <class T>
    void operator()(apimart::result<T> const&) const
    {
        ++calls_;
        throw deliberate();
    }

private:
    int& calls_;
};

} // namespace

TEST_CASE("faults: F56 a handler that throws leaves `run`, and everything else goes on")
{
    bench b;
    auto config = b.config();
    config.limits.max_concurrent_submits = 1;
    apimart::client user(b.context, config);
    apimart::task const bought = b.submitted(user, corgi());
    int calls = 0;
    recorder<apimart::task> submitted;
    recorder<apimart::task_state> asked;
    recorder<apimart::task_result> waited;
    recorder<apimart::task_result> generated;
    auto const throwing = apimart::as_result(thrower(calls));
    user.submit(corgi(), throwing);
    user.submit(corgi(), submitted.token());
    user.status(bought, throwing);
    user.status(bought, asked.token());
    // Both end in the same moment.
    user.wait(bought, throwing);
    user.wait(bought, waited.token());
    user.generate(refused_request(), throwing);
    user.generate(corgi(), generated.token());
    CHECK(run_over_exceptions(b.context) == 4);
    CHECK(calls == 4);
    CHECK(submitted.outcome().has_value());
    CHECK(asked.outcome().has_value());
    CHECK(waited.outcome().has_value());
    CHECK(generated.outcome().has_value());
    CHECK(b.accepted() == 4);

    // As the last there is, too: nothing may keep the context from running out of work.
    user.submit(corgi(), throwing);
    CHECK(run_over_exceptions(b.context) == 1);
    asio::cancellation_signal signal;
    user.status(bought, apimart::as_result(asio::bind_cancellation_slot(signal.slot(), thrower(calls))));
    asio::post(b.context, [&] { signal.emit(asio::cancellation_type::terminal); });
    CHECK(run_over_exceptions(b.context) == 1);
    recorder<apimart::task_state> later;
    user.status(bought, later.token());
    CHECK(run_over_exceptions(b.context) == 0);
    CHECK(later.outcome().has_value());
    CHECK(user.metrics().requests_in_flight == 0);
    CHECK(user.metrics().tasks_waiting == 0);

    user.shutdown(throwing);
    CHECK(run_over_exceptions(b.context) == 1);
    recorder<apimart::shutdown_report> again;
    user.shutdown(again.token());
    CHECK(run_over_exceptions(b.context) == 0);
    CHECK(again.outcome().has_value());
    CHECK(b.accepted() == 5);
    ++cells_checked();
}

TEST_CASE("faults: F56 an observer that throws is told everything all the same, and disturbs nothing")
{
    bench b;
    auto config = b.config();
    int told = 0;
    auto const throwing = [&](auto const&) {
        ++told;
        throw deliberate();
    };
    config.observer.on_attempt = throwing;
    config.observer.on_retry = throwing;
    config.observer.on_operation = throwing;
    config.observer.on_connection = throwing;
    config.observer.on_task = throwing;
    config.observer.on_backpressure = throwing;
    apimart::client user(b.context, config);
    recorder<apimart::task_result> got;
    user.generate(corgi(), got.token());
    CHECK(run_over_exceptions(b.context) == 0);
    CHECK(got.outcome().has_value());
    // At the least: connected, a submit's attempt, a poll, the task's state, the end.
    CHECK(told >= 5);
    CHECK(b.accepted() == 1);
    ++cells_checked();
}
