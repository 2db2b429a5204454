// The library, used as its examples use it, with its limits raised to the number of connections.
#pragma once

#include "meter.hpp"
#include "workload.hpp"

#include <apimart/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

namespace bench {

/// How the one poll is made: `wait` goes through the schedule of polls, `status` asks at once.
enum class question
{
    wait,
    status
};

class library_client
{
public:
    library_client(workload const& work, apimart::any_request request, question how)
        : work_(work), request_(std::move(request)), how_(how), client_(context_, configured(work))
    {}

    cost run()
    {
        namespace asio = boost::asio;
        // As many at once as there are connections, so that each gets opened.
        ledger first(static_cast<std::uint64_t>(work_.connections));
        for (int i = 0; i < work_.connections; ++i)
            asio::co_spawn(context_, once(first), rethrow);
        context_.run();
        context_.restart();

        meter costs;
        ledger book(work_.operations);
        costs.start();
        for (int i = 0; i < work_.connections; ++i)
            asio::co_spawn(context_, work(book), rethrow);
        apimart_measured_part(context_);
        return costs.stop(book.done());
    }

private:
    static apimart::client_config configured(workload const& work)
    {
        using namespace std::chrono_literals;
        apimart::client_config config{apimart::api_key(std::string(secret))};
        config.base_url = "https://127.0.0.1:" + std::to_string(work.port);
        config.tls.additional_ca_file(work.ca_file);
        config.limits.connections = work.connections;
        config.limits.submits = work.connections;
        // A poll is due at once, and as often as there are connections.
        config.poll.first = 0ms;
        config.poll.shortest = 1ms;
        config.poll.requests_per_second = 0;
        config.poll.concurrent = work.connections;
        // Under callgrind everything takes fifty times longer, which must not change what is done.
        config.timeouts.connect = 60s;
        config.timeouts.tls_handshake = 60s;
        config.timeouts.idle = 120s;
        config.timeouts.idle_for_submit = 60s;
        return config;
    }

    static void rethrow(std::exception_ptr failed)
    {
        if (failed)
            std::rethrow_exception(failed);
    }

    boost::asio::awaitable<void> work(ledger& book)
    {
        while (book.take())
            co_await submit_and_poll(book);
    }

    boost::asio::awaitable<void> once(ledger& book) { co_await submit_and_poll(book); }

    boost::asio::awaitable<void> submit_and_poll(ledger& book)
    {
        apimart::task accepted = co_await client_.submit(request_);
        if (accepted.submit_attempts() != 1)
            throw std::runtime_error("a submit took more than one request");
        if (how_ == question::status) {
            apimart::task_state const state = co_await client_.status(accepted);
            if (state.status() != apimart::task_status::succeeded || state.videos().size() != 1)
                throw std::runtime_error("a task is not completed at the first poll");
            book.done(state.videos().front().url().reveal());
        } else {
            // Without a profile the schedule does not learn from tasks that are done before anybody can ask.
            accepted.profile({});
            apimart::finished_task const done = co_await client_.wait(accepted);
            if (!done.succeeded() || done.videos().size() != 1 || done.polls() != 1)
                throw std::runtime_error("a task is not completed at the first poll");
            book.done(done.videos().front().url().reveal());
        }
    }

    workload work_;
    apimart::any_request request_;
    question how_;
    boost::asio::io_context context_{1};
    apimart::client client_;
};

} // namespace bench
