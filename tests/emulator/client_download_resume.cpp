// What is left of a download that ended early, who goes on with it, and the last step into the target's folder.
#include "download_fixture.hpp"
#include "replaced_system_calls.hpp"

#include <apimart/operations/partial_file.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace client_tests;
using namespace apimart;

namespace {

std::set<std::string> const kept_names{"v.mp4.part", "v.mp4.part.json"};

// A storage, and calls of several processes in a row for one file from it. Each call is a client of its own.
class interrupted
{
public:
    std::string bytes = clip(100'000);
    std::string etag = "\"tag-1\"";
    scratch_folder folder;
    std::atomic<std::size_t> sends = 40'000; // so much of a body, then it is cut
    scripted_server server{scripted_server::security::tls, [this](scripted_server::peer& peer) {
                               std::string const answer = answer_for(peer.request(), bytes, etag);
                               std::size_t const end = answer.find("\r\n\r\n") + 4 + sends;
                               peer.write(answer.substr(0, end));
                               if (end < answer.size())
                                   peer.cut();
                               else
                                   peer.wait_for_end();
                           }};

    recorder<std::uint64_t> run(std::string const& link = "/v.mp4?sig=one", download_options options = {})
    {
        asio::io_context context;
        client user(context, server.config());
        recorder<std::uint64_t> done;
        user.download(video_at(server.base_url() + link), folder / "v.mp4", options, done.token());
        run_to_end(context);
        return done;
    }
    // A call that brings the first 40,000 bytes.
    error_info begin() { return run("/v.mp4?sig=one", {.max_retries = 0}).why(); }
    // A call that can bring all there is.
    void finish(std::string const& link = "/v.mp4?sig=two")
    {
        sends = bytes.size();
        CHECK(run(link).value() == bytes.size());
        CHECK(bytes_of(folder / "v.mp4") == bytes);
        CHECK(folder.names() == std::set<std::string>{"v.mp4"});
    }
    // The first byte that was asked for by the last request.
    std::string asked() const
    {
        std::string const last = server.requests().back();
        auto const at = last.find("Range: bytes=");
        return at == std::string::npos ? "all" : last.substr(at + 13, last.find('-', at) - at - 13);
    }
    std::string part() const { return bytes_of(folder / "v.mp4.part"); }
};

} // namespace

TEST_CASE("client download: a later process goes on where an earlier one ended, with another permission")
{
    interrupted f;
    CHECK(f.begin().code() == errc::stream_truncated);
    CHECK(f.folder.names() == kept_names);
    CHECK(f.part() == f.bytes.substr(0, 40'000));
    std::string const record = bytes_of(f.folder / "v.mp4.part.json");
    CHECK(record.find("/v.mp4") != std::string::npos);
    CHECK(record.find("sig") == std::string::npos);

    std::vector<std::uint64_t> told;
    auto const tell = [&](transfer_progress now) { told.push_back(now.bytes); };
    f.sends = f.bytes.size();
    CHECK(f.run("/v.mp4?sig=two", {.on_progress = tell}).value() == f.bytes.size());
    CHECK(bytes_of(f.folder / "v.mp4") == f.bytes);
    CHECK(f.asked() == "40000");
    CHECK(told.front() > 40'000);
    CHECK(f.folder.names() == std::set<std::string>{"v.mp4"});
}

TEST_CASE("client download: a process that is killed leaves what the next one goes on with")
{
    interrupted f;
    f.sends = 40'000;
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        asio::io_context context;
        client user(context, f.server.config());
        auto const die = [](transfer_progress now) {
            if (now.bytes >= 20'000)
                ::kill(::getpid(), SIGKILL);
        };
        user.download(video_at(f.server.base_url() + "/v.mp4"), f.folder / "v.mp4", {.on_progress = die},
                      [](error_code, std::uint64_t) {});
        context.run_for(guard);
        std::_Exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    std::size_t const left = f.part().size();
    CHECK(left >= 20'000);
    f.finish("/v.mp4");
    CHECK(f.asked() == std::to_string(left));
}

TEST_CASE("client download: what a cancelled, timed out or shut down download has fetched is kept")
{
    for (std::string const how : {"cancel", "limit", "shutdown", "context"}) {
        CAPTURE(how);
        interrupted f;
        scripted_server slow(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.write(answer_for(peer.request(), f.bytes).substr(0, 40'000));
            peer.wait_for_end();
        });
        {
            asio::io_context context;
            client user(context, slow.config());
            recorder<std::uint64_t> done;
            recorder<shutdown_report> ended;
            asio::cancellation_signal stop;
            download_options options;
            if (how == "limit")
                options.timeout = 300ms;
            user.download(video_at(slow.base_url() + "/v"), f.folder / "v.mp4", options,
                          as_result(asio::bind_cancellation_slot(stop.slot(), done.plain())));
            run_until(context, [&] { return user.metrics().bytes_downloaded > 30'000; });
            if (how == "cancel")
                stop.emit(asio::cancellation_type::total);
            if (how == "shutdown")
                user.shutdown(ended.token());
            if (how != "context") {
                run_to_end(context);
                CHECK_FALSE(done.outcome().has_value());
            }
        }
        CHECK(f.folder.names() == kept_names);
        CHECK(f.bytes.starts_with(f.part()));
        CHECK(f.part().size() > 30'000);
    }
}

TEST_CASE("client download: nothing is kept of what could not be gone on with, or is of no use")
{
    interrupted f;
    SUBCASE("without a validator")
    {
        f.etag = "";
        f.begin();
    }
    SUBCASE("with a weak one")
    {
        f.etag = "W/\"1\"";
        f.begin();
    }
    SUBCASE("before the first bytes")
    {
        f.sends = 0;
        f.begin();
    }
    SUBCASE("above the limit")
    {
        f.sends = f.bytes.size();
        CHECK(f.run("/v.mp4", {.max_size = 99'999}).why().code() == errc::download_too_large);
    }
    SUBCASE("after a success")
    {
        f.finish();
        std::filesystem::remove(f.folder / "v.mp4");
    }
    CHECK(f.folder.names().empty());
}

TEST_CASE("client download: a part is not added to where the file is another one by now")
{
    interrupted f;
    f.begin();
    f.etag = "\"tag-2\"";
    f.bytes = clip(90'000);
    f.finish();
    CHECK(f.asked() == "40000");
}

TEST_CASE("client download: what was fetched wholly and could not be put in place is not fetched again")
{
    interrupted f;
    std::filesystem::create_directory(f.folder / "v.mp4");
    f.sends = f.bytes.size();
    CHECK(f.run("/v.mp4", {.overwrite = true}).why().code() == errc::file_error);
    CHECK(f.part() == f.bytes);
    std::filesystem::remove(f.folder / "v.mp4");
    f.finish();
    CHECK(f.asked() == std::to_string(f.bytes.size()));
}

TEST_CASE("client download: a part that nothing vouches for, or that others prepared, is never added to")
{
    namespace fs = std::filesystem;
    interrupted f;
    f.begin();
    fs::path const part = f.folder / "v.mp4.part";
    fs::path const record = f.folder / "v.mp4.part.json";
    std::string const told = bytes_of(record);
    auto const rewrite = [&](std::string const& text) {
        fs::remove(record);
        std::ofstream(record) << text;
        fs::permissions(record, fs::perms(0600));
    };
    std::string link = "/v.mp4?sig=two";
    std::string expected = "all";
    SUBCASE("the control")
    {
        rewrite(told), expected = "40000";
    }
    SUBCASE("another link")
    {
        link = "/w.mp4?sig=one";
    }
    SUBCASE("no record")
    {
        fs::remove(record);
    }
    SUBCASE("an empty record")
    {
        rewrite("");
    }
    SUBCASE("a record that is cut")
    {
        rewrite(told.substr(0, told.size() - 2));
    }
    SUBCASE("a record that is no object")
    {
        rewrite("[1]");
    }
    SUBCASE("a record of another kind")
    {
        rewrite(R"({"link":1,"validator":2,"part":3})");
    }
    SUBCASE("a record without its validator")
    {
        auto const at = told.find("\\\"tag-1\\\"");
        rewrite(std::string(told).erase(at, 9));
    }
    SUBCASE("a validator with a line end")
    {
        auto const at = told.find("tag-1");
        rewrite(std::string(told).replace(at, 5, "\\r\\nX: y"));
    }
    SUBCASE("a size below what is there")
    {
        auto const at = told.find("100000");
        rewrite(std::string(told).replace(at, 6, "39999"));
    }
    SUBCASE("a record that others may write")
    {
        fs::permissions(record, fs::perms(0666));
    }
    SUBCASE("a record behind a link")
    {
        fs::rename(record, f.folder / "elsewhere");
        fs::create_symlink(f.folder / "elsewhere", record);
    }
    SUBCASE("a record that is a pipe")
    {
        fs::remove(record);
        REQUIRE(::mkfifo(record.c_str(), 0600) == 0);
    }
    SUBCASE("a record with a second name")
    {
        fs::create_hard_link(record, f.folder / "elsewhere");
    }
    SUBCASE("another file under the part's name")
    {
        std::string const bytes = bytes_of(part);
        fs::rename(part, f.folder / "elsewhere");
        std::ofstream(part) << bytes;
    }
    SUBCASE("a part with a second name")
    {
        fs::create_hard_link(part, f.folder / "elsewhere");
    }
    SUBCASE("an empty part")
    {
        fs::resize_file(part, 0);
    }
    f.sends = f.bytes.size();
    CHECK(f.run(link).value() == f.bytes.size());
    CHECK(bytes_of(f.folder / "v.mp4") == f.bytes);
    CHECK(f.asked() == expected);
    CHECK_FALSE(fs::exists(part));
    CHECK_FALSE(fs::exists(record));
}

TEST_CASE("client download: links and pipes in the part's place are left alone, and the error names them")
{
    namespace fs = std::filesystem;
    interrupted f;
    fs::path const part = f.folder / "v.mp4.part";
    SUBCASE("a link")
    {
        fs::create_symlink(f.folder / "elsewhere", part);
    }
    SUBCASE("a pipe")
    {
        REQUIRE(::mkfifo(part.c_str(), 0600) == 0);
    }
    SUBCASE("a folder")
    {
        fs::create_directory(part);
    }
    error_info const why = f.run().why();
    CHECK(why.code() == errc::file_error);
    CHECK(why.describe().find("v.mp4.part") != std::string::npos);
    CHECK(f.folder.names() == std::set<std::string>{"v.mp4.part"});
    CHECK(f.server.requests().empty());
}

TEST_CASE("client download: of two downloads to one path the second is refused and spoils nothing")
{
    interrupted f;
    f.sends = f.bytes.size();
    asio::io_context context;
    client user(context, f.server.config());
    recorder<std::uint64_t> first;
    recorder<std::uint64_t> second;
    user.download(video_at(f.server.base_url() + "/v"), f.folder / "v.mp4", first.token());
    user.download(video_at(f.server.base_url() + "/v"), f.folder / "v.mp4", second.token());
    run_to_end(context);
    CHECK(first.value() == f.bytes.size());
    CHECK(second.why().code() == errc::file_error);
    CHECK(second.why().underlying() == boost::system::errc::operation_would_block);
    CHECK(bytes_of(f.folder / "v.mp4") == f.bytes);
    CHECK(f.folder.names() == std::set<std::string>{"v.mp4"});
}

TEST_CASE("client download: a full disk keeps what it has taken, and the error says how to go on")
{
    for (int const code : {ENOSPC, EDQUOT, EFBIG}) {
        CAPTURE(code);
        interrupted f;
        f.sends = f.bytes.size();
        {
            replaced_system_calls calls;
            calls.write_error = code;
            calls.room = 50'000;
            error_info const why = f.run().why();
            CHECK(why.code() == errc::file_error);
            CHECK(why.underlying() == error_code(code, boost::system::system_category()));
            for (char const* const words :
                 {"v.mp4.part: ", "make room", "the next download to this path goes on"})
                CHECK(why.describe().find(words) != std::string::npos);
            CHECK(f.server.requests().size() == 1);
        }
        CHECK(f.folder.names() == kept_names);
        CHECK(f.bytes.starts_with(f.part()));
        std::size_t const left = f.part().size();
        CHECK(left > 49'000);
        f.finish();
        CHECK(f.asked() == std::to_string(left));
    }
}

TEST_CASE("client download: a disk with no room for the record promises nothing and keeps nothing")
{
    interrupted f;
    replaced_system_calls calls;
    calls.write_error = ENOSPC;
    calls.room = 10;
    error_info const why = f.run().why();
    CHECK(why.code() == errc::file_error);
    CHECK(why.describe().find("goes on") == std::string::npos);
    CHECK(f.folder.names().empty());
}

TEST_CASE("client download: a folder without hard links gets its file, and what is there is not replaced")
{
    for (int const rename_error : {0, EINVAL, ENOSYS}) {
        for (bool const taken : {false, true}) {
            CAPTURE(rename_error);
            CAPTURE(taken);
            interrupted f;
            f.sends = f.bytes.size();
            replaced_system_calls calls;
            calls.link_error = EPERM;
            calls.rename_error = rename_error;
            detail::partial_file file(f.folder / "v.mp4");
            REQUIRE_FALSE(file.open());
            REQUIRE_FALSE(file.append(f.bytes.data(), f.bytes.size()));
            if (taken)
                std::ofstream(f.folder / "v.mp4") << "precious";
            error_code const code = file.finish(false);
            if (taken) {
                CHECK(code == boost::system::errc::file_exists);
                CHECK(bytes_of(f.folder / "v.mp4") == "precious");
                CHECK(f.part() == f.bytes);
            } else {
                CHECK_FALSE(code);
                CHECK(bytes_of(f.folder / "v.mp4") == f.bytes);
                CHECK(f.folder.names() == std::set<std::string>{"v.mp4"});
            }
        }
    }
}

TEST_CASE("client download: a proxy that answers every name from 198.18.0.0/15 works where that is allowed")
{
    scripted_server server(
        scripted_server::security::tls,
        [](scripted_server::peer& peer) {
            peer.request();
            peer.write(ok_head(100) + clip(100));
            peer.wait_for_end();
        },
        "DNS:cdn.example");
    replaced_system_calls calls;
    calls.leads_fake_ip_home = true;
    std::string const port = std::to_string(server.port());
    for (bool const allowed : {false, true}) {
        CAPTURE(allowed);
        scratch_folder folder;
        asio::io_context context;
        client_config config = quick_config("https://api.example", server.ca_pem());
        config.resolver.add_host("cdn.example", {"198.18.0.7"}).allow_fake_ip(allowed);
        client user(context, std::move(config));
        recorder<std::uint64_t> by_name;
        recorder<std::uint64_t> by_address;
        user.download(video_at("https://cdn.example:" + port + "/v.mp4"), folder / "v.mp4", by_name.token());
        user.download(video_at("https://198.18.0.7:" + port + "/v.mp4"), folder / "w.mp4",
                      by_address.token());
        run_to_end(context);
        CHECK(by_name.outcome().has_value() == allowed);
        if (!allowed)
            CHECK(by_name.why().describe().find("allow_fake_ip") != std::string::npos);
        CHECK(by_address.why().code() == errc::url_not_allowed);
        CHECK(server.connections() == (allowed ? 1 : 0));
        if (allowed)
            CHECK(server.requests()[0].find(key_text) == std::string::npos);
    }
}
