// A task with more than one video: all into numbered files, or one of them into memory.

#include "../example_service.hpp"

#include <string>
#include <vector>

//! [several]
asio::awaitable<void> fetch(client service)
{
    task_result done = co_await service.generate(
        text_to_video<veo_3_1_fast_official>("two cats on a roof").duration(8s).sample_count(3));
    std::cout << done.videos().size() << " videos\n";
    std::vector<std::string> paths = co_await service.download_all(done, "cats.mp4", {.overwrite = true});
    for (std::string const& path : paths)
        std::cout << path << '\n';

    // What a program hands on need not touch the disk; the limit is for files that are larger than anybody expects.
    std::string bytes = co_await service.download(done.videos().back(), into_memory(64 << 20));
    std::cout << "the last one in memory: " << (bytes.empty() ? "nothing" : "whole") << '\n';
}
//! [several]

int main()
{
    return run_example(fetch);
}
