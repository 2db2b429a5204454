// A video from a picture on this machine: it is uploaded, its link is ordered with, and the video is fetched.

#include "../example_service.hpp"

#include <cstdint>
#include <fstream>
#include <string>

//! [upload]
void show(transfer_progress sent)
{
    std::cout << sent.bytes << " of " << sent.total.value() << " bytes have left\n";
}

asio::awaitable<void> animate(client service)
{
    // `generate` takes `image_file(picture)` as it is; this is for those who use a link more than once.
    uploaded_image link = co_await service.upload("corgi.gif", {.on_progress = show});
    std::cout << link.content_type() << " of " << link.bytes() << " bytes is at the service\n";
    task_result done = co_await service.generate(image_to_video<kling_v3>("the corgi runs", link));
    std::uint64_t size = co_await service.download(done.video(), "corgi.gif.mp4", {.overwrite = true});
    std::cout << "corgi.gif.mp4: " << size << " bytes\n";
}
//! [upload]

int main()
{
    // A picture of nothing, for the service looks no further than its first bytes.
    std::ofstream("corgi.gif") << "GIF89a, and nothing more, because it is an example";
    return run_example(animate);
}
