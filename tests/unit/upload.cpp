// What an upload is made of: the form around a picture, its type and content, the answer, and what is remembered.
#include <apimart/any_request.hpp>
#include <apimart/models.hpp>
#include <apimart/operations/upload_cache.hpp>
#include <apimart/protocol/multipart_file.hpp>
#include <apimart/protocol/upload_response.hpp>
#include <apimart/runtime/blocking_call.hpp>
#include <apimart/text/file_url.hpp>
#include <apimart/validation/picture_reader.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

sha256_digest content(unsigned char first)
{
    sha256_digest made{};
    made[0] = first;
    return made;
}

http_response answer_of(std::string body)
{
    http_response made;
    made.status = 200;
    made.body = std::move(body);
    return made;
}

} // namespace

TEST_CASE("multipart: a name cannot end its quotes or its line, whatever is in it")
{
    for (std::string const name :
         {"a.png", "a\"; name=\"other", "a\r\nX-Evil: 1", "\xC3\xA4 b.png", "%22", "a\\\"b", ""}) {
        CAPTURE(name);
        multipart_file const form("edge", name, "image/png");
        CHECK(form.content_type == "multipart/form-data; boundary=edge");
        auto const begin = form.head.find("filename=\"") + 10;
        auto const end = form.head.find('"', begin);
        CHECK(form.head.substr(end) == "\"\r\nContent-Type: image/png\r\n\r\n");
        std::string const sent = form.head.substr(begin, end - begin);
        CHECK(path_of_file_url("file:x" + sent) == "x" + name);
    }
    multipart_file const form("edge", "a.png", "image/png");
    CHECK(form.head + "BYTES" + form.tail ==
          "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
          "Content-Type: image/png\r\n\r\nBYTES\r\n--edge--\r\n");
}

TEST_CASE("file URLs: every path comes back, and a file of another machine is none")
{
    for (std::string const path :
         {"a.png", "/a/b.png", "../a b/%41.png", "\xFF\xFE", "a?b#c", "//x", "C:\\a.png"}) {
        CAPTURE(path);
        CHECK(path_of_file_url(file_url(path)) == path);
    }
    CHECK(file_url("/a b.png") == "file:///a%20b.png");
    CHECK(file_url("a b.png") == "file:a%20b.png");
    CHECK(path_of_file_url("file://localhost/a.png") == std::string("/a.png"));
    CHECK(path_of_file_url("file:/a.png") == std::string("/a.png"));
    CHECK(path_of_file_url("file:100%.png") == std::string("100%.png"));
    for (std::string const none :
         {"file:", "file://host/a.png", "a.png", "https://a/b.png", "file:a%00.png", "FILE:a"}) {
        CAPTURE(none);
        CHECK(!path_of_file_url(none));
    }
}

TEST_CASE("image type: the first bytes tell it, and less than that tells nothing")
{
    using namespace std::string_view_literals;
    CHECK(image_type("\xFF\xD8\xFF\xE0 JFIF") == "image/jpeg");
    CHECK(image_type("\x89PNG\r\n\x1a\n----") == "image/png");
    CHECK(image_type("GIF87a------") == "image/gif");
    CHECK(image_type("GIF89a------") == "image/gif");
    CHECK(image_type("RIFF\0\0\0\0WEBPVP8L"sv) == "image/webp");
    for (std::string_view const other : {"", "\xFF\xD8", "\x89PNG", "GIF88a", "RIFF1234WEB", "RIFF1234WAVE",
                                         "%PDF-1.7", "<svg></svg>", "BM------------"}) {
        CAPTURE(other);
        CHECK(image_type(other).empty());
    }
}

TEST_CASE("picture reader: memory and file are read in pieces, with one digest, as often as wanted")
{
    std::string bytes = "GIF89a";
    bytes.resize(picture_reader::piece_size * 2 + 17, 'q');
    auto const read_all = [](picture_reader& from, std::size_t& pieces) {
        std::string all;
        pieces = 0;
        while (!from.at_end()) {
            auto const piece = from.read();
            REQUIRE(piece.has_value());
            REQUIRE(!piece->empty());
            all += *piece;
            ++pieces;
        }
        return all;
    };
    picture_reader reader(image_bytes(bytes, "folder/a.gif"), "/file");
    REQUIRE(reader.open().has_value());
    CHECK(reader.size() == bytes.size());
    CHECK(reader.type() == "image/gif");
    CHECK(reader.name() == "a.gif");
    std::size_t pieces = 0;
    CHECK(read_all(reader, pieces) == bytes);
    CHECK(pieces == 3);
    sha256_digest const first = reader.digest();
    reader.rewind();
    CHECK(read_all(reader, pieces) == bytes);
    CHECK(reader.digest() == first);
    bytes.back() = 'r';
    picture_reader other(image_bytes(bytes), "/file");
    REQUIRE(other.open().has_value());
    read_all(other, pieces);
    CHECK(other.digest() != first);
}

TEST_CASE("upload response: the documented one, one in an envelope, and one that is dated badly")
{
    std::chrono::sys_seconds const now{1'800'000'000s};
    auto const documented = read_upload_response(
        answer_of(R"({"url":"https://upload.apimart.ai/f/image/9-photo.jpg","filename":"photo.jpg",)"
                  R"("content_type":"image/jpeg","bytes":235680,"created_at":1743436800})"),
        now);
    REQUIRE(documented.has_value());
    CHECK(documented->url() == "https://upload.apimart.ai/f/image/9-photo.jpg");
    CHECK(documented->expires_at() == std::chrono::sys_seconds(1743436800s + 72h));
    auto const wrapped =
        read_upload_response(answer_of(R"({"code":200,"data":{"url":"http://a.example/1"}})"), now);
    REQUIRE(wrapped.has_value());
    CHECK(wrapped->expires_at() == now + 72h);
    for (char const* const date : {"9223372036854775807", "-1", "\"soon\"", "null", "1e300"}) {
        CAPTURE(date);
        auto const odd = read_upload_response(
            answer_of(std::string(R"({"url":"https://a.example/1","created_at":)") + date + "}"), now);
        REQUIRE(odd.has_value());
        CHECK(odd->expires_at() == now + 72h);
    }
    auto const relative = read_upload_response(answer_of(R"({"url":"/f/1.png"})"), now);
    REQUIRE(!relative.has_value());
    CHECK(relative.error().code() == errc::bad_response);
    CHECK(relative.error().client_message() == "field url: no absolute URL");
}

TEST_CASE("upload cache: a link serves while the service keeps it, with an hour to spare")
{
    upload_cache cache;
    upload_cache::time_point const begin{1000h};
    {
        auto const place = cache.find(content(1), begin);
        CHECK(place->link(begin) == nullptr);
        place->succeeded(uploaded_image("https://a.example/1"), begin);
    }
    auto const known = cache.find(content(1), begin + 70h);
    REQUIRE(known->link(begin + 70h) != nullptr);
    CHECK(known->link(begin + 70h)->url() == "https://a.example/1");
    CHECK(known->link(begin + 71h) == nullptr);
    CHECK(cache.find(content(2), begin)->link(begin) == nullptr);
}

TEST_CASE("upload cache: who has waited shares a failure, who comes later tries anew")
{
    upload_cache cache;
    auto const place = cache.find(content(1), {});
    int const seen = place->failures();
    CHECK(place->failure_after(seen) == nullptr);
    place->failed(error_info(errc::connection_lost));
    REQUIRE(place->failure_after(seen) != nullptr);
    CHECK(place->failure_after(seen)->code() == errc::connection_lost);
    CHECK(place->failure_after(place->failures()) == nullptr);
}

TEST_CASE("upload cache: what nobody uses goes, the oldest first, and what is in use stays")
{
    upload_cache cache;
    upload_cache::time_point const begin{1000h};
    auto const used = cache.find(content(255), begin);
    for (std::size_t i = 0; i < upload_cache::max_entries + 100; ++i) {
        sha256_digest each{};
        each[1] = static_cast<unsigned char>(i >> 8U);
        each[2] = static_cast<unsigned char>(i);
        auto const now = begin + std::chrono::seconds(i);
        cache.find(each, now)->succeeded(uploaded_image("https://a.example/1"), now);
    }
    CHECK(cache.size() == upload_cache::max_entries);
    CHECK(cache.find(content(255), begin) == used);
    CHECK(cache.find(content(0), begin)->link(begin) == nullptr); // the first of them
    cache.find(content(254), begin + 200h);
    CHECK(cache.size() == 2);
}

TEST_CASE("blocking call: its answer comes back, its time is limited, and it can be given up")
{
    boost::asio::io_context context;
    executor const strand(inner_executor(boost::asio::any_io_executor(context.get_executor())));
    timer pause(strand);
    auto const run = [&](std::function<int()> function, timer::duration limit) {
        std::optional<int> got;
        bool ended = false;
        boost::asio::co_spawn(strand, blocking_call<int>::run(strand, std::move(function), pause, limit),
                              [&](std::exception_ptr thrown, std::optional<int> value) {
                                  CHECK(!thrown);
                                  got = value;
                                  ended = true;
                              });
        context.restart();
        context.run_for(20s);
        CHECK(ended);
        return got;
    };
    std::thread::id where;
    CHECK(run([&] { return where = std::this_thread::get_id(), 7; }, 20s) == 7);
    CHECK(where != std::this_thread::get_id());
    CHECK(run([]() -> int { throw std::runtime_error("no"); }, 10ms) == std::nullopt);

    auto const forever = std::make_shared<std::promise<void>>();
    auto const left = std::make_shared<std::promise<void>>();
    auto const hang = [forever, left] {
        forever->get_future().wait();
        left->set_value();
        return 1;
    };
    CHECK(run(hang, 10ms) == std::nullopt);
    forever->set_value();
    left->get_future().wait();
}

TEST_CASE("blocking call: a context that goes away does not wait for it")
{
    std::promise<void> go;
    std::promise<void> over;
    std::future<void> const returned = over.get_future();
    {
        boost::asio::io_context context;
        executor const strand(inner_executor(boost::asio::any_io_executor(context.get_executor())));
        timer pause(strand);
        std::atomic<bool> running = false;
        boost::asio::co_spawn(strand,
                              blocking_call<int>::run(
                                  strand,
                                  [&go, &over, &running] {
                                      running = true;
                                      go.get_future().wait();
                                      over.set_value();
                                      return 1;
                                  },
                                  pause, 20s),
                              [](std::exception_ptr, std::optional<int>) { FAIL("it was dropped"); });
        context.poll();
        while (!running)
            std::this_thread::yield();
    }
    CHECK(returned.wait_for(0s) == std::future_status::timeout);
    go.set_value();
    returned.wait();
}

TEST_CASE("local pictures: a request has them where a URL of a picture is, and only by the caller's own word")
{
    std::vector<image_file> const two{image_file("1.png"), image_file("/tmp/2.png")};
    any_request request =
        image_to_video<kling_v3>("@dog runs", two)
            .element_list(element("dog", "a corgi", two),
                          element("cat", "grey", "https://a.example/1.png", image_file("1.png")));
    CHECK(request.check().ok());
    auto const local = request.local_images();
    REQUIRE(local.size() == 5);
    CHECK(local[1].pointer() == "/image_urls/1");
    CHECK(local[1].file().path() == "/tmp/2.png");
    CHECK(local[4].pointer() == "/element_list/1/element_input_urls/1");
    // The same text is no local file where it comes from anybody.
    std::string const text = request.serialize();
    auto const refused = any_request::parse(text);
    REQUIRE(!refused.has_value());
    CHECK(refused.error().entries().size() == 5);
    auto const trusted = any_request::parse(text, local_files::allow);
    REQUIRE(trusted.has_value());
    CHECK(trusted->local_images().size() == 5);
    CHECK(trusted->serialize() == text);
    CHECK(any_request(*trusted->as<image_to_video<kling_v3>>()).local_images().size() == 5);
    any_request const foreign = image_to_video<kling_v3>("a", std::string("file:1.png"));
    CHECK(foreign.local_images().empty());
    CHECK(!foreign.check().ok());

    request.replace(image_file("1.png"), "https://b.example/1");
    CHECK(request.local_images().size() == 2);
    request.replace(image_file("/tmp/2.png"), "https://b.example/2");
    CHECK(request.local_images().empty());
    CHECK(any_request::parse(request.serialize()).has_value());
}

TEST_CASE("local pictures: every parameter for a picture takes one, and nothing else does")
{
    image_file const file("a.png");
    for (any_request const& each :
         {any_request(image_to_video<kling_3_0_turbo>(file)),
          any_request(image_reference<kling_v3_omni>("<<<image_1>>> waves", file)),
          any_request(
              image_to_video<veo_3_1_fast_official>("a", file).last_frame_image("https://a.example/1")),
          any_request(
              motion_control<kling_v3_motion_control>(file, "https://a.example/1.mp4", from_video, pro))}) {
        CAPTURE(each.serialize());
        CHECK(each.check().ok());
        CHECK(each.local_images().size() == 1);
    }
    for (char const* const text :
         {R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1","video_url":"file:a.mp4",)"
          R"("character_orientation":"video","mode":"pro"})",
          R"({"model":"kling-v3","prompt":"a","image_urls":["file://host/a.png"]})",
          R"({"model":"kling-v3","prompt":"a","webhook":"file:a.png"})"}) {
        CAPTURE(text);
        auto const read = any_request::parse(text, local_files::allow);
        REQUIRE(!read.has_value());
        CHECK(read.error().describe().find("must be an absolute http or https URL") != std::string::npos);
    }
    auto const prompt =
        any_request::parse(R"({"model":"kling-v3","prompt":"file:a.png"})", local_files::allow);
    REQUIRE(prompt.has_value());
    CHECK(prompt->local_images().empty());
}
