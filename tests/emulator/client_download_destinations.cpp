// Results on their way to other places than one file: memory, a caller's sink, the files of all samples.
#include "download_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>

using namespace client_tests;
using namespace apimart;

namespace {

// A storage that cuts each connection behind so many bytes of the file, the last one not at all.
scripted_server::behaviour cut_storage(std::string const& bytes, std::size_t between,
                                       std::string const& etag = "\"tag-1\"")
{
    return [&bytes, between, etag](scripted_server::peer& peer) {
        std::string const answer = answer_for(peer.request(), bytes, etag);
        std::size_t const body = answer.find("\r\n\r\n") + 4;
        peer.write(answer.substr(0, body + between));
        if (answer.size() > body + between)
            peer.cut();
        else
            peer.wait_for_end();
    };
}

// A sink that keeps what it gets, takes so many bytes at a time, and only when the test says so.
class slow_sink
{
public:
    using executor_type = asio::io_context::executor_type;

    slow_sink(asio::io_context& context, std::size_t most) : context_(context), most_(most) {}

    executor_type get_executor() { return context_.get_executor(); }

    template <class Token>
    auto async_write_some(asio::const_buffer bytes, Token&& token)
    {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, asio::const_buffer from) {
                ++writes;
                bool const is_alone = !std::exchange(is_busy_, true);
                CHECK(is_alone);
                std::size_t const count = std::min(most_, from.size());
                got.append(static_cast<char const*>(from.data()), count);
                auto const code = got.size() > fails_after ? make_error_code(boost::system::errc::broken_pipe)
                                                           : error_code();
                timer_.expires_after(0ms);
                timer_.async_wait(
                    [this, count, code, handler = std::move(handler)](error_code stopped) mutable {
                        is_busy_ = false;
                        std::move(handler)(stopped ? stopped : code, count);
                    });
            },
            token, bytes);
    }

    template <class Buffers, class Token>
        requires(!std::convertible_to<Buffers, asio::const_buffer>)
    auto async_write_some(Buffers const& bytes, Token&& token)
    {
        return async_write_some(asio::const_buffer(*asio::buffer_sequence_begin(bytes)),
                                std::forward<Token>(token));
    }

    std::string got;
    std::size_t fails_after = std::string::npos;
    int writes = 0;

private:
    asio::io_context& context_;
    std::size_t most_;
    asio::steady_timer timer_{context_};
    bool is_busy_ = false;
};

static_assert(download_sink<slow_sink> && download_sink<asio::ip::tcp::socket>);
static_assert(download_sink<asio::ssl::stream<asio::ip::tcp::socket>>);
static_assert(!download_sink<std::string> && !download_sink<std::filesystem::path>);

// One download into a sink on the client's own context.
struct into_sink
{
    explicit into_sink(scripted_server::behaviour what)
        : server(scripted_server::security::tls, std::move(what))
    {}

    void run(slow_sink& sink, download_options options = {})
    {
        client user(context, server.config());
        user.download(video_at(server.base_url() + "/v.mp4"), sink, options, done.token());
        run_to_end(context);
    }

    asio::io_context context;
    scripted_server server;
    recorder<std::uint64_t> done;
};

} // namespace

TEST_CASE("client download: into memory, with the bytes of the file and not more than the cap")
{
    std::string const bytes = clip(70'000);
    scripted_server server(scripted_server::security::tls, cut_storage(bytes, 30'000));
    for (std::uint64_t const cap : {70'000U, 69'999U, 1'000'000U}) {
        CAPTURE(cap);
        asio::io_context context;
        client user(context, server.config());
        recorder<std::string> got;
        user.download(video_at(server.base_url() + "/v.mp4"), into_memory(cap), got.token());
        run_to_end(context);
        if (cap < bytes.size()) {
            CHECK(got.why().code() == errc::download_too_large);
            CHECK(got.why().task_id() == "task_1");
        } else {
            CHECK(got.value() == bytes);
        }
    }
    CHECK(server.requests().size() == 3 + 1 + 3);
}

TEST_CASE("client download: into memory, a file of unknown size ends at the cap, too")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + clip(100'000) +
                   "\r\n0\r\n\r\n");
        peer.wait_for_end();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<std::string> got;
    recorder<std::string> whole;
    user.download(video_at(server.base_url() + "/v"), into_memory(99'999), got.token());
    user.download(video_at(server.base_url() + "/v"), into_memory(100'000), whole.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::download_too_large);
    CHECK(whole.value() == clip(100'000));
}

TEST_CASE("client download: a sink gets each byte once and in order, however often the transfer is cut")
{
    std::string const bytes = clip(200'000);
    for (std::size_t const most : {std::size_t{1'000}, std::size_t{1} << 20U}) {
        into_sink f(cut_storage(bytes, 45'000));
        slow_sink sink(f.context, most);
        f.run(sink);
        CHECK(f.done.value() == bytes.size());
        CHECK(sink.got == bytes);
        CHECK(f.server.requests().size() == 5);
    }
}

TEST_CASE("client download: where a storage ignores ranges, a sink is not given the same bytes twice")
{
    std::string const bytes = clip(50'000);
    into_sink f([&](scripted_server::peer& peer) {
        peer.request();
        peer.write(ok_head(bytes.size()) + bytes.substr(0, peer.index == 0 ? 20'000 : bytes.size()));
        if (peer.index == 0)
            peer.cut();
        else
            peer.wait_for_end();
    });
    slow_sink sink(f.context, 4'096);
    f.run(sink);
    CHECK(f.done.value() == bytes.size());
    CHECK(sink.got == bytes);
}

TEST_CASE("client download: a file that changes under a sink is an error, because what was given is gone")
{
    std::string const bytes = clip(50'000);
    for (std::string const tag : {"\"another\"", "", "W/\"weak\""}) {
        CAPTURE(tag);
        into_sink f([&](scripted_server::peer& peer) {
            peer.request();
            std::string const now = tag[0] == '"' && peer.index == 0 ? "\"first\"" : tag;
            peer.write(ok_head(bytes.size(), now) + bytes.substr(0, peer.index == 0 ? 20'000 : bytes.size()));
            if (peer.index == 0)
                peer.cut();
            else
                peer.wait_for_end();
        });
        slow_sink sink(f.context, 4'096);
        f.run(sink);
        CHECK(f.done.why().code() == errc::download_corrupt);
        CHECK(f.done.why().describe().find("20000 bytes") != std::string::npos);
        CHECK(sink.got == bytes.substr(0, 20'000));
    }
}

TEST_CASE("client download: a sink gets nothing of a page that stands in the place of a video")
{
    into_sink f([](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, "<html>" + std::string(5'000, ' ') + "sign in</html>");
        }
    });
    slow_sink sink(f.context, 4'096);
    f.run(sink);
    CHECK(f.done.why().code() == errc::download_corrupt);
    CHECK(sink.writes == 0);
}

TEST_CASE("client download: what a sink reports ends the download, and is told")
{
    std::string const bytes = clip(50'000);
    into_sink f(cut_storage(bytes, bytes.size()));
    slow_sink sink(f.context, 1'000);
    sink.fails_after = 30'000;
    f.run(sink);
    CHECK(f.done.why().code() == errc::file_error);
    CHECK(f.done.why().underlying() == boost::system::errc::broken_pipe);
    CHECK(f.done.why().describe().find("the sink") != std::string::npos);
    CHECK(f.server.requests().size() == 1);
}

TEST_CASE("client download: a sink that takes nothing holds the sender up, for longer than a stall may last")
{
    std::string const bytes = clip(32'000'000);
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        int const room = 64'000;
        ::setsockopt(peer.socket().native_handle(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        peer.write(answer_for(peer.request(), bytes));
        peer.wait_for_end();
    });
    asio::io_context context;
    client_config config = server.config();
    config.timeouts.read = 50ms;
    client user(context, std::move(config));
    asio::local::stream_protocol::socket sink(context);
    asio::local::stream_protocol::socket reader(context);
    asio::local::connect_pair(sink, reader);
    recorder<std::uint64_t> done;
    user.download(video_at(server.base_url() + "/v"), sink, done.token());
    asio::steady_timer pause(context, 500ms);
    std::uint64_t before = 0;
    pause.async_wait([&](error_code) { before = user.metrics().bytes_downloaded; });
    run_until(context, [&] { return before > 0; });
    CHECK_FALSE(done.done());
    CHECK(before < 1'000'000);

    std::string got;
    std::array<char, 65'536> piece;
    std::function<void()> const read = [&] {
        reader.async_read_some(asio::buffer(piece), [&](error_code code, std::size_t count) {
            got.append(piece.data(), count);
            if (!code && got.size() < bytes.size())
                read();
        });
    };
    read();
    run_to_end(context);
    CHECK(done.value() == bytes.size());
    CHECK((got == bytes));
    CHECK(server.requests().size() == 1);
}

TEST_CASE("client download: cancelling ends a sink's own operation, and waits for its end")
{
    std::string const bytes = clip(50'000);
    for (bool const by_limit : {false, true}) {
        scripted_server server(scripted_server::security::tls, cut_storage(bytes, bytes.size()));
        asio::io_context context;
        asio::io_context elsewhere;
        auto const work = asio::make_work_guard(elsewhere);
        std::thread other([&] { elsewhere.run(); });
        client user(context, server.config());
        asio::local::stream_protocol::socket sink(elsewhere);
        asio::local::stream_protocol::socket reader(elsewhere);
        asio::local::connect_pair(sink, reader);
        // The first piece fits, the second waits for a reader.
        sink.set_option(asio::socket_base::send_buffer_size(4'096));
        recorder<std::uint64_t> done;
        asio::cancellation_signal stop;
        download_options options;
        if (by_limit)
            options.timeout = 200ms;
        user.download(video_at(server.base_url() + "/v"), sink, options,
                      as_result(asio::bind_cancellation_slot(stop.slot(), done.plain())));
        if (!by_limit) {
            run_until(context, [&] { return user.metrics().bytes_downloaded > 0; });
            stop.emit(asio::cancellation_type::terminal);
        }
        run_to_end(context);
        elsewhere.stop();
        other.join();
        CHECK(done.why().code() == (by_limit ? make_error_code(errc::deadline_exceeded)
                                             : error_code(asio::error::operation_aborted)));
    }
}

TEST_CASE("client download: progress is told as it is made, and comes to the whole")
{
    std::string const bytes = clip(200'000);
    scripted_server server(scripted_server::security::tls, cut_storage(bytes, 90'000));
    scratch_folder folder;
    asio::io_context context;
    client user(context, server.config());
    std::vector<transfer_progress> told;
    auto const tell = [&](transfer_progress now) { told.push_back(now); };
    recorder<std::uint64_t> file;
    user.download(video_at(server.base_url() + "/v"), folder / "v.mp4", {.on_progress = tell}, file.token());
    run_to_end(context);
    REQUIRE(file.value() == bytes.size());
    REQUIRE(told.size() > 10);
    for (std::size_t i = 1; i < told.size(); ++i)
        CHECK(told[i - 1].bytes < told[i].bytes);
    for (transfer_progress const& each : told)
        CHECK(each.total == bytes.size());
    CHECK(told.back().bytes == bytes.size());
}

TEST_CASE("client download: all samples of a task, each in a file of its own")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    for (int const samples : {1, 3}) {
        task_result const done = b.finished(
            user,
            text_to_video<veo_3_1_fast_official>("a retriever").duration(8s).sample_count(runtime(samples)));
        recorder<std::vector<std::string>> got;
        user.download_all(done, folder / "dog.mp4", got.token());
        b.run();
        std::vector<std::string> expected{(folder / "dog.mp4").string()};
        if (samples > 1)
            expected = {(folder / "dog-1.mp4").string(), (folder / "dog-2.mp4").string(),
                        (folder / "dog-3.mp4").string()};
        CHECK(got.value() == expected);
        for (std::string const& path : expected)
            CHECK(bytes_of(path).starts_with(apimart::testing::sample_video()));
    }
    CHECK(folder.names() == std::set<std::string>{"dog-1.mp4", "dog-2.mp4", "dog-3.mp4", "dog.mp4"});
}

TEST_CASE("client download: all samples of a task, where there are none, one exists, or one fails")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        for (;;) {
            bool const is_third = peer.request().starts_with("GET /3 ");
            peer.write(is_third ? "HTTP/1.1 418 X\r\nContent-Length: 0\r\n\r\n" : ok_head(100) + clip(100));
        }
    });
    task_state of("task_1", task_status::succeeded, "completed");
    of.videos({video_at(server.base_url() + "/1", 0), video_at(server.base_url() + "/2", 1),
               video_at(server.base_url() + "/3", 2)});
    scratch_folder folder;
    asio::io_context context;
    client user(context, server.config());
    auto const outcome = [&](task_state const& state, download_options options) {
        recorder<std::vector<std::string>> got;
        user.download_all(state, folder / "v.mp4", options, got.token());
        run_to_end(context);
        return got.why();
    };
    CHECK(outcome(task_state("task_2", task_status::succeeded, "completed"), {}).code() == errc::no_result);

    std::ofstream(folder / "v-3.mp4") << "precious";
    error_info const taken = outcome(of, {});
    CHECK(taken.code() == errc::file_exists);
    CHECK(taken.describe().find("v-3.mp4") != std::string::npos);
    CHECK(server.requests().empty());

    error_info const failed = outcome(of, {.overwrite = true});
    CHECK(failed.code() == errc::bad_response);
    CHECK(failed.describe().find("v-3.mp4") != std::string::npos);
    CHECK(failed.task_id() == "task_1");
    CHECK(folder.names() == std::set<std::string>{"v-1.mp4", "v-2.mp4", "v-3.mp4"});
    CHECK(bytes_of(folder / "v-3.mp4") == "precious");
}
