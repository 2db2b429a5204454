// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_POSTGRESQL_CONNECTION_HPP
#define APIMART_JOURNALS_POSTGRESQL_CONNECTION_HPP

#include <apimart/error.hpp>
#include <apimart/runtime/executor.hpp>
#include <apimart/text/escape.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef LIBPQ_HAS_PIPELINING
#error the PostgreSQL journal needs libpq 14 or newer
#endif

namespace apimart::detail {

// Where the database is: what libpq is given, and what may be shown of it.
class postgresql_address
{
public:
    // Throws `error`; the text given is never in it, because it may hold a password in any place.
    explicit postgresql_address(std::string given) : conninfo_(std::move(given))
    {
        std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> const options(
            PQconninfoParse(conninfo_.c_str(), nullptr), &PQconninfoFree);
        if (!options)
            throw error(error_info(
                errc::invalid_configuration,
                "the address of the PostgreSQL journal is not a connection string or URI of libpq"));
        shown_ = "postgresql";
        for (PQconninfoOption const* each = options.get(); each->keyword != nullptr; ++each) {
            std::string_view const keyword(each->keyword);
            if (each->val == nullptr)
                continue;
            if (keyword == "host" || keyword == "port" || keyword == "dbname" || keyword == "user")
                shown_.append(" ").append(keyword).append("=").append(escape(each->val, 64));
            else if (each->dispchar[0] == '*' && each->val[0] != '\0')
                secrets_.emplace_back(each->val);
        }
    }

    std::string const& conninfo() const noexcept { return conninfo_; }
    std::string const& shown() const noexcept { return shown_; }

    std::string redacted(std::string text) const
    {
        for (std::string const& secret : secrets_)
            for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
                text.replace(at, secret.size(), redaction);
        while (!text.empty() && text.back() == '\n')
            text.pop_back();
        return escape(text, 300);
    }

private:
    static constexpr std::string_view redaction = "[redacted]";

    std::string conninfo_;
    std::string shown_;
    std::vector<std::string> secrets_;
};

class postgresql_result
{
public:
    postgresql_result() {}
    explicit postgresql_result(PGresult* given) : result_(given) {}

    explicit operator bool() const noexcept { return result_ != nullptr; }
    ExecStatusType status() const noexcept { return PQresultStatus(result_.get()); }
    bool ok() const noexcept { return status() == PGRES_TUPLES_OK || status() == PGRES_COMMAND_OK; }
    std::string_view command() const noexcept { return PQcmdStatus(result_.get()); }
    std::string sqlstate() const { return text_of(PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE)); }
    std::string message() const
    {
        return text_of(PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_PRIMARY));
    }
    int rows() const noexcept { return PQntuples(result_.get()); }
    bool is_null(int row, int column) const noexcept { return PQgetisnull(result_.get(), row, column) != 0; }
    std::string text(int row, int column) const
    {
        return std::string(PQgetvalue(result_.get(), row, column),
                           static_cast<std::size_t>(PQgetlength(result_.get(), row, column)));
    }
    std::int64_t number(int row, int column) const { return std::stoll(text(row, column)); }
    bool flag(int row, int column) const { return text(row, column) == "t"; }

private:
    struct clear
    {
        void operator()(PGresult* result) const noexcept { PQclear(result); }
    };

    static std::string text_of(char const* text) { return text != nullptr ? text : ""; }

    std::unique_ptr<PGresult, clear> result_;
};

// A statement with its parameters, as texts; nothing is NULL.
class postgresql_query
{
public:
    // The text, or the name of one that is prepared.
    explicit postgresql_query(std::string of, bool by_name = false)
        : statement(std::move(of)), prepared(by_name)
    {}

    postgresql_query& with(std::optional<std::string> value)
    {
        parameters.push_back(std::move(value));
        return *this;
    }
    postgresql_query& with(std::uint64_t value)
    {
        return with(std::to_string(static_cast<std::int64_t>(value)));
    }

    std::string statement;
    bool prepared;
    std::vector<std::optional<std::string>> parameters;
};

// A connection of libpq, non-blocking, whose socket is waited for by the reactor of Asio. Everything on the strand.
class postgresql_connection
{
public:
    explicit postgresql_connection(executor const& on) : socket_(on) {}
    postgresql_connection(postgresql_connection const&) = delete;
    postgresql_connection& operator=(postgresql_connection const&) = delete;
    ~postgresql_connection() { close(); }

    // What pending operations wait for ends at once.
    void interrupt() noexcept
    {
        interrupted_ = true;
        error_code ignored;
        if (socket_.is_open())
            socket_.cancel(ignored);
    }

    // The socket belongs to libpq.
    void close() noexcept
    {
        release();
        connection_.reset();
    }
    // In a forked child: it is the parent's, and not even a word of farewell may be sent.
    void abandon() noexcept
    {
        interrupted_ = true;
        release();
        static_cast<void>(connection_.release());
    }

    bool is_open() const noexcept
    {
        return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK;
    }
    std::string message() const { return PQerrorMessage(connection_.get()); }

    // Nothing, or what was in the way.
    awaitable<std::optional<std::string>> open(std::string const& conninfo)
    {
        close();
        interrupted_ = false;
        std::array<char const*, 4> const keywords{"dbname", "client_encoding", "fallback_application_name",
                                                  nullptr};
        std::array<char const*, 4> const values{conninfo.c_str(), "UTF8", "apimart", nullptr};
        connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
        if (!connection_)
            co_return "out of memory";
        PQsetNoticeProcessor(
            connection_.get(), [](void*, char const*) {}, nullptr);
        PostgresPollingStatusType next = PGRES_POLLING_WRITING;
        while (PQstatus(connection_.get()) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
            watch();
            co_await ready(next == PGRES_POLLING_WRITING ? direction::write : direction::read);
            if (interrupted_)
                co_return "no connection in time";
            release(); // libpq may go on with another socket
            next = PQconnectPoll(connection_.get());
            if (next == PGRES_POLLING_FAILED)
                break;
        }
        if (!is_open())
            co_return message();
        watch();
        if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1)
            co_return message();
        co_return std::nullopt;
    }

    // Sends all at once and reads their results; none where the connection was lost.
    awaitable<std::vector<postgresql_result>> run(std::vector<postgresql_query> const& queries)
    {
        std::vector<postgresql_result> results;
        bool const sent =
            std::all_of(queries.begin(), queries.end(), [this](auto const& each) { return send(each); }) &&
            PQpipelineSync(connection_.get()) == 1;
        while (sent && results.size() != queries.size()) {
            results.emplace_back(co_await next_result());
            if (!results.back() || co_await next_result() != nullptr) // a null ends the results of each
                break;
        }
        if (sent) {
            postgresql_result const end(co_await next_result());
            if (end && end.status() == PGRES_PIPELINE_SYNC)
                co_return results;
        }
        results.clear();
        co_return results;
    }

private:
    enum class direction
    {
        read,
        write,
    };

    struct finish
    {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };

    void watch()
    {
        error_code ignored; // without a socket, nothing is waited for, and libpq says why
        if (!socket_.is_open() && PQsocket(connection_.get()) >= 0)
            socket_.assign(PQsocket(connection_.get()), ignored);
    }
    void release() noexcept
    {
        if (socket_.is_open())
            socket_.release();
    }

    // While something is to be written, what comes must be read, too: the server may be waiting for that.
    awaitable<void> ready(direction wanted)
    {
        namespace experimental = boost::asio::experimental;
        if (interrupted_)
            co_return;
        if (!socket_.is_open()) {
            interrupted_ = true;
            co_return;
        }
        if (wanted == direction::read)
            co_await socket_.async_wait(socket_.wait_read, use_tuple);
        else
            co_await experimental::make_parallel_group(
                socket_.async_wait(socket_.wait_read, boost::asio::deferred),
                socket_.async_wait(socket_.wait_write, boost::asio::deferred))
                .async_wait(experimental::wait_for_one(), use_tuple);
    }

    bool send(postgresql_query const& query)
    {
        std::vector<char const*> values;
        for (auto const& each : query.parameters)
            values.push_back(each ? each->c_str() : nullptr);
        int const count = static_cast<int>(values.size());
        PGconn* const c = connection_.get();
        return query.prepared ? PQsendQueryPrepared(c, query.statement.c_str(), count, values.data(), nullptr,
                                                    nullptr, 0) == 1
                              : PQsendQueryParams(c, query.statement.c_str(), count, nullptr, values.data(),
                                                  nullptr, nullptr, 0) == 1;
    }

    // Null between the results of two queries, and where the connection is lost.
    awaitable<PGresult*> next_result()
    {
        PGconn* const c = connection_.get();
        for (;;) {
            int const left = PQflush(c);
            if (left < 0)
                co_return nullptr;
            if (left == 0 && PQisBusy(c) == 0)
                co_return PQgetResult(c);
            co_await ready(left > 0 ? direction::write : direction::read);
            if (interrupted_ || PQconsumeInput(c) == 0)
                co_return nullptr;
        }
    }

    boost::asio::posix::basic_stream_descriptor<executor> socket_;
    std::unique_ptr<PGconn, finish> connection_;
    bool interrupted_ = false;
};

} // namespace apimart::detail

#endif
