// A download that shows how far it is. A transfer that is cut goes on where it ended; here the first connection that brings
// the file is cut in the middle.

#include "../example_service.hpp"

#include <cstdint>
#include <string>

//! [progress]
asio::awaitable<void> fetch(client service)
{
    task_result done =
        co_await service.generate(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    int shown = -1;
    // It has a name, because the options of a call only refer to it; it must not block.
    auto show = [&shown](transfer_progress now) {
        if (int const percent = now.total ? static_cast<int>(100 * now.bytes / *now.total) : 0;
            percent / 25 > shown / 25) {
            shown = percent;
            std::cout << "corgi.mp4: " << percent << " %\n";
        }
    };
    std::uint64_t bytes =
        co_await service.download(done.video(), "corgi.mp4", {.overwrite = true, .on_progress = show});
    std::cout << "corgi.mp4: " << bytes << " bytes\n";
}
//! [progress]

int main()
{
    return run_example(fetch, R"({"file_bytes": 1000000, "faults": [
        {"on": "file", "do": "cut", "when": "reply", "bytes": 400000}]})");
}
