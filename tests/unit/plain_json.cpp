// The quick way through an answer gives what the whole reader gives, or leaves the answer to it.
#include <apimart/protocol/plain_json.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/protocol/task_response.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace apimart;
using namespace apimart::detail;

namespace {

http_reply answer(std::string body)
{
    http_reply reply;
    reply.status = 200;
    reply.body = std::move(body);
    return reply;
}

// A byte order mark is tolerated by the tree's reader only.
constexpr std::string_view mark = "\xEF\xBB\xBF";

std::string told(submit_reply const& reply)
{
    std::ostringstream out;
    out << static_cast<int>(reply.verdict) << ' ' << reply.task_id << ' ' << reply.why.describe();
    return out.str();
}

template <class T>
std::string told(std::optional<T> const& value)
{
    std::ostringstream out;
    out.precision(17);
    if (!value)
        out << "-";
    else if constexpr (requires { value->count(); })
        out << value->count();
    else if constexpr (requires { value->time_since_epoch(); })
        out << value->time_since_epoch().count();
    else
        out << *value;
    return out.str();
}

std::string told(result<task_state> const& read)
{
    if (!read)
        return read.error().describe();
    std::ostringstream out;
    out << read->id() << ' ' << to_string(read->status()) << ' ' << read->word() << ' '
        << told(read->progress()) << ' ' << told(read->estimated_time()) << ' ' << told(read->actual_time())
        << ' ' << told(read->created()) << ' ' << told(read->completed()) << ' ' << told(read->cost()) << ' '
        << told(read->credits_cost());
    for (video_file const& file : read->videos())
        out << " [" << file.task_id() << ' ' << file.index() << ' ' << file.url().reveal() << ' '
            << told(file.expires_at()) << ']';
    return out.str();
}

// Where an error names a place in the body, the mark has moved it.
std::string without_places(std::string text)
{
    for (std::size_t at = text.find("at byte "); at != std::string::npos;
         at = text.find("at byte ", at + 8)) {
        std::size_t const begin = at + 8;
        text.erase(begin, text.find_first_not_of("0123456789", begin) - begin);
    }
    // Bodies are quoted.
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
        text.erase(at, mark.size());
    return text;
}

void check_submit(std::string const& body)
{
    CAPTURE(body);
    CHECK(without_places(told(read_submit_reply(answer(body), {}))) ==
          without_places(told(read_submit_reply(answer(std::string(mark) + body), {}))));
}

void check_task(std::string const& body)
{
    CAPTURE(body);
    CHECK(without_places(told(read_task_reply(answer(body), "task_1", {}))) ==
          without_places(told(read_task_reply(answer(std::string(mark) + body), "task_1", {}))));
}

// The document itself, cut, and with each byte left out, doubled, or replaced by one that means something.
template <class Check>
void check_neighbours(std::string const& body, Check check)
{
    check(body);
    for (std::size_t at = 0; at < body.size(); ++at) {
        check(body.substr(0, at + 1));
        std::string changed = body;
        changed.erase(at, 1);
        check(changed);
        changed.insert(at, 2, body[at]);
        check(changed);
        for (char const c : std::string_view("\"\\{}[]:,-.0e n\x01\x80", 16)) {
            changed = body;
            changed[at] = c;
            check(changed);
        }
    }
}

} // namespace

TEST_CASE("plain JSON is read without a tree")
{
    plain_json json(" { \"a\" : [ 1 , -20 , 0 ] , \"text\" : \"0123456789\x7F abcdef\" , \"b\":0.64 , "
                    "\"c\":{\"d\":[true,false,null,{}]} }\r\n");
    std::vector<std::int64_t> numbers;
    std::string text;
    double fraction = 0;
    json.object([&](std::string_view name) {
        if (name == "a")
            json.array([&] { numbers.push_back(json.integer()); });
        else if (name == "text")
            text = json.text();
        else if (name == "b")
            fraction = json.fraction();
        else
            json.skip();
    });
    CHECK(json.ended());
    CHECK(numbers == std::vector<std::int64_t>{1, -20, 0});
    CHECK(text == "0123456789\x7F abcdef");
    CHECK(fraction == 0.64);
}

TEST_CASE("whatever is valid to the quick reader is the same value to Boost.JSON")
{
    for (std::string_view const text : {"0",
                                        "-0",
                                        "01",
                                        "1.",
                                        ".5",
                                        "1.5",
                                        "-1.25",
                                        "1e3",
                                        "1E3",
                                        "-",
                                        "--1",
                                        "+1",
                                        "999999999999999",
                                        "1000000000000000",
                                        "12345678901234.5",
                                        "0.000000000000001",
                                        "0.1",
                                        "0.64",
                                        "100.10",
                                        "\"\"",
                                        "\"plain\"",
                                        "\"a\\n\"",
                                        "\"\\u0041\"",
                                        "\"\xC3\xA4\"",
                                        "\"tab\there\"",
                                        "\"open",
                                        "true",
                                        "tru",
                                        "false",
                                        "null",
                                        "nul",
                                        "[]",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "{}",
                                        "{\"a\":1,}",
                                        "{\"a\"}",
                                        "{a:1}",
                                        "{\"a\":1}x",
                                        "[[[[[[[[[[1]]]]]]]]]]",
                                        "",
                                        " ",
                                        "[1]\0"}) {
        CAPTURE(text);
        plain_json json(text);
        json.skip();
        if (!json.ended())
            continue;
        error_code code;
        boost::json::value const value = boost::json::parse(text, code);
        CHECK(!code);
        if (value.is_double()) {
            plain_json again(text);
            CHECK(again.fraction() == value.get_double());
            CHECK(again.ended());
        } else if (value.is_int64()) {
            plain_json again(text);
            CHECK(again.integer() == value.get_int64());
            CHECK(again.ended());
        }
    }
    // The other direction: these must not be left to the slow way.
    for (std::string_view const text :
         {"0", "-1.25", "0.64", "999999999999999", "\"plain\"", "[]", "{}", "null"}) {
        CAPTURE(text);
        plain_json json(text);
        json.skip();
        CHECK(json.ended());
    }
}

TEST_CASE("a ticket read the quick way is the ticket that the tree shows")
{
    check_neighbours(R"({"code":200,"data":[{"status":"submitted","task_id":"task_1"}]})", check_submit);
    for (char const* const body :
         {R"({"code":200,"data":[{"task_id":"task_1"}],"data":[{"task_id":"task_2"}]})",
          R"({"code":200,"data":[{"task_id":""}],"data":[{"task_id":"task_2"}]})",
          R"({"code":200,"data":[{"task_id":"","task_id":"task_2"}]})",
          R"({"code":200,"data":[{"task_id":"task_1","task_id":"task_1"}]})",
          R"({"code":200,"data":[{"id":"task_1","task_id":"task_2"}]})",
          R"({"code":200,"id":"task_1","data":[{"task_id":"task_2"}]})",
          R"({"code":200,"data":[{"task_id":"task_1"}],"x":1,"x":{"id":"task_2"}})",
          R"({"code":200,"data":[{"task_id":"task_1"}],"x":1,"x":2})",
          R"({"code":200,"data":[{"task_id":"task_1"}],"success":false})",
          R"({"code":200,"data":[{"task_id":"task_1"}],"success":true})",
          R"({"code":200,"data":[{"task_id":"task_1"}],"error":{"code":402}})",
          R"({"code":500,"data":[{"task_id":"task_1"}]})",
          R"({"code":"500","data":[{"task_id":"task_1"}]})",
          R"({"code":200,"code":500,"data":[{"task_id":"task_1"}]})",
          R"({"code":500,"code":200,"data":[{"task_id":"task_1"}]})",
          R"({"code":200,"data":[{"task_id":"task_1"},{"task_id":"task_2"}]})",
          R"({"code":200,"data":[[{"task_id":"task_1"}]]})",
          R"({"code":200,"data":{"task_id":"task_1"}})",
          R"({"code":200,"data":[{"task_id":".."}]})",
          R"({"data":[{"task_id":"task_1"}]})"})
        check_submit(body);
}

TEST_CASE("a state read the quick way is the state that the tree shows")
{
    check_neighbours(
        R"({"code":200,"data":{"id":"task_1","status":"completed","progress":100,"result":{"videos":[{"url":["https://h/v.mp4"],)"
        R"("expires_at":1763174708}]},"created":17,"actual_time":119,"cost":0.64}})",
        check_task);
    check_neighbours(R"({"data":{"status":"processing","id":"task_1","progress":null,"estimated_time":60}})",
                     check_task);
    for (
        char const* const data :
        {R"("status":"completed","result":{"videos":[]})",
         R"("status":"completed","result":null)",
         R"("status":"completed","result":"https://h/v.mp4")",
         R"("status":"completed","result":{"video_url":"https://h/v.mp4"})",
         R"("status":"completed","result":{"videos":["https://h/v.mp4"]})",
         R"("status":"completed","result":{"videos":[{"url":"https://h/v.mp4"}]})",
         R"("status":"completed","result":{"videos":[{"url":"https:\/\/h\/v.mp4"}]})",
         R"("status":"completed","result":{"videos":[{"url":["https://h/1","","https://h/2"],"expires_at":7}]})",
         R"("status":"completed","result":{"videos":[{"url":"https://h/1"},{"expires_at":7,"url":"https://h/2"}]})",
         R"("status":"completed","result":{"videos":[{"url":"https://h/1","url":"https://h/2"}]})",
         R"("status":"completed","result":{"videos":[{"url":[{"url":"https://h/1"}]}]})",
         R"("status":"completed","result":{"videos":[{"url":["1","2","3","4","5","6","7","8"]}]})",
         R"("status":"completed","result":{"videos":[{"url":["1","2","3","4","5","6","7","8","9"]}]})",
         R"("status":"completed","result":{"videos":[{"url":"https://h/1"}],"videos":[]})",
         R"("status":"failed","error":{"code":"x","message":"no"})",
         R"("status":"cancelled")",
         R"("status":"running","result":{"videos":[{"url":"https://h/1"}]})",
         R"("status":"running","error":{})",
         R"("status":"running","status":"completed")",
         R"("status":"")",
         R"("status":7)",
         R"("status":"running","progress":"50%")",
         R"("status":"running","progress":50.0)",
         R"("status":"running","progress":50.5)",
         R"("status":"running","progress":-3)",
         R"("status":"running","progress":101)",
         R"("status":"running","created":-1)",
         R"("status":"running","created":999999999999999)",
         R"("status":"running","estimated_time":2678401)",
         R"("status":"running","cost":-0.5)",
         R"("status":"running","cost":"0.5","credits_cost":1e2)",
         R"("status":"running","extra":{"a":[{"id":"other"}]})",
         R"("status":"running","id":"task_1")"}) {
        check_task(std::string(R"({"code":200,"data":{"id":"task_1",)") + data + "}}");
        check_task(std::string(R"({"code":200,"data":{)") + data + "}}");
        check_task(std::string(R"({"id":"task_1",)") + data + "}");
        check_task(std::string(R"({"code":404,"data":{"id":"task_1",)") + data + "}}");
        check_task(std::string(R"({"error":{"code":500},"data":{"id":"task_1",)") + data + "}}");
        check_task(std::string(R"({"code":200,"data":{"id":"task_2",)") + data + "}}");
    }
}
