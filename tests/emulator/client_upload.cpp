// Uploads: what leaves, what does not, how often, and what is certain when it goes wrong.
#include "client_fixture.hpp"

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/files/image_upload.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>

#include <malloc.h>
#include <sys/stat.h>

using namespace client_tests;
using namespace apimart;

namespace {

constexpr std::size_t largest = 20'971'520;

std::string picture_of(std::size_t size, char filling = 'x')
{
    std::string bytes = "\x89PNG\r\n\x1a\n";
    bytes.resize(size, filling);
    return bytes;
}

void write_file(std::filesystem::path const& path, std::string_view bytes)
{
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string uploaded_body(std::string_view url)
{
    return R"({"url":")" + std::string(url) +
           R"(","filename":"a.png","content_type":"image/png","bytes":9,"created_at":1743436800})";
}

constexpr char const* there = "https://upload.example.com/f/image/1-a.png";

std::string header_of(std::string const& request, std::string const& name)
{
    auto const at = request.find("\r\n" + name + ": ");
    REQUIRE(at != std::string::npos);
    auto const begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

/// Lets a server's thread wait for the test.
class gate
{
public:
    void open()
    {
        std::lock_guard const lock(mutex_);
        open_ = true;
        opened_.notify_all();
    }
    void wait()
    {
        std::unique_lock lock(mutex_);
        opened_.wait_for(lock, guard, [&] { return open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

result<uploaded_image> uploaded(asio::io_context& context, client& user, image_source picture,
                                upload_options options = {})
{
    recorder<uploaded_image> got;
    user.upload(std::move(picture), options, got.token());
    run_to_end(context);
    return got.outcome();
}

} // namespace

TEST_CASE("client upload: a file becomes a link, and the service sees its bytes, its type by content and its "
          "name encoded")
{
    scratch_folder folder;
    std::string const content = picture_of(300'000);
    auto const file = folder / "a \"b\";\r\nc\xC3\xA4.txt";
    write_file(file, content);
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, uploaded_body(there));
    });
    asio::io_context context;
    client user(context, server.config());
    auto const got = uploaded(context, user, file);
    REQUIRE(got.has_value());
    CHECK(got->url() == there);
    CHECK(got->content_type() == "image/png");
    CHECK(got->bytes() == content.size());
    CHECK(got->expires_at() == std::chrono::sys_seconds(1743436800s + 72h));
    CHECK(!got->reused());

    REQUIRE(server.requests().size() == 1);
    std::string const request = server.requests().front();
    CHECK(request.starts_with("POST /v1/uploads/images HTTP/1.1\r\n"));
    CHECK(header_of(request, "Authorization") == "Bearer " + std::string(key_text));
    CHECK(request.find("Idempotency-Key") == std::string::npos);
    CHECK(request.find("application/json\r\nContent-Length") == std::string::npos);
    std::string const type = header_of(request, "Content-Type");
    REQUIRE(type.starts_with("multipart/form-data; boundary="));
    std::string const boundary = type.substr(type.find('=') + 1);
    std::string const body = request.substr(request.find("\r\n\r\n") + 4);
    CHECK(header_of(request, "Content-Length") == std::to_string(body.size()));
    CHECK(body == "--" + boundary +
                      "\r\nContent-Disposition: form-data; name=\"file\"; "
                      "filename=\"a%20%22b%22%3B%0D%0Ac%C3%A4.txt\"\r\nContent-Type: image/png\r\n\r\n" +
                      content + "\r\n--" + boundary + "--\r\n");
    CHECK(user.metrics().uploads_sent == 1);
}

TEST_CASE(
    "client upload: the emulated service takes every type, from a file and from memory, up to the last byte")
{
    using namespace std::string_literals;
    struct row
    {
        std::string bytes;
        char const* type;
    };
    std::vector<row> const rows{{"\xFF\xD8\xFF\xE0 and more", "image/jpeg"},
                                {picture_of(9), "image/png"},
                                {"GIF89a and more", "image/gif"},
                                {"RIFF\x10\0\0\0WEBPVP8 "s, "image/webp"},
                                {picture_of(largest), "image/png"}};
    bench b;
    scratch_folder folder;
    client user = b.make_client();
    for (row const& each : rows) {
        CAPTURE(each.type);
        auto const kept = uploaded(b.context, user, image_bytes(each.bytes, "kept"));
        REQUIRE(kept.has_value());
        CHECK(kept->content_type() == each.type);
        CHECK(kept->url().ends_with("-kept"));
        if (each.bytes.size() == largest)
            continue;
        // A file of another content, whatever its name says.
        write_file(folder / "wrong.bmp", each.bytes + "!");
        auto const read = uploaded(b.context, user, folder / "wrong.bmp");
        REQUIRE(read.has_value());
        CHECK(read->content_type() == each.type);
    }
    CHECK(b.booked("uploads") == rows.size() * 2 - 1);
    CHECK(b.booked("authorization_leaks") == 0);
}

TEST_CASE("client upload: what the service would refuse is refused before a connection is made")
{
    bench b;
    scratch_folder folder;
    write_file(folder / "a.png", "%PDF-1.7 but called a picture");
    write_file(folder / "empty.png", "");
    write_file(folder / "cut.webp", "RIFF1234WEB");
    write_file(folder / "large.png", picture_of(largest + 1));
    std::filesystem::create_directory(folder / "folder.png");
    REQUIRE(::mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
    client user = b.make_client();
    struct row
    {
        char const* name;
        char const* words;
    };
    for (row const& each :
         {row{"a.png",
              "/file: must be a JPEG, PNG, WebP or GIF picture by its content (got a file of 29 bytes)"},
          row{"empty.png", "must be a JPEG, PNG, WebP or GIF picture by its content (got a file of 0 bytes)"},
          row{"cut.webp", "must be a JPEG, PNG, WebP or GIF picture by its content"},
          row{"large.png", "must be a picture of at most 20971520 bytes (got 20971521 bytes)"},
          row{"folder.png", "must be a file that can be read (got \"folder.png\")"},
          row{"pipe.png", "must be a file that can be read (got \"pipe.png\")"},
          row{"missing.png", "must be a file that can be read (got \"missing.png\")"}}) {
        CAPTURE(each.name);
        auto const got = uploaded(b.context, user, folder / each.name);
        REQUIRE(!got.has_value());
        CHECK(got.error().code() == errc::invalid_request);
        CAPTURE(got.error().describe());
        CHECK(got.error().validation().describe().find(each.words) != std::string::npos);
    }
    CHECK(uploaded(b.context, user, folder / "missing.png").error().underlying() ==
          boost::system::errc::no_such_file_or_directory);
    CHECK(!uploaded(b.context, user, image_bytes(picture_of(largest + 1))));
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client upload: twenty megabytes leave in little memory, and the caller sees how far they are")
{
    scratch_folder folder;
    write_file(folder / "large.png", picture_of(9));
    std::filesystem::resize_file(folder / "large.png", largest);
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        std::string const head = peer.head();
        std::size_t left = std::stoul(head.substr(head.find("Content-Length: ") + 16));
        while (left > 0)
            left -= peer.bytes(std::min<std::size_t>(left, 4096)).size();
        peer.answer(200, uploaded_body(there));
    });
    asio::io_context context;
    client user(context, server.config());
    auto const in_use = [] {
        auto const now = ::mallinfo2();
        return now.uordblks + now.hblkhd;
    };
    auto const before = in_use();
    std::size_t peak = before;
    std::vector<std::uint64_t> seen;
    auto const watch = [&](transfer_progress sent) {
        CHECK(sent.total.value() == largest);
        seen.push_back(sent.bytes);
        peak = std::max(peak, in_use());
    };
    REQUIRE(uploaded(context, user, folder / "large.png", {.on_progress = watch}).has_value());
    REQUIRE(seen.size() > 10);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    CHECK(seen.back() == largest);
    MESSAGE("memory beyond the beginning: " << peak - before << " bytes");
    CHECK(peak - before < std::size_t{2} << 20U);
}

TEST_CASE("client upload: cancelled in the middle it ends at once, and the next one is whole")
{
    for (auto const type : {asio::cancellation_type::terminal, asio::cancellation_type::total}) {
        gate end;
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            if (peer.index == 0) {
                peer.head();
                peer.bytes(100'000);
                end.wait();
                return;
            }
            peer.request();
            peer.answer(200, uploaded_body(there));
        });
        asio::io_context context;
        client user(context, server.config());
        image_bytes const picture(picture_of(largest), "a.png");
        asio::cancellation_signal signal;
        bool begun = false;
        auto const watch = [&](transfer_progress) { begun = true; };
        recorder<uploaded_image> got;
        user.upload(picture, {.on_progress = watch},
                    as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
        run_until(context, [&] { return begun; });
        signal.emit(type);
        run_to_end(context);
        CHECK(got.why().code() == asio::error::operation_aborted);
        end.open();
        CHECK(user.metrics().uploads_sent == 0);
        CHECK(uploaded(context, user, picture).has_value());
        CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("client upload: a time limit ends it, also while the service reads nothing")
{
    gate end;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.head();
        end.wait();
    });
    asio::io_context context;
    client user(context, server.config());
    auto const got = uploaded(context, user, image_bytes(picture_of(largest)), {.timeout = 50ms});
    CHECK(got.error().code() == errc::deadline_exceeded);
    auto config = server.config();
    config.timeouts.send = 50ms;
    client impatient(context, std::move(config));
    CHECK(uploaded(context, impatient, image_bytes(picture_of(largest))).error().code() ==
          errc::write_timeout);
    end.open();
}

TEST_CASE(
    "client upload: a connection that is cut in the middle is lost, one that is cut at the end is not known")
{
    enum class cut
    {
        in_the_middle,
        after_all,
        in_the_answer
    };
    for (cut const when : {cut::in_the_middle, cut::after_all, cut::in_the_answer}) {
        CAPTURE(static_cast<int>(when));
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            if (when == cut::in_the_middle) {
                peer.head();
                peer.bytes(100'000);
            } else {
                peer.request();
                if (when == cut::in_the_answer)
                    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{\"url\":");
            }
            peer.reset();
        });
        asio::io_context context;
        client user(context, server.config());
        std::size_t const size = when == cut::in_the_middle ? largest : 1'000'000;
        auto const got = uploaded(context, user, image_bytes(picture_of(size)));
        REQUIRE(!got.has_value());
        CAPTURE(got.error().describe());
        if (when == cut::in_the_middle) {
            CHECK(got.error().code() == errc::connection_lost);
            CHECK(got.error().describe().find("the service has not got all of it") != std::string::npos);
        } else {
            CHECK(got.error().code() == errc::outcome_unknown);
            CHECK(got.error().underlying() == condition::transport);
        }
        // It is not sent a second time.
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("client upload: refusals come as they are, also while the picture is still leaving")
{
    emulator_options options;
    options.api_key = "another";
    bench b(std::move(options));
    client user = b.make_client();
    auto const wrong = uploaded(b.context, user, image_bytes(picture_of(1000)));
    CHECK(wrong.error().code() == api_errc::unauthorized);
    CHECK(b.booked("uploads") == 0);
    CHECK(b.booked("requests") == 1);

    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.head();
        peer.answer(
            413,
            R"({"error":{"message":"file size 9 exceeds maximum 8 bytes","type":"invalid_request_error"}})");
        peer.wait_for_end();
    });
    client early(b.context, server.config());
    auto const large = uploaded(b.context, early, image_bytes(picture_of(largest)));
    CHECK(large.error().code() == api_errc::too_large);
    CHECK(large.error().server_message().text() == "file size 9 exceeds maximum 8 bytes");
    CHECK(server.connections() == 1);
}

TEST_CASE("client upload: an answer without a usable link is a bad response")
{
    for (char const* const body :
         {"", "[]", R"({"filename":"a.png"})", R"({"url":"/f/image/1.png"})",
          R"({"url":["https://a.example/1"]})", R"({"url":"ftp://a.example/1.png"})",
          R"({"url":"https://a.example/1 2.png"})", R"({"success":true,"data":{}})"}) {
        CAPTURE(body);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, body);
        });
        asio::io_context context;
        client user(context, server.config());
        auto const got = uploaded(context, user, image_bytes(picture_of(9)));
        REQUIRE(!got.has_value());
        CHECK(got.error().code() == errc::bad_response);
        CHECK(got.error().describe().find("field url") != std::string::npos);
    }
}

TEST_CASE("client upload: the same content is sent once, whoever asks at the same time or later")
{
    bench b;
    scratch_folder folder;
    std::string const content = picture_of(500'000);
    write_file(folder / "a.png", content);
    write_file(folder / "b.png", content);
    client user = b.make_client();
    client const copy = user;
    std::vector<recorder<uploaded_image>> all(5);
    user.upload(folder / "a.png", all[0].token());
    client(copy).upload(folder / "a.png", all[1].token());
    user.upload(image_file(folder / "b.png"), all[2].token());
    user.upload(image_bytes(content, "c.png"), all[3].token());
    user.upload(image_bytes(content + "!", "d.png"), all[4].token());
    b.run();
    CHECK(b.booked("uploads") == 2);
    std::size_t reused = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(all[i].value().url() == all[0].value().url());
        reused += all[i].value().reused() ? 1 : 0;
    }
    CHECK(reused == 3);
    CHECK(all[4].value().url() != all[0].value().url());
    CHECK(uploaded(b.context, user, folder / "b.png")->reused());
    CHECK(b.booked("uploads") == 2);
    CHECK(!uploaded(b.context, user, folder / "b.png", {.reuse = false})->reused());
    CHECK(b.booked("uploads") == 3);
    CHECK(user.metrics().uploads_sent == 3);
    // Another client may have another key.
    client other = b.make_client();
    CHECK(!uploaded(b.context, other, folder / "b.png")->reused());
}

TEST_CASE("client upload: where the one that sends is cancelled, the next in line sends")
{
    gate end;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        if (peer.index == 0) {
            peer.head();
            end.wait();
        } else {
            peer.request();
            peer.answer(200, uploaded_body(there));
        }
    });
    asio::io_context context;
    client user(context, server.config());
    image_bytes const picture(picture_of(8'000'000));
    asio::cancellation_signal signal;
    recorder<uploaded_image> cancelled;
    user.upload(picture, as_result(asio::bind_cancellation_slot(signal.slot(), cancelled.plain())));
    run_until(context, [&] { return server.connections() == 1; });
    std::vector<recorder<uploaded_image>> others(3);
    for (auto const& each : others)
        user.upload(picture, each.token());
    signal.emit(asio::cancellation_type::total);
    run_to_end(context);
    end.open();
    CHECK(cancelled.why().code() == asio::error::operation_aborted);
    for (auto const& each : others)
        CHECK(each.value().url() == there);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("client upload: a file that changes while it leaves is never whole at the service")
{
    scratch_folder folder;
    auto const file = folder / "a.png";
    write_file(file, picture_of(4'000'000));
    std::function<void()> change;
    std::string words;
    SUBCASE("it has other bytes")
    {
        // In place, so that it is never seen shorter.
        change = [&] {
            std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << picture_of(4'000'000, 'y');
        };
        words = "a.png: it changed while it was uploaded";
    }
    SUBCASE("it is shorter")
    {
        change = [&] { std::filesystem::resize_file(file, 1000); };
        words = "a.png: it became shorter";
    }
    gate changed;
    std::atomic<bool> whole = false;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.head();
        changed.wait();
        peer.bytes(4'000'000);
        whole = true;
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<uploaded_image> got;
    bool begun = false;
    auto const watch = [&](transfer_progress) { begun = true; };
    user.upload(file, {.on_progress = watch}, got.token());
    run_until(context, [&] { return begun; });
    change();
    changed.open();
    run_to_end(context);
    CHECK(got.why().code() == errc::file_error);
    CHECK(got.why().describe().find(words) != std::string::npos);
    CHECK(!whole.load());
    CHECK(server.requests().empty());
}

TEST_CASE("client upload: no redirect is followed, and the link's host gets neither a connection nor the key")
{
    scripted_server other(scripted_server::security::tls,
                          [](scripted_server::peer& peer) { peer.request(); });
    for (int const status : {301, 302, 307, 308}) {
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(status, "", "Location: " + other.base_url() + "/v1/uploads/images\r\n");
        });
        asio::io_context context;
        client user(context, server.config());
        CHECK(uploaded(context, user, image_bytes(picture_of(9))).error().code() == errc::bad_response);
    }
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, uploaded_body(other.base_url() + "/f/1.png"));
    });
    asio::io_context context;
    client user(context, server.config());
    CHECK(uploaded(context, user, image_bytes(picture_of(9)))->url() == other.base_url() + "/f/1.png");
    CHECK(other.connections() == 0);
}

TEST_CASE("client upload: shutdown ends it")
{
    gate end;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.head();
        end.wait();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<uploaded_image> got;
    recorder<uploaded_image> waits;
    user.upload(image_bytes(picture_of(largest)), got.token());
    user.upload(image_bytes(picture_of(largest)), waits.token());
    run_until(context, [&] { return server.connections() == 1; });
    recorder<shutdown_report> down;
    user.shutdown(down.token());
    run_to_end(context);
    CHECK(down.value().cancelled_operations == 2);
    CHECK(got.why().code() == errc::shutting_down);
    CHECK(waits.why().code() == errc::shutting_down);
    end.open();
}

TEST_CASE("client upload: a context that goes away takes uploads with it at every moment")
{
    gate end;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.head();
        end.wait();
    });
    scratch_folder folder;
    write_file(folder / "a.png", picture_of(2'000'000));
    int dropped = 0;
    for (std::size_t steps = 0; steps < 60; steps += 6) {
        asio::io_context context;
        client user(context, server.config());
        recorder<uploaded_image> got;
        user.upload(folder / "a.png", got.token());
        for (std::size_t i = 0; i < steps; ++i)
            context.run_one_for(1ms);
        dropped += got.done() ? 0 : 1;
    }
    end.open();
    CHECK(dropped == 10);
}

TEST_CASE("client generate: local pictures are uploaded first, each content once, and the links are what is "
          "ordered")
{
    bench b;
    scratch_folder folder;
    write_file(folder / "first.png", picture_of(5000));
    write_file(folder / "last.jpg", "\xFF\xD8\xFF\xE0 a picture");
    client user = b.make_client();
    any_request const request = image_to_video<kling_v3>("@dog runs", image_file(folder / "first.png"),
                                                         image_file(folder / "last.jpg"))
                                    .element_list(element("dog", "a corgi", image_file(folder / "first.png"),
                                                          "https://cdn.example.com/dog.png"));
    CHECK(b.finished(user, request).succeeded());
    CHECK(b.booked("uploads") == 2);
    CHECK(b.finished(user, request).succeeded());
    CHECK(b.booked("uploads") == 2);
    CHECK(b.accepted() == 2);
    CHECK(b.booked("rejected") == 0);
    CHECK(b.accepted_entry(0).at("body_sha256") == b.accepted_entry(1).at("body_sha256"));

    // What was ordered is the request with the links in it.
    recorder<any_request> ready;
    user.upload_files(request, ready.token());
    b.run();
    CHECK(ready.value().local_images().empty());
    using namespace apimart::testing::emulation;
    CHECK(std::string_view(b.accepted_entry(0).at("body_sha256").as_string()) ==
          hex(sha256(ready.value().serialize())));
    CHECK(b.submitted(user, ready.value()).id().starts_with("task"));
}

TEST_CASE("client submit: a request with local pictures is refused before a byte is sent, with the place and "
          "the way out")
{
    bench b;
    client user = b.make_client();
    recorder<task> got;
    user.submit(image_to_video<kling_v3>("the sun sets", "https://cdn.example.com/first.png",
                                         image_file("no/such file.png")),
                got.token());
    b.run();
    CHECK(got.why().code() == errc::invalid_request);
    CHECK(got.why().acceptance() == acceptance::not_sent);
    CHECK(got.why().validation().describe() ==
          "/image_urls/1: must be uploaded first: by `client::upload_files`, or by `client::generate` as a "
          "whole (got "
          "\"no/such file.png\")");
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client generate: what is wrong with a local picture or with its upload names its place, and "
          "nothing is bought")
{
    bench b(R"({"faults":[{"on":"upload","status":503}]})");
    scratch_folder folder;
    write_file(folder / "a.png", picture_of(100));
    client user = b.make_client();
    auto const why_of = [&](any_request request) {
        recorder<task_result> got;
        user.generate(std::move(request), got.token());
        b.run();
        CHECK(got.why().acceptance() == acceptance::not_sent);
        return got.why();
    };
    auto const missing = why_of(image_to_video<kling_v3>("a", image_file(folder / "none.png")));
    CHECK(missing.code() == errc::invalid_request);
    CHECK(missing.validation().describe().starts_with("/image_urls/0: must be a file that can be read"));
    write_file(folder / "a.gif", "GIF89a which this model does not take");
    auto const other_type = why_of(image_to_video<kling_3_0_turbo>(image_file(folder / "a.gif")));
    CHECK(other_type.validation().describe() ==
          "/first_frame_image: must be a JPEG or PNG picture (got a file of 37 bytes)");
    auto const invalid =
        why_of(image_to_video<kling_v3>("a", image_file(folder / "a.png")).duration(runtime(99s)));
    CHECK(invalid.code() == errc::invalid_request);
    CHECK(b.booked("requests") == 0);
    auto const refused = why_of(image_to_video<kling_v3>("a", image_file(folder / "a.png")));
    CHECK(refused.code() == api_errc::unavailable);
    CHECK(refused.describe().find("/image_urls/0, a.png") != std::string::npos);
    CHECK(b.booked("submits_received") == 0);
}

TEST_CASE("client generate: cancelled while its pictures leave it has bought nothing")
{
    gate end;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.head();
        end.wait();
    });
    scratch_folder folder;
    write_file(folder / "a.png", picture_of(8'000'000));
    asio::io_context context;
    client user(context, server.config());
    asio::cancellation_signal signal;
    recorder<task_result> got;
    user.generate(image_to_video<kling_v3>("a", image_file(folder / "a.png")),
                  as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
    run_until(context, [&] { return server.connections() == 1; });
    signal.emit(asio::cancellation_type::total);
    run_to_end(context);
    CHECK(got.why().code() == asio::error::operation_aborted);
    CHECK(got.why().acceptance() == acceptance::not_sent);

    recorder<task_result> late;
    user.generate(image_to_video<kling_v3>("a", image_file(folder / "a.png")), {.timeout = 50ms},
                  late.token());
    run_to_end(context);
    CHECK(late.why().code() == errc::deadline_exceeded);
    CHECK(late.why().acceptance() == acceptance::not_sent);
    end.open();
}
