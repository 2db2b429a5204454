// A worker that takes requests from a table of PostgreSQL and writes there what became of each. Nothing is bought twice: that a
// request is about to be sent is committed before it is sent, its task's id as soon as it is known. A worker that is started
// again waits for what was bought, and leaves to a person what may have been bought. Any number of them may run.
//
//     insert into video_request (body) values ('{"model": "kling-v3", "prompt": "a cat"}')
//
// The database is that of PGHOST, PGDATABASE and so on. Here the worker ends when there is nothing left to do.

#include "../example_service.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include <libpq-fe.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

//! [database]
// One connection, for one query at a time, which blocks nobody but whoever awaits it.
class database
{
public:
    using rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

    explicit database(asio::any_io_executor executor)
        : connection_(PQconnectdb(""), PQfinish), socket_(executor, PQsocket(connection_.get()))
    {
        if (PQstatus(connection_.get()) != CONNECTION_OK)
            throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    ~database() { socket_.release(); } // it is libpq's

    template <class... Values>
    asio::awaitable<rows> query(char const* text, Values... values)
    {
        std::array<char const*, sizeof...(Values)> const given{values.c_str()...};
        int sent = PQsendQueryParams(connection_.get(), text, sizeof...(Values), nullptr, given.data(),
                                     nullptr, nullptr, 0);
        while (sent == 1 && PQisBusy(connection_.get()) != 0) {
            co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
            sent = PQconsumeInput(connection_.get());
        }
        rows answer(PQgetResult(connection_.get()), PQclear);
        while (PGresult* const rest = PQgetResult(connection_.get()))
            PQclear(rest);
        if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK &&
            PQresultStatus(answer.get()) != PGRES_COMMAND_OK)
            throw std::runtime_error(PQerrorMessage(connection_.get()));
        co_return answer;
    }

private:
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
    asio::posix::stream_descriptor socket_;
};

std::string value(database::rows const& of, int column)
{
    return PQgetvalue(of.get(), 0, column);
}
//! [database]

constexpr char const* create =
    "create table if not exists video_request (id bigserial primary key, body text not null, "
    "state text not null default 'new', worker int, task text, reason text)";
// What workers left behind that are no more.
constexpr char const* look_up = "update video_request set state = 'look it up' where state = 'sending' and "
                                "worker not in (select pid from pg_stat_activity)";
constexpr char const* resume =
    "update video_request set worker = pg_backend_pid() where id = (select id from video_request where state "
    "= 'bought' "
    "and worker not in (select pid from pg_stat_activity) limit 1 for update skip locked) returning id, task";
constexpr char const* claim =
    "update video_request set state = 'sending', worker = pg_backend_pid() where id = (select id from "
    "video_request "
    "where state = 'new' order by id limit 1 for update skip locked) returning id, body";
constexpr char const* set_bought = "update video_request set state = 'bought', task = $2 where id = $1";
constexpr char const* set_state = "update video_request set state = $2, reason = $3 where id = $1";

//! [worker]
asio::awaitable<void> finish(client& service, database& all, std::string id, std::string bought)
{
    result<task_result> done = co_await service.wait(task(bought), as_result());
    if (done) // else it goes on at the service, and the next start waits for it again
        co_await all.query(set_state, id, std::string(to_string(done->status())), done->error().text());
}

asio::awaitable<void> order(client& service, database& all, std::string id, std::string body)
{
    auto request = any_request::parse(body);
    if (!request) {
        co_await all.query(set_state, id, std::string("refused"), request.error().describe());
        co_return;
    }
    result<task> bought = co_await service.submit(*request, as_result());
    if (!bought) {
        std::string const state =
            bought.error().acceptance() == acceptance::unknown ? "look it up" : "refused";
        co_await all.query(set_state, id, state, bought.error().describe());
        co_return;
    }
    co_await all.query(set_bought, id, bought->id());
    co_await finish(service, all, id, bought->id());
}

asio::awaitable<void> work(client service)
{
    database all(co_await asio::this_coro::executor);
    co_await all.query(create);
    co_await all.query(look_up);
    for (;;) {
        database::rows left = co_await all.query(resume);
        if (PQntuples(left.get()) == 1) {
            co_await finish(service, all, value(left, 0), value(left, 1));
            continue;
        }
        database::rows next = co_await all.query(claim);
        if (PQntuples(next.get()) == 0)
            break;
        co_await order(service, all, value(next, 0), value(next, 1));
    }
}
//! [worker]

int main()
{
    return run_example(work);
}
