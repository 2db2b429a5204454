// What storages, links and paths can be, row by row: each row is one answer, or a few, and what comes of it. The names of
// the rows are those of the library's list of faults (F), odd answers of servers (S) and of callers (C).
#include "download_fixture.hpp"

#include <sys/stat.h>

using namespace client_tests;
using namespace apimart;

namespace {

struct answer
{
    std::string bytes;
    bool is_cut = false; // the connection ends behind it
};

answer ok(std::string const& body, std::string const& fields = "ETag: \"1\"\r\n")
{
    return {"HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
            body};
}
answer status(int code, std::string const& fields = "", std::string const& body = "")
{
    return {"HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n" + fields + "\r\n" + body};
}
// The first 400 of a thousand bytes.
answer cut(std::string const& fields = "ETag: \"1\"\r\n")
{
    return {"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n" + fields + "\r\n" + clip(1'000).substr(0, 600),
            true};
}
answer part(std::string const& fields, std::size_t first = 600, std::size_t last = 999)
{
    return {"HTTP/1.1 206 X\r\nContent-Length: " + std::to_string(last - first + 1) + "\r\n" + fields +
            "\r\n" + clip(1'000).substr(first, last - first + 1)};
}
answer redirect(std::string const& location, std::string const& more = "")
{
    return status(302, "Location: " + location + "\r\n" + more);
}

struct row
{
    std::string name;
    std::string what;
    std::vector<answer> answers; // to requests for files, one after the other; the last one again and again
    error_code code{};           // not set: the file is there, a thousand bytes long
    std::string words{};         // in the error
    std::size_t requests = 0;    // for files; not looked at where zero
    download_options options{};
    std::string link = "/v.mp4";
    std::string task = "";
    std::optional<std::chrono::sys_seconds> expires_at{};
};

std::chrono::sys_seconds from_now(std::chrono::hours time)
{
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + time;
}

std::vector<row> all_rows()
{
    std::string const video = clip(1'000);
    answer const good = ok(video);
    std::vector<row> rows;
    auto const add = [&](row one) { rows.push_back(std::move(one)); };
    auto const fails = [](auto code) { return make_error_code(code); };

    for (int const code : {403, 404, 410}) {
        std::string const told = std::to_string(code);
        add({"F80",
             told + ", and the task has a newer link",
             {status(code), good},
             {},
             "",
             2,
             {},
             "/v.mp4",
             "task_1"});
        add({"F80",
             told + ", also of the newer link",
             {status(code)},
             fails(errc::result_expired),
             "task_1",
             2,
             {},
             "/v.mp4",
             "task_1"});
        add({"F80", told + " without a task", {status(code)}, fails(errc::result_expired), "", 1});
        add({"F80",
             told + " behind the first bytes, and a newer link",
             {cut(), status(code), part("ETag: \"1\"\r\nContent-Range: bytes 600-999/1000\r\n")},
             {},
             "",
             3,
             {},
             "/v.mp4",
             "task_1"});
    }
    add({"F80",
         "401 at the service itself",
         {status(401)},
         fails(api_errc::unauthorized),
         "no link gets",
         1});

    std::string const right = "ETag: \"1\"\r\nContent-Range: bytes 600-999/1000\r\n";
    add({"F85", "fewer bytes than announced, then the rest", {cut(), part(right)}, {}, "", 2});
    add({"F85",
         "fewer bytes than announced, for ever",
         {{"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n", true}},
         fails(errc::stream_truncated),
         "",
         3,
         {.max_retries = 2}});
    add({"F85", "more bytes than announced", {{good.bytes + "more"}}, {}, "", 1});
    add({"F86", "a range that is ignored", {cut(), good}, {}, "", 2});

    for (std::string const fields : {"ETag: \"1\"\r\nContent-Range: bytes 500-899/1000\r\n",
                                     "ETag: \"1\"\r\nContent-Range: bytes 601-1000/1001\r\n",
                                     "ETag: \"1\"\r\nContent-Range: bytes 600-999/2000\r\n",
                                     "ETag: \"1\"\r\nContent-Range: bytes 600-999/900\r\n",
                                     "ETag: \"1\"\r\nContent-Range: bytes 999-600/1000\r\n",
                                     "ETag: \"1\"\r\nContent-Range: items 600-999/1000\r\n",
                                     "ETag: \"1\"\r\nContent-Range: bytes 600-999\r\n", "ETag: \"1\"\r\n",
                                     "ETag: \"1\"\r\nContent-Type: multipart/byteranges; boundary=x\r\n"}) {
        add({"F87 S88", "a wrong part once: " + fields, {cut(), part(fields), good}, {}, "", 3});
        add({"F87 S88",
             "a wrong part, and another: " + fields,
             {cut(), part(fields)},
             fails(errc::protocol_error),
             "not the one asked for",
             3});
    }
    add({"S88",
         "a part that was not asked for",
         {part("ETag: \"1\"\r\nContent-Range: bytes 0-399/1000\r\n", 0, 399)},
         fails(errc::protocol_error),
         "not the one asked for",
         1});

    answer const unknown_size{
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\r\n3e8\r\n" + video + "\r\n", true};
    add({"F88",
         "416 where all of it is there",
         {unknown_size, status(416, "Content-Range: bytes */1000\r\n")},
         {},
         "",
         2});
    for (std::string const fields : {"Content-Range: bytes */900\r\n", "Content-Range: bytes */1001\r\n", ""})
        add({"F88", "416 where it is not: " + fields, {cut(), status(416, fields), good}, {}, "", 3});

    for (std::string const tag : {"\"2\"", "W/\"1\"", "1", ""})
        add({"F89 S89",
             "a part with the tag " + tag,
             {cut(), part("ETag: " + tag + "\r\nContent-Range: bytes 600-999/1000\r\n"), good},
             {},
             "",
             3});
    for (std::string const fields :
         {"ETag: W/\"1\"\r\n", "ETag: 1\r\n", "", "Last-Modified: Fri, 14 Nov 2025 02:44:49 GMT\r\n"})
        add({"S89", "nothing to ask for the rest by: " + fields, {cut(fields), good}, {}, "", 2});
    std::string const date = "Last-Modified: Fri, 14 Nov 2025 02:44:49 GMT\r\n";
    add({"F89",
         "a date that is old enough",
         {cut(date + "Date: Sat, 15 Nov 2025 02:44:49 GMT\r\n"),
          part(date + "Content-Range: bytes 600-999/1000\r\n")},
         {},
         "",
         2});
    add({"F89",
         "another date",
         {cut(date + "Date: Sat, 15 Nov 2025 02:44:49 GMT\r\n"),
          part("Last-Modified: Fri, 14 Nov 2025 02:44:50 GMT\r\nContent-Range: bytes 600-999/1000\r\n"),
          good},
         {},
         "",
         3});

    for (auto const& [type, body] : std::vector<std::pair<std::string, std::string>>{
             {"text/html", "<html>sign in</html>"},
             {"text/html", "<!doctype html>" + std::string(100'000, ' ')},
             {"video/mp4", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"},
             {"video/mp4", "{\"error\":{\"message\":\"no\"}}"},
             {"application/octet-stream", "upstream connect error or disconnect/reset before headers"},
             {"text/plain; charset=utf-8", "moved"}}) {
        answer const page = ok(body, "Content-Type: " + type + "\r\n");
        add({"F90 S75 S76", type + ": " + body.substr(0, 20), {page}, fails(errc::download_corrupt), "", 2});
        add({"F90", type + " once: " + body.substr(0, 20), {page, good}, {}, "", 2});
    }
    add({"S75",
         "the type of a page, and the bytes of a video",
         {ok(video, "Content-Type: text/html\r\n")},
         {},
         "",
         1});

    add({"F91 S77", "nothing at all", {ok("")}, fails(errc::download_corrupt), "empty", 1});
    add({"F91 S77",
         "nothing in chunks",
         {{"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}},
         fails(errc::download_corrupt),
         "empty",
         1});
    add({"F91", "one byte too many", {good}, fails(errc::download_too_large), "999", 1, {.max_size = 999}});
    add({"F91",
         "one byte too many, not announced",
         {{"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + video + "\r\n0\r\n\r\n"}},
         fails(errc::download_too_large),
         "999",
         1,
         {.max_size = 999}});

    for (std::string const host : {"10.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "127.0.0.1:1",
                                   "[fe80::1]", "localhost:1"})
        add({"F94",
             "a redirect to " + host,
             {redirect("https://" + host + "/v")},
             fails(errc::url_not_allowed),
             "",
             1});

    add({"F95 S92",
         "a link that has expired by the clock and works",
         {good},
         {},
         "",
         1,
         {},
         "/v.mp4",
         "",
         from_now(-24h)});
    add({"F95",
         "a link that expired while it was used",
         {cut(), part(right)},
         {},
         "",
         2,
         {},
         "/v.mp4",
         "",
         from_now(-1h)});
    add({"F80",
         "a link that is refused before its time",
         {status(403), status(404), good},
         {},
         "",
         3,
         {.link_patience = 5s},
         "/v.mp4",
         "",
         from_now(24h)});

    for (std::string const link : {"http://example.com/v", "file:///etc/passwd", "ftp://example.com/v",
                                   "data:video/mp4,x", "//example.com/v", "javascript:alert(1)",
                                   "blob:https://example.com/1", "v.mp4", "https:/v", "https://", "HTTPS"})
        add({"S68", link, {good}, fails(errc::url_not_allowed), "", 0, {}, link});
    for (std::string const link : {"https://user@example.com/v",
                                   "https://user:password@example.com/v",
                                   "https://example.com:22/v",
                                   "https://example.com:25/v",
                                   "https://example.com:0/v",
                                   "https://example.com:65536/v",
                                   "https://example.com:x/v",
                                   "https://[fe80::1%25eth0]/v",
                                   "https://2130706433/v",
                                   "https://0177.0.0.1/v",
                                   "https://0x7f.1/v",
                                   "https://127.1/v",
                                   "https://10.0.0.1./v",
                                   "https://localhost/v",
                                   "https://LOCALHOST./v",
                                   "https://a..example.com/v",
                                   "https://\xc3\xa4.example/v",
                                   "https://[::1]/v",
                                   "https://[::ffff:169.254.169.254]/v",
                                   "https://[64:ff9b::7f00:1]/v",
                                   "https://0.0.0.0/v"})
        add({"S69", link, {good}, fails(errc::url_not_allowed), "", 0, {}, link});
    add({"S70",
         "ten thousand bytes",
         {good},
         fails(errc::url_not_allowed),
         "8000",
         0,
         {},
         "/v?" + std::string(10'000, 'x')});
    add({"S70", "a line end", {good}, fails(errc::url_not_allowed), "", 0, {}, "/v\r\nX-Key: y"});
    add({"S70", "blanks, which are encoded", {good}, {}, "", 1, {}, " /a file.mp4?q=a b\t"});
    add({"S70", "a fragment, which is not sent", {good}, {}, "", 1, {}, "/v.mp4#t=5"});

    add({"S71", "a loop", {redirect("/v.mp4")}, fails(errc::url_not_allowed), "too many redirects", 6});
    add({"S71",
         "five redirects",
         {redirect("/1"), redirect("/2"), redirect("/3"), redirect("/4"), redirect("/5"), good},
         {},
         "",
         6});
    add({"S71", "to http", {redirect("http://example.com/v")}, fails(errc::url_not_allowed), "not https", 1});
    for (int const code : {301, 302, 303, 307, 308})
        add({"S71", std::to_string(code), {status(code, "Location: /w\r\n"), good}, {}, "", 2});
    add({"S72", "no Location", {status(302)}, fails(errc::bad_response), "", 1});
    add({"S72", "an empty Location", {redirect("")}, fails(errc::bad_response), "", 1});
    for (std::string const location : {"w.mp4", "./w.mp4", "?sig=2", "/w.mp4", "../w.mp4", " /w.mp4 "})
        add({"S72", "a relative Location: " + location, {redirect(location), good}, {}, "", 2});

    for (std::string const coding : {"gzip", "br", "zstd", "deflate", "compress", "GZIP",
                                     "gzip, gzip, gzip, gzip, gzip, gzip", "identity, gzip", "x-gzip"})
        add({"S73 S74",
             coding,
             {ok(video, "Content-Encoding: " + coding + "\r\n")},
             fails(errc::bad_response),
             "encoded",
             1});
    for (std::string const coding : {"identity", "aws-chunked", "utf-8", ""})
        add({"S73",
             "a coding that means nothing: " + coding,
             {ok(video, "Content-Encoding: " + coding + "\r\n")},
             {},
             "",
             1});

    for (std::string const name : {"filename=../../etc/passwd", "filename=\"C:\\x\"", "filename=a/b",
                                   "filename=.bashrc", "filename=CON", "filename*=UTF-8''..%2F..%2Fx",
                                   "filename*=UTF-8''%E2%80%AEgpj.mp4", "filename=\"\x80\x81\""})
        add({"S78", name, {ok(video, "Content-Disposition: attachment; " + name + "\r\n")}, {}, "", 1});
    add({"S78",
         "a name of five kilobytes",
         {ok(video, "Content-Disposition: attachment; filename=" + std::string(5'000, 'x') + "\r\n")},
         {},
         "",
         1});

    for (std::string const pause : {"-1", "abc", "1e9", "", "0", "Fri, 14 Nov 2025 02:44:49 GMT",
                                    "Friday, 14-Nov-25 02:44:49 GMT", "0, 0"})
        for (int const code : {429, 503})
            add({"S79",
                 std::to_string(code) + " with Retry-After: " + pause,
                 {status(code, "Retry-After: " + pause + "\r\n"), good},
                 {},
                 "",
                 2});
    add({"S79",
         "a pause of thirty years",
         {status(503, "Retry-After: 1000000000\r\n")},
         fails(api_errc::unavailable),
         "",
         1});
    for (std::string const now :
         {"Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday"})
        add({"S80",
             now,
             {status(503, "Date: " + now + "\r\nRetry-After: 0\r\n"), ok(video, "Date: " + now + "\r\n")},
             {},
             "",
             2});
    add({"S81",
         "a cookie with everything",
         {redirect("/w", "Set-Cookie: a=1; Path=/\r\n"), status(503, "Set-Cookie: b=2\r\n"),
          ok(video, "Set-Cookie: c=3\r\n")},
         {},
         "",
         3});
    return rows;
}

// One storage and service for all rows.
class row_server
{
public:
    void check(row const& one)
    {
        CAPTURE(one.name);
        CAPTURE(one.what);
        {
            std::lock_guard const lock(mutex_);
            row_ = &one;
            asked_.clear();
        }
        auto const start = one.link.find_first_not_of(' ');
        bool const is_path = one.link[start] == '/' && !one.link.starts_with("//");
        std::string const link = is_path ? server_.base_url() + one.link.substr(start) : one.link;
        scratch_folder folder;
        asio::io_context context;
        client_config config = server_.config();
        config.tls.use_system_ca(false); // reading it takes longer than a row
        client user(context, std::move(config));
        recorder<std::uint64_t> got;
        user.download(video_file(one.task, 0, result_url(link), one.expires_at), folder / "v.mp4",
                      one.options, got.token());
        run_to_end(context);
        if (one.code) {
            CHECK(got.why().code() == one.code);
            CHECK(got.why().describe().find(one.words) != std::string::npos);
            CHECK(got.why().task_id() == one.task);
            CHECK(folder.names().count("v.mp4") == 0);
        } else if (got.outcome()) {
            CHECK(got.value() == 1'000);
            CHECK(bytes_of(folder / "v.mp4") == clip(1'000));
            CHECK(folder.names() == std::set<std::string>{"v.mp4"});
        } else {
            FAIL_CHECK(got.why().describe());
        }
        std::lock_guard const lock(mutex_);
        if (one.requests != 0)
            CHECK(asked_.size() == one.requests);
        for (std::string const& request : asked_)
            for (char const* const unwanted : {"Cookie", "uthorization", "X-Key"})
                CHECK(request.find(unwanted) == std::string::npos);
    }

private:
    void serve(scripted_server::peer& peer)
    {
        for (;;) {
            std::string const request = peer.request();
            if (request.starts_with("GET /v1/tasks/")) {
                peer.answer(200, completed_body("task_1", server_.base_url() + "/fresh.mp4"));
                continue;
            }
            std::unique_lock lock(mutex_);
            answer const next = row_->answers[std::min(asked_.size(), row_->answers.size() - 1)];
            asked_.push_back(request);
            lock.unlock();
            peer.write(next.bytes);
            if (next.is_cut)
                return peer.cut();
        }
    }

    std::mutex mutex_;
    row const* row_ = nullptr;
    std::vector<std::string> asked_;
    scripted_server server_{scripted_server::security::tls,
                            [this](scripted_server::peer& peer) { serve(peer); }};
};

} // namespace

TEST_CASE("client download: rows of what storages answer and links say")
{
    std::vector<row> const rows = all_rows();
    CHECK(rows.size() > 150);
    row_server server;
    for (row const& one : rows)
        server.check(one);
}

TEST_CASE(
    "client download: rows of paths that cannot be written, which are told before anything is asked for")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.write(ok_head(100) + clip(100));
        peer.wait_for_end();
    });
    scratch_folder folder;
    std::ofstream(folder / "taken") << "precious";
    std::filesystem::create_directory(folder / "folder");
    std::filesystem::create_directory(folder / "sub");
    std::filesystem::create_symlink("nowhere", folder / "link");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    struct path_row
    {
        char const* name;
        std::string path;
        errc code;
    };
    for (path_row const& one : {
             path_row{"C27", "", errc::file_error},
             path_row{"C27", (folder / "sub").string() + "/", errc::file_error},
             path_row{"C27", (folder / "v").string() + std::string("\0.mp4", 5), errc::file_error},
             path_row{"C27 F93", (folder / "taken").string(), errc::file_exists},
             path_row{"C27 F93", (folder / "sub" / ".." / "taken").string(), errc::file_exists},
             path_row{"F93", (folder / "folder").string(), errc::file_exists},
             path_row{"F93", (folder / "link").string(), errc::file_exists},
             path_row{"F93", (folder / "pipe").string(), errc::file_exists},
             path_row{"C28 F92", (folder / "missing" / "v.mp4").string(), errc::file_error},
             path_row{"C28 F92", (folder / "taken" / "v.mp4").string(), errc::file_error},
             path_row{"C28 F92", "/proc/v.mp4", errc::file_error},
             path_row{"C28 F92", (folder / std::string(300, 'n')).string(), errc::file_error},
         }) {
        CAPTURE(one.name);
        CAPTURE(one.path);
        asio::io_context context;
        client user(context, server.config());
        recorder<std::uint64_t> got;
        user.download(video_at(server.base_url() + "/v"), one.path, got.token());
        run_to_end(context);
        CHECK(got.why().code() == one.code);
        CHECK(got.why().task_id() == "task_1");
        CHECK_FALSE(got.why().code() == condition::retryable);
    }
    CHECK(server.requests().empty());
    CHECK(bytes_of(folder / "taken") == "precious");

    // A way up is the caller's to say.
    asio::io_context context;
    client user(context, server.config());
    recorder<std::uint64_t> got;
    user.download(video_at(server.base_url() + "/v"), folder / "sub" / ".." / "v.mp4", got.token());
    run_to_end(context);
    CHECK(got.value() == 100);
    CHECK(std::filesystem::exists(folder / "v.mp4"));
}

TEST_CASE("client wait: rows of what a task may say on its way, none of which ends the wait wrongly")
{
    std::string const done = completed_body("task_1", "https://h/v.mp4");
    auto const says = [](std::string const& members) {
        return R"({"code":200,"data":{"id":"task_1",)" + members + "}}";
    };
    std::atomic<std::size_t> asked = 0;
    std::vector<std::string> answers;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, answers[std::min(asked++, answers.size() - 1)]);
        }
    });
    struct poll_row
    {
        char const* name;
        std::vector<std::string> answers;
        task_status ends;
    };
    for (poll_row const& one : {
             poll_row{"F79",
                      {says(R"("status":"failed","error":{"code":"moderation","message":"no"})")},
                      task_status::failed},
             poll_row{"F79", {says(R"("status":"rejected","error":"refused")")}, task_status::failed},
             poll_row{"F81",
                      {says(R"("status":"polishing")"), says(R"("status":"polishing")"), done},
                      task_status::succeeded},
             poll_row{"F82",
                      {says(R"("status":"processing","progress":90)"),
                       says(R"("status":"processing","progress":10)"),
                       says(R"("status":"pending","progress":0)"), done},
                      task_status::succeeded},
             poll_row{"F82",
                      {says(R"("status":"processing","progress":100)"),
                       says(R"("status":"processing","progress":250)"), done},
                      task_status::succeeded},
             poll_row{"F83", {completed_body("task_2", "https://h/w.mp4"), done}, task_status::succeeded},
             poll_row{"F84 S67",
                      {says(R"("status":"completed","result":{"videos":[]})"), done},
                      task_status::succeeded},
             poll_row{"F84 S67",
                      {says(R"("status":"completed","result":{"videos":[{"url":""}]})"), done},
                      task_status::succeeded},
             poll_row{"F84 S67",
                      {says(R"("status":"completed","result":{"videos":[{"url":7}]})"), done},
                      task_status::succeeded},
             poll_row{"F84 S67", {says(R"("status":"completed")"), done}, task_status::succeeded},
             poll_row{"S90", {done, says(R"("status":"processing","progress":50)")}, task_status::succeeded},
             poll_row{"S90",
                      {says(R"("status":"processing")"), done, says(R"("status":"processing")")},
                      task_status::succeeded},
         }) {
        CAPTURE(one.name);
        CAPTURE(one.answers.front());
        asked = 0;
        answers = one.answers;
        asio::io_context context;
        client user(context, server.config());
        recorder<task_result> got;
        user.wait(task("task_1"), got.token());
        run_to_end(context);
        CHECK(got.value().status() == one.ends);
        CHECK(got.value().id() == "task_1");
        if (one.ends == task_status::succeeded)
            CHECK(got.value().video().url().expose() == "https://h/v.mp4");
        else
            CHECK_FALSE(got.value().error().text().empty());
    }
}

TEST_CASE("client submit: S91, two submits that are told one id are two tasks of that id")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, accepted_body("task_1"));
        }
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task> first;
    recorder<task> second;
    user.submit(corgi(), first.token());
    user.submit(corgi(), second.token());
    run_to_end(context);
    CHECK(first.value().id() == "task_1");
    CHECK(second.value().id() == "task_1");
    CHECK(first.value().idempotency_key() != second.value().idempotency_key());
}
