// Many requests, a bounded number of them under way, each reported as it ends. What fails for one says nothing about the others;
// what says that no other would be taken either stops the buying, for one stated reason.

#include "../example_service.hpp"

#include <ranges>
#include <string>

asio::awaitable<void> make_all(client service)
{
    //! [many]
    auto const takes = std::views::iota(1, 31) | std::views::transform([](int take) {
                           return text_to_video<kling_3_0_turbo>("A corgi, take " + std::to_string(take));
                       });
    batch_options options;
    options.max_in_flight = 8;
    batch corgis(service, options);
    corgis.start(takes); // read one by one, as there is room
    while (std::optional<batch_outcome> outcome = co_await corgis.next())
        if (!outcome->succeeded())
            std::cout << outcome->index << ": " << outcome->describe() << '\n';
    batch_progress const end = corgis.progress();
    if (end.stopped)
        std::cout << "nothing more was bought: " << end.stopped->words << '\n';
    //! [many]
    std::cout << end.count(batch_end::succeeded) << " of 30 made\n";
}

int main()
{
    return run_example(make_all);
}
