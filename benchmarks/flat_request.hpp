// How the two tuned peers make a request and read an answer: one text written in place, JSON on the stack.
#pragma once

#include "workload.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

/// Makes the requests of one connection in a text that is used again.
class flat_request
{
public:
    explicit flat_request(workload const& work)
    {
        std::string const fields =
            "Host: " + work.authority() + "\r\nUser-Agent: " + std::string(user_agent) +
            "\r\nAccept: application/json\r\nAuthorization: Bearer " + std::string(secret) + "\r\n";
        post_head_ = "POST " + std::string(submit_path) + " HTTP/1.1\r\n" + fields +
                     "Content-Type: application/json\r\nIdempotency-Key: ";
        get_head_ = "GET " + std::string(task_path);
        get_tail_ = " HTTP/1.1\r\n" + fields + "\r\n";
        text_.reserve(1024);
    }

    std::string_view post(key_source& keys)
    {
        std::array<unsigned char, 1024> memory;
        boost::json::monotonic_resource resource(memory.data(), memory.size());
        boost::json::object body(4, &resource);
        body.emplace("model", model);
        body.emplace("prompt", prompt);
        body.emplace("duration", duration);
        body.emplace("mode", mode);
        serializer_.reset(&body);
        std::array<char, 512> json;
        boost::json::string_view const written = serializer_.read(json.data(), json.size());
        if (!serializer_.done())
            throw std::length_error("the body of a submit");

        std::array<char, 36> const key = keys.next();
        std::array<char, 20> digits;
        char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), written.size()).ptr;
        text_.assign(post_head_);
        text_.append(key.data(), key.size());
        text_.append("\r\nContent-Length: ");
        text_.append(digits.data(), end);
        text_.append("\r\n\r\n");
        text_.append(written.data(), written.size());
        return text_;
    }

    std::string_view get(std::string_view id)
    {
        text_.assign(get_head_);
        text_.append(id);
        text_.append(get_tail_);
        return text_;
    }

private:
    std::string post_head_;
    std::string get_head_;
    std::string get_tail_;
    std::string text_;
    boost::json::serializer serializer_;
};

/// Takes what is needed out of the bodies of the answers.
class flat_reply
{
public:
    void accepted(std::string_view body)
    {
        read(body, [this](boost::json::value const& ticket) {
            id_ = ticket.at("data").at(0).at("task_id").as_string();
        });
    }

    std::string_view id() const { return id_; }

    void completed(std::string_view body, ledger& book)
    {
        read(body, [&](boost::json::value const& state) {
            boost::json::value const& task = state.at("data");
            if (task.at("id").as_string() != id_ || task.at("status").as_string() != "completed")
                throw std::runtime_error("a task is not completed at the first poll: " + std::string(body));
            book.done(task.at("result").at("videos").at(0).at("url").at(0).as_string());
        });
    }

private:
    template <class Use>
    void read(std::string_view body, Use use)
    {
        std::array<unsigned char, 4096> memory;
        boost::json::monotonic_resource resource(memory.data(), memory.size());
        parser_.reset(&resource);
        parser_.write(body.data(), body.size());
        use(parser_.release());
    }

    std::array<unsigned char, 2048> scratch_;
    boost::json::parser parser_{boost::json::storage_ptr(), boost::json::parse_options(), scratch_.data(),
                                scratch_.size()};
    std::string id_;
};

} // namespace bench
