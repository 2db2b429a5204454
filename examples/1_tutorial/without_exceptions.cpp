// The same operations without exceptions: `as_result()` gives a value or everything that is known about the failure.

#include "../example_service.hpp"

//! [as_result]
asio::awaitable<bool> fetch(client& service, any_request request, std::string path)
{
    result<task_result> done = co_await service.generate(request, as_result());
    if (!done) {
        std::cerr << done.error().describe() << '\n';
        co_return false;
    }
    if (!done->succeeded()) {
        std::cerr << done->error().text() << '\n';
        co_return false;
    }
    result<std::uint64_t> size =
        co_await service.download(done->video(), path, {.overwrite = true}, as_result());
    if (!size) {
        std::cerr << size.error().describe() << '\n';
        co_return false;
    }
    std::cout << path << ": " << *size << " bytes\n";
    co_return true;
}
//! [as_result]

asio::awaitable<void> fetch_corgi(client service)
{
    // The only exceptions left are those of the language, such as std::bad_alloc.
    bool const is_there =
        co_await fetch(service, text_to_video<kling_3_0_turbo>("A corgi running on the beach"), "corgi.mp4");
    std::cout << (is_there ? "well\n" : "not well\n");
}

int main()
{
    return run_example(fetch_corgi);
}
