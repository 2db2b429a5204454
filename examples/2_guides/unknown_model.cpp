// A model or a field that is newer than this library. Nothing but the model's id is checked then; what the service says
// about it is the only judgement. (The id here is one that the emulator knows.)

#include "../example_service.hpp"

//! [unknown]
asio::awaitable<void> corgi(client service)
{
    any_request request =
        custom_model("kling-v3", {{"prompt", "A corgi running on the beach"}, {"duration", 5}});
    task_result done = co_await service.generate(request);
    std::cout << request.model() << ": " << to_string(done.status()) << '\n';

    // A field that the tables do not know goes beside those that they know, and those are still judged.
    any_request extended =
        text_to_video<kling_v3>("A corgi").duration(5s).extra_field("newer_than_the_tables", true);
    std::cout << extended.serialize() << '\n';

    // What the service itself says that a model accepts.
    model_schema published = co_await service.schema("kling-v3");
    std::cout << "the service's schema has version " << published.version() << '\n';
}
//! [unknown]

int main()
{
    return run_example(corgi);
}
