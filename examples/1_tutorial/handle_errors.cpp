// What can go wrong with a request, and what to do about each: it was refused before it was sent, by the service, or
// it was accepted and then failed. Each failure says what is proved about the money.

#include "../example_service.hpp"

//! [what_to_do]
// What a program may do after a failure; nobody has to guess whether something was bought.
std::string what_to_do(error_info const& why)
{
    if (why.acceptance() == acceptance::unknown)
        return "look it up before sending it again, its key is " + why.idempotency_key();
    if (why.acceptance() == acceptance::accepted)
        return "bought, wait again for " + why.task_id();
    // From here on nothing was bought.
    if (why.code() == condition::invalid_request)
        return "change the request";
    if (why.code() == condition::content_rejected)
        return "change the words or the pictures";
    if (why.code() == condition::payment_required)
        return "add credit";
    if (why.code() == condition::unauthorized)
        return "look at the key";
    if (why.code() == condition::retryable)
        return "send it again later";
    return "tell somebody";
}
//! [what_to_do]

//! [exceptions]
asio::awaitable<void> make(client& service, any_request request)
{
    try {
        task_result done = co_await service.generate(request, {.timeout = 10min});
        // A task that failed at the service is an outcome, not an exception; it is not charged.
        if (done.succeeded())
            std::cout << "made\n";
        else
            std::cout << "the service gave up: " << done.error().text() << '\n';
    } catch (apimart::error const& e) {
        std::cout << e.info().describe() << "\n  -> " << what_to_do(e.info()) << '\n';
    }
}
//! [exceptions]

asio::awaitable<void> try_all(client service)
{
    std::chrono::seconds from_a_form(99);
    co_await make(service, text_to_video<kling_v3>("a cat").duration(runtime(from_a_form)));
    co_await make(service, text_to_video<kling_v3>("a cat without credit"));
    co_await make(service, text_to_video<kling_v3>("a cat [fail]"));
    co_await make(service, text_to_video<kling_v3>("a cat whose answer is lost"));
    co_await make(service, text_to_video<kling_v3>("a cat"));
}

int main()
{
    return run_example(try_all, R"({"faults": [
        {"on": "submit", "status": 402, "message": "insufficient balance"},
        {"on": "submit", "skip": 1, "do": "reset", "when": "accepted"}]})");
}
