// Results on their way into a file: complete or not there at all, from where they are allowed to come.
#include "download_fixture.hpp"

#include <sys/stat.h>

using namespace client_tests;
using namespace apimart;

TEST_CASE("client download: the bytes are the service's, whatever the size")
{
    for (std::string const size : {"0", "65536", "65537", "1000000"}) {
        CAPTURE(size);
        bench b(R"({"file_bytes":)" + size + "}");
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        scratch_folder folder;
        recorder<std::uint64_t> first;
        recorder<std::uint64_t> second;
        user.download(done.video(), folder / "a.mp4", first.token());
        b.run();
        user.download(done.video(), folder / "b.mp4", second.token());
        b.run();
        std::string const bytes = bytes_of(folder / "a.mp4");
        CHECK(first.value() == bytes.size());
        CHECK(bytes.starts_with(apimart::testing::sample_video()));
        if (size != "0")
            CHECK(bytes.size() == std::stoul(size));
        CHECK(bytes == bytes_of(folder / "b.mp4"));
        CHECK(folder.names() == std::set<std::string>{"a.mp4", "b.mp4"});
        CHECK(b.booked("authorization_leaks") == 0);
        CHECK(b.booked("downloads") == 2);
    }
}

TEST_CASE("client download: every sample of a request for several has its own file")
{
    bench b;
    client user = b.make_client();
    task_result const done =
        b.finished(user, text_to_video<veo_3_1_fast_official>("a retriever").duration(8s).sample_count(3));
    REQUIRE(done.videos().size() == 3);
    scratch_folder folder;
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(done.videos()[i].index() == i);
        recorder<std::uint64_t> size;
        user.download(done.videos()[i], folder / std::to_string(i), size.token());
        b.run();
        CHECK(size.value() > 0);
    }
    CHECK(folder.names().size() == 3);
}

TEST_CASE("client download: an existing file is left alone unless overwriting is asked for")
{
    bench b;
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    scratch_folder folder;
    std::ofstream(folder / "v.mp4") << "precious";
    recorder<std::uint64_t> refused;
    user.download(done.video(), folder / "v.mp4", refused.token());
    b.run();
    CHECK(refused.why().code() == errc::file_exists);
    CHECK(bytes_of(folder / "v.mp4") == "precious");
    CHECK(b.booked("downloads") == 0);

    recorder<std::uint64_t> replaced;
    user.download(done.video(), folder / "v.mp4", download_options{.overwrite = true}, replaced.token());
    b.run();
    CHECK(replaced.value() > 0);
    CHECK(bytes_of(folder / "v.mp4") == apimart::testing::sample_video());
    CHECK(folder.names() == std::set<std::string>{"v.mp4"});
}

TEST_CASE("client download: a dangling link and a folder in the target's place exist, too")
{
    bench b;
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    scratch_folder folder;
    std::filesystem::create_symlink("/nowhere/at/all", folder / "link.mp4");
    std::filesystem::create_directory(folder / "folder.mp4");
    for (char const* const name : {"link.mp4", "folder.mp4"}) {
        recorder<std::uint64_t> got;
        user.download(done.video(), folder / name, got.token());
        b.run();
        CHECK(got.why().code() == errc::file_exists);
    }
    recorder<std::uint64_t> got;
    user.download(done.video(), folder / "folder.mp4", download_options{.overwrite = true}, got.token());
    b.run();
    CHECK(got.why().code() == errc::file_error);
    // What was fetched is not thrown away because of the last step.
    CHECK(folder.names() ==
          std::set<std::string>{"folder.mp4", "folder.mp4.part", "folder.mp4.part.json", "link.mp4"});
}

TEST_CASE("client download: a file that appears while another is fetched is not replaced")
{
    scratch_folder folder;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        std::ofstream(folder / "v.mp4") << "precious";
        peer.write(ok_head(1000) + clip(1000));
        peer.wait_for_end();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<std::uint64_t> got;
    user.download(video_file("task_1", 0, result_url(server.base_url() + "/v"), {}), folder / "v.mp4",
                  got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::file_exists);
    CHECK(bytes_of(folder / "v.mp4") == "precious");
    CHECK(bytes_of(folder / "v.mp4.part") == clip(1000));
}

TEST_CASE("client download: what cannot be written is a file_error with the reason")
{
    bench b;
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    scratch_folder folder;
    recorder<std::uint64_t> no_folder;
    user.download(done.video(), folder / "missing" / "v.mp4", no_folder.token());
    b.run();
    CHECK(no_folder.why().code() == errc::file_error);
    CHECK(no_folder.why().underlying() == boost::system::errc::no_such_file_or_directory);
    CHECK(no_folder.why().task_id() == done.id());

    // Not through a link that somebody put there.
    std::filesystem::create_symlink(folder / "elsewhere", folder / "v.mp4.part");
    recorder<std::uint64_t> linked;
    user.download(done.video(), folder / "v.mp4", linked.token());
    b.run();
    CHECK(linked.why().code() == errc::file_error);
    CHECK_FALSE(std::filesystem::exists(folder / "elsewhere"));

    if (::geteuid() != 0) {
        std::filesystem::create_directory(folder / "read_only");
        std::filesystem::permissions(folder / "read_only",
                                     std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
        recorder<std::uint64_t> unwritable;
        user.download(done.video(), folder / "read_only" / "v.mp4", unwritable.token());
        b.run();
        CHECK(unwritable.why().code() == errc::file_error);
        CHECK(unwritable.why().underlying() == boost::system::errc::permission_denied);
    }
    CHECK(b.booked("downloads") == 0);
}

TEST_CASE("client download: a transfer that breaks off goes on where it ended")
{
    std::string const bytes = clip(200'000);
    for (std::size_t const cut : {std::size_t{1}, std::size_t{400}, std::size_t{65'536}, std::size_t{150'000},
                                  std::size_t{199'999}}) {
        CAPTURE(cut);
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            if (peer.index == 0) {
                peer.write(ok_head(bytes.size()) + bytes.substr(0, cut));
                peer.close();
            } else {
                peer.write(part_head(cut, bytes.size() - 1, std::to_string(bytes.size())) +
                           bytes.substr(cut));
                peer.wait_for_end();
            }
        });
        CHECK(f.size() == bytes.size());
        CHECK(f.bytes() == bytes);
        auto const requests = f.server.requests();
        REQUIRE(requests.size() == 2);
        CHECK(requests[0].find("Range:") == std::string::npos);
        CHECK(requests[1].find("\r\nRange: bytes=" + std::to_string(cut) + "-\r\n") != std::string::npos);
        CHECK(requests[1].find("\r\nIf-Range: \"tag-1\"\r\n") != std::string::npos);
        for (auto const& each : requests)
            CHECK(each.find("Authorization") == std::string::npos);
    }
}

TEST_CASE("client download: the emulator's file is whole after every kind of interruption")
{
    std::string whole;
    for (std::string const fault :
         {R"("do":"close","when":"reply","bytes":300000)", R"("do":"reset","when":"reply","bytes":100000)",
          R"("do":"close","when":"reply","bytes":40,"times":3)", R"("do":"reset","when":"header")",
          R"("status":503,"body":"html")", R"("status":429,"retry_after":0)"}) {
        CAPTURE(fault);
        bench b(R"({"file_bytes":600000,"faults":[{"on":"download",)" + fault + "}]}");
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        scratch_folder folder;
        recorder<std::uint64_t> first;
        user.download(done.video(), folder / "interrupted", first.token());
        b.run();
        CHECK(first.value() == 600'000);
        CHECK(b.booked("faults_consumed") == b.booked("faults_planned"));
        recorder<std::uint64_t> second;
        user.download(done.video(), folder / "straight", second.token());
        b.run();
        CHECK(bytes_of(folder / "interrupted") == bytes_of(folder / "straight"));
    }
}

TEST_CASE("client download: without a strong tag, and where ranges are ignored, it begins again")
{
    std::string const bytes = clip(5'000);
    for (std::string const tag : {"", "W/\"weak\"", "\"tag-1\""}) {
        CAPTURE(tag);
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.write(ok_head(bytes.size(), tag) + bytes.substr(0, peer.index == 0 ? 3'000 : bytes.size()));
            if (peer.index == 0)
                peer.cut();
            else
                peer.wait_for_end();
        });
        CHECK(f.size() == bytes.size());
        CHECK(f.bytes() == bytes);
        REQUIRE(f.server.requests().size() == 2);
        bool const asked_for_a_part = f.server.requests()[1].find("Range:") != std::string::npos;
        CHECK(asked_for_a_part == (tag == "\"tag-1\""));
    }
}

TEST_CASE(
    "client download: a part that is another part, or less than the rest, never ends in the file as it is")
{
    std::string const bytes = clip(1'000);
    SUBCASE("another part")
    {
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            if (peer.index == 0) {
                peer.write(ok_head(bytes.size()) + bytes.substr(0, 400));
                peer.close();
            } else {
                peer.write(part_head(500, 999, "1000") + bytes.substr(500));
                peer.wait_for_end();
            }
        });
        CHECK(f.why().code() == errc::protocol_error);
    }
    SUBCASE("a part that was not asked for")
    {
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.write(part_head(0, 499, "1000") + bytes.substr(0, 500));
            peer.wait_for_end();
        });
        CHECK(f.why().code() == errc::protocol_error);
    }
    SUBCASE("less than the rest, again and again")
    {
        fetch f([&](scripted_server::peer& peer) {
            for (;;) {
                std::string const request = peer.request();
                auto const at = request.find("Range: bytes=");
                if (at == std::string::npos) {
                    peer.write(ok_head(bytes.size()) + bytes.substr(0, 400));
                    peer.cut();
                    return;
                }
                std::size_t const first = std::stoul(request.substr(at + 13));
                std::size_t const last = std::min<std::size_t>(first + 199, 999);
                peer.write(part_head(first, last, "1000") + bytes.substr(first, last - first + 1));
            }
        });
        CHECK(f.size() == bytes.size());
        CHECK(f.bytes() == bytes);
    }
    SUBCASE("a file that has become shorter")
    {
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            if (peer.index == 0) {
                peer.write(ok_head(bytes.size()) + bytes.substr(0, 400));
                peer.close();
            } else if (peer.index == 1) {
                peer.write("HTTP/1.1 416 X\r\nContent-Length: 0\r\nContent-Range: bytes */300\r\n\r\n");
                peer.close();
            } else {
                peer.write(ok_head(300) + bytes.substr(0, 300));
                peer.wait_for_end();
            }
        });
        CHECK(f.size() == 300);
        CHECK(f.bytes() == bytes.substr(0, 300));
        CHECK(f.server.requests()[2].find("Range:") == std::string::npos);
    }
}

TEST_CASE("client download: interruptions without end are reported, and nothing is left behind")
{
    fetch f(
        [&](scripted_server::peer& peer) {
            peer.request();
            peer.write(ok_head(1'000) + clip(1'000).substr(0, 10));
            peer.cut();
        },
        download_options{.max_retries = 3});
    CHECK(f.why().code() == errc::stream_truncated);
    CHECK(f.why().code() == condition::retryable);
    CHECK(f.server.connections() == 4);
}

TEST_CASE("client download: a chunked file is complete with its last chunk only")
{
    std::string const head =
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nTransfer-Encoding: chunked\r\n\r\n";
    fetch whole([&](scripted_server::peer& peer) {
        peer.request();
        peer.write(head + "c\r\n" + clip(12) + "\r\n0\r\n\r\n");
        peer.wait_for_end();
    });
    CHECK(whole.size() == 12);
    fetch broken(
        [&](scripted_server::peer& peer) {
            peer.request();
            peer.write(head + "c\r\n" + clip(12) + "\r\n");
            peer.close();
        },
        download_options{.max_retries = 1});
    CHECK(broken.why().code() == errc::connection_lost);
}

TEST_CASE("client download: a file that ends with the connection counts only with an orderly end of TLS")
{
    std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n";
    for (bool const orderly : {true, false}) {
        fetch f(
            [&](scripted_server::peer& peer) {
                peer.request();
                peer.write(head + clip(500));
                if (orderly)
                    peer.close();
                else
                    peer.cut();
            },
            download_options{.max_retries = 1});
        CHECK(f.got->has_value() == orderly);
        if (!orderly)
            CHECK(f.why().code() == errc::stream_truncated);
    }
}

TEST_CASE("client download: a stalled transfer is cut and goes on")
{
    std::string const bytes = clip(1'000);
    scratch_folder folder;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        if (peer.index == 0)
            peer.write(ok_head(bytes.size()) + bytes.substr(0, 600));
        else
            peer.write(part_head(600, 999, "1000") + bytes.substr(600));
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    config.timeouts.read = 100ms;
    client user(context, config);
    recorder<std::uint64_t> got;
    user.download(video_file("task_1", 0, result_url(server.base_url() + "/v"), {}), folder / "v.mp4",
                  got.token());
    run_to_end(context);
    CHECK(got.value() == bytes.size());
    CHECK(bytes_of(folder / "v.mp4") == bytes);
    CHECK(server.requests()[1].find("Range: bytes=600-") != std::string::npos);
}

TEST_CASE("client download: a transfer that makes progress is not given up, however often it is cut")
{
    std::string const bytes = clip(60'000);
    fetch f(
        [&](scripted_server::peer& peer) {
            std::string const request = peer.request();
            auto const at = request.find("Range: bytes=");
            std::size_t const first = at == std::string::npos ? 0 : std::stoul(request.substr(at + 13));
            std::string const head = at == std::string::npos
                                         ? ok_head(bytes.size())
                                         : part_head(first, bytes.size() - 1, std::to_string(bytes.size()));
            peer.write(head + bytes.substr(first, 2'000 + static_cast<std::size_t>(peer.index % 7) * 100));
            if (first + 2'000 < bytes.size())
                peer.cut();
            else
                peer.wait_for_end();
        },
        download_options{.max_retries = 1});
    CHECK(f.size() == bytes.size());
    CHECK(f.bytes() == bytes);
    CHECK(f.server.connections() > 20);
}

TEST_CASE("client download: no part of another file is spliced in, and no file ends before its end")
{
    std::string const bytes = clip(1'000);
    // What stands in the answers to the first question for the rest.
    for (std::string const fields :
         {"ETag: \"tag-2\"\r\nContent-Range: bytes 400-999/1000\r\n", "Content-Range: bytes 400-999/1000\r\n",
          "ETag: \"tag-1\"\r\nContent-Range: bytes 400-999/1200\r\n",
          "ETag: \"tag-1\"\r\nContent-Range: bytes 400-999/999\r\n",
          "ETag: \"tag-1\"\r\nContent-Range: 400-999\r\n", "ETag: \"tag-1\"\r\n"}) {
        CAPTURE(fields);
        fetch f([&](scripted_server::peer& peer) {
            bool const wants_part = peer.request().find("Range:") != std::string::npos;
            if (wants_part) {
                peer.write("HTTP/1.1 206 X\r\nContent-Type: video/mp4\r\nContent-Length: 600\r\n" + fields +
                           "\r\n" + std::string(600, 'x'));
            } else {
                peer.write(ok_head(bytes.size()) + bytes.substr(0, peer.index == 0 ? 400 : 1'000));
                if (peer.index == 0) {
                    peer.cut();
                    return;
                }
            }
            peer.wait_for_end();
        });
        CHECK(f.size() == bytes.size());
        CHECK(f.bytes() == bytes);
    }
    // Where the total is not told again, the first answer has said it.
    fetch f([&](scripted_server::peer& peer) {
        for (;;) {
            std::string const request = peer.request();
            auto const at = request.find("Range: bytes=");
            if (at == std::string::npos) {
                peer.write(ok_head(bytes.size()) + bytes.substr(0, 250));
                peer.cut();
                return;
            }
            std::size_t const first = std::stoul(request.substr(at + 13));
            peer.write(part_head(first, first + 249, "*") + bytes.substr(first, 250));
        }
    });
    CHECK(f.size() == bytes.size());
    CHECK(f.bytes() == bytes);
}

TEST_CASE("client download: a link that is refused before its time is asked again")
{
    using namespace std::chrono;
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        if (peer.index == 0)
            peer.answer(404, "");
        else
            peer.write(ok_head(100) + clip(100));
        peer.wait_for_end();
    });
    scratch_folder folder;
    asio::io_context context;
    client user(context, server.config());
    recorder<std::uint64_t> got;
    auto const tomorrow = ceil<seconds>(system_clock::now()) + 24h;
    user.download(video_file("", 0, result_url(server.base_url() + "/v"), tomorrow), folder / "v.mp4",
                  download_options{.link_patience = 50ms}, got.token());
    run_to_end(context);
    CHECK(got.value() == 100);
    CHECK(server.requests().size() == 2);
}

TEST_CASE("client download: an expired link is refreshed by asking the task once")
{
    bench b(R"({"link":"expired_once"})");
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    auto const polls = b.booked("polls");
    scratch_folder folder;
    recorder<std::uint64_t> got;
    user.download(done.video(), folder / "v.mp4", got.token());
    b.run();
    CHECK(got.value() > 0);
    CHECK(bytes_of(folder / "v.mp4") == apimart::testing::sample_video());
    CHECK(b.booked("polls") == polls + 1);
    CHECK(b.booked("authorization_leaks") == 0);
}

TEST_CASE("client download: a link that stays refused is asked for anew once, and told as expired only if it "
          "can be")
{
    for (auto const& [form, code] : {std::pair<std::string, error_code>("expired", errc::result_expired),
                                     {"forbidden", api_errc::forbidden},
                                     {"missing", api_errc::not_found}}) {
        CAPTURE(form);
        bench b(R"({"link":")" + form + "\"}");
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        auto const polls = b.booked("polls");
        scratch_folder folder;
        recorder<std::uint64_t> got;
        user.download(done.video(), folder / "v.mp4", download_options{.link_patience = 0ms}, got.token());
        b.run();
        CHECK(got.why().code() == code);
        CHECK(got.why().task_id() == done.id());
        CHECK(b.booked("polls") == polls + 1);
        CHECK(folder.names().empty());
    }
}

TEST_CASE("client download: a link without a task cannot be refreshed")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.answer(403, "");
        peer.wait_for_end();
    });
    scratch_folder folder;
    asio::io_context context;
    client user(context, server.config());
    recorder<std::uint64_t> got;
    user.download(video_file("", 0, result_url(server.base_url() + "/v"), {}), folder / "v.mp4", got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::result_expired);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("client download: places that a result must not come from are refused before anything is connected")
{
    scripted_server other(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.write(ok_head(100) + clip(100));
        peer.wait_for_end();
    });
    scripted_server plain(scripted_server::security::plain, [](scripted_server::peer& peer) {
        peer.request();
        peer.write(ok_head(100) + clip(100));
        peer.wait_for_end();
    });
    std::string const port = std::to_string(other.port());
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    for (std::string const& url : {
             plain.base_url() + "/v.mp4",
             std::string("http://example.com/v.mp4"),
             other.base_url() + "/v.mp4",
             other.base_url("localhost") + "/v.mp4",
             other.base_url("LOCALHOST.") + "/v.mp4",
             "https://[::1]:" + port + "/v.mp4",
             "https://[::ffff:127.0.0.1]:" + port + "/v.mp4",
             "https://127.1:" + port + "/v.mp4",
             "https://0.0.0.0:" + port + "/v.mp4",
             std::string("https://169.254.169.254/latest/meta-data"),
             std::string("https://10.0.0.1/v.mp4"),
             std::string("https://192.168.0.1/v.mp4"),
             "https://user:password@127.0.0.1:" + port + "/v.mp4",
             std::string("file:///etc/passwd"),
             std::string("ftp://127.0.0.1/v.mp4"),
             std::string("//127.0.0.1/v.mp4"),
             std::string("v.mp4"),
             std::string("https://127.0.0.1:0/v.mp4"),
             "https://127.0.0.1:" + port + "/v mp4",
             "https://127.0.0.1:" + port + "/v\r\nX: y",
         }) {
        CAPTURE(url);
        recorder<std::uint64_t> got;
        user.download(video_file("task_1", 0, result_url(url), {}), folder / "v.mp4", got.token());
        b.run();
        CHECK(got.why().code() == errc::url_not_allowed);
        CHECK_FALSE(got.why().code() == condition::retryable);
        CHECK(folder.names().empty());
    }
    CHECK(other.connections() == 0);
    CHECK(plain.connections() == 0);
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client download: an address of a proxy that answers every name is refused, and the way to allow "
          "it named")
{
    scripted_server server(scripted_server::security::tls,
                           [](scripted_server::peer& peer) { peer.wait_for_end(); });
    for (bool const allowed : {false, true}) {
        scratch_folder folder;
        asio::io_context context;
        client_config config = server.config();
        config.resolver.add_host("cdn.example", {"198.18.0.7", "10.0.0.1"}).allow_fake_ip(allowed);
        client user(context, std::move(config));
        recorder<std::uint64_t> by_name;
        recorder<std::uint64_t> by_address;
        if (!allowed)
            user.download(video_file("task_1", 0, result_url("https://cdn.example/v.mp4"), {}),
                          folder / "v.mp4", by_name.token());
        user.download(video_file("task_1", 0, result_url("https://198.18.0.7/v.mp4"), {}), folder / "w.mp4",
                      by_address.token());
        run_to_end(context);
        if (!allowed) {
            CHECK(by_name.why().code() == errc::url_not_allowed);
            CHECK(by_name.why().describe().find("allow_fake_ip") != std::string::npos);
        }
        CHECK(by_address.why().code() == errc::url_not_allowed);
    }
}

TEST_CASE("client download: a foreign place that is allowed gets no key")
{
    scripted_server other(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.write(ok_head(100) + clip(100));
        peer.wait_for_end();
    });
    bench b;
    auto config = b.config();
    config.tls.add_ca_pem(other.ca_pem());
    config.allow_private_results = true;
    client user(b.context, config);
    scratch_folder folder;
    recorder<std::uint64_t> got;
    user.download(video_file("task_1", 0, result_url(other.base_url() + "/v.mp4?sig=1&x=%20"), {}),
                  folder / "v.mp4", got.token());
    b.run();
    CHECK(got.value() == 100);
    REQUIRE(other.requests().size() == 1);
    CHECK(other.requests()[0].starts_with("GET /v.mp4?sig=1&x=%20 HTTP/1.1\r\n"));
    CHECK(other.requests()[0].find("Authorization") == std::string::npos);
    CHECK(other.requests()[0].find(key_text) == std::string::npos);
}

TEST_CASE("client download: redirects are followed within bounds, and each place is judged anew")
{
    scripted_server other(scripted_server::security::tls,
                          [](scripted_server::peer& peer) { peer.wait_for_end(); });
    SUBCASE("on the same origin")
    {
        fetch f([&](scripted_server::peer& peer) {
            std::string const request = peer.request();
            if (request.starts_with("GET /files/"))
                peer.answer(302, "", "Location: /moved/v.mp4\r\n");
            else
                peer.write(ok_head(100) + clip(100));
            peer.wait_for_end();
        });
        CHECK(f.size() == 100);
        CHECK(f.server.count("GET /moved/v.mp4 ") == 1);
    }
    SUBCASE("for ever")
    {
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(307, "", "Location: /files/v.mp4\r\n");
            peer.wait_for_end();
        });
        CHECK(f.why().code() == errc::url_not_allowed);
        CHECK(f.server.connections() == 6);
    }
    SUBCASE("to a private place")
    {
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(302, "", "Location: " + other.base_url() + "/v.mp4\r\n");
            peer.wait_for_end();
        });
        CHECK(f.why().code() == errc::url_not_allowed);
    }
    SUBCASE("to a place without TLS, or to nowhere")
    {
        for (std::string const location :
             {"http://example.com/v.mp4", "file:///etc/passwd", "//127.0.0.1/v.mp4", "javascript:1"}) {
            fetch f([&](scripted_server::peer& peer) {
                peer.request();
                peer.answer(302, "", "Location: " + location + "\r\n");
                peer.wait_for_end();
            });
            CHECK(f.why().code() == errc::url_not_allowed);
        }
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(302, "");
            peer.wait_for_end();
        });
        CHECK(f.why().code() == errc::bad_response);
    }
    CHECK(other.connections() == 0);
}

TEST_CASE("client download: what is no video is not kept")
{
    struct wrong
    {
        char const* type;
        char const* body;
        errc expected;
    };
    for (wrong const& each : {
             wrong{"text/html", "<html>sign in</html>", errc::download_corrupt},
             wrong{"video/mp4", "<html>sign in</html>", errc::download_corrupt},
             wrong{"video/mp4", "  \r\n<?xml version=\"1.0\"?><Error/>", errc::download_corrupt},
             wrong{"video/mp4", "{\"error\":1}", errc::download_corrupt},
             wrong{"application/json", "abcdefgh", errc::download_corrupt},
             wrong{"video/mp4", "", errc::download_corrupt},
             wrong{"video/mp4\r\nContent-Encoding: gzip", "abcdefgh", errc::bad_response},
         }) {
        CAPTURE(each.type);
        CAPTURE(each.body);
        fetch f([&](scripted_server::peer& peer) {
            for (;;) {
                peer.request();
                peer.answer(200, each.body, "Content-Type: " + std::string(each.type) + "\r\n");
            }
        });
        CHECK(f.why().code() == each.expected);
        CHECK(f.folder.names().empty());
    }
    for (int const status : {204, 304, 400, 418}) {
        CAPTURE(status);
        fetch f([&](scripted_server::peer& peer) {
            peer.request();
            peer.write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n");
            peer.wait_for_end();
        });
        CHECK(f.why().code() == errc::bad_response);
    }
}

TEST_CASE("client download: a file above its limit is refused, announced or not")
{
    for (bool const announced : {true, false}) {
        CAPTURE(announced);
        fetch f(
            [&](scripted_server::peer& peer) {
                peer.request();
                if (announced)
                    peer.write(ok_head(100'000) + clip(100'000));
                else
                    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
                               "video/mp4\r\n\r\n186a0\r\n" +
                               clip(100'000) + "\r\n0\r\n\r\n");
                peer.wait_for_end();
            },
            download_options{.max_size = 99'999});
        CHECK(f.why().code() == errc::download_too_large);
    }
    fetch fits(
        [&](scripted_server::peer& peer) {
            peer.request();
            peer.write(ok_head(100'000) + clip(100'000));
            peer.wait_for_end();
        },
        download_options{.max_size = 100'000});
    CHECK(fits.size() == 100'000);
}

TEST_CASE("client download: many files at one time are not mixed up and keep to their share of connections")
{
    bench b(R"({"file_bytes":200000})");
    auto config = b.config();
    config.limits.max_concurrent_downloads = 3;
    client user(b.context, config);
    std::vector<recorder<task_result>> tasks(12);
    for (auto& each : tasks)
        user.generate(corgi(), each.token());
    b.run();
    scratch_folder folder;
    std::vector<recorder<std::uint64_t>> files(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i)
        user.download(tasks[i].value().video(), folder / std::to_string(i), files[i].token());
    b.run();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        CHECK(files[i].value() == 200'000);
        // The padding of each file repeats the file's own path.
        CHECK(bytes_of(folder / std::to_string(i)).find(tasks[i].value().id()) != std::string::npos);
    }
    CHECK(folder.names().size() == tasks.size());
}
