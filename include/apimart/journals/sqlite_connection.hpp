// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_SQLITE_CONNECTION_HPP
#define APIMART_JOURNALS_SQLITE_CONNECTION_HPP

#include <apimart/error.hpp>

#include <boost/system/system_category.hpp>

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// What SQLite reports; no journal's caller ever sees it thrown.
class sqlite_failure
{
public:
    sqlite_failure(sqlite3* db, int result)
        : code(db != nullptr ? sqlite3_extended_errcode(db) : result),
          text(db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result)),
          system(db != nullptr ? sqlite3_system_errno(db) : 0)
    {}

    int kind() const noexcept { return code & 0xFF; }

    error_info describe(errc as, std::string const& path) const
    {
        error_info why(as, path + ": " + text + " (SQLite " + std::to_string(code) + ")");
        if (system != 0)
            why.underlying(error_code(system, boost::system::system_category()));
        return why;
    }

    int code;
    std::string text;
    int system;
};

class sqlite_connection
{
public:
    sqlite_connection(std::string const& path, int flags)
    {
        sqlite3* opened = nullptr;
        int const result = sqlite3_open_v2(path.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
        db_.reset(opened);
        if (result != SQLITE_OK)
            throw sqlite_failure(db_.get(), result);
        sqlite3_extended_result_codes(opened, 1);
        // Somebody looks into the journal with the shell and writes, too.
        constexpr int patience_ms = 10'000;
        sqlite3_busy_timeout(opened, patience_ms);
    }

    sqlite3* get() const noexcept { return db_.get(); }

    void execute(char const* sql) const { check(sqlite3_exec(get(), sql, nullptr, nullptr, nullptr)); }

    void check(int result) const
    {
        if (result != SQLITE_OK)
            throw sqlite_failure(get(), result);
    }

    bool in_transaction() const noexcept { return sqlite3_get_autocommit(get()) == 0; }

    // In a forked child, where it is the parent's.
    void abandon() noexcept { static_cast<void>(db_.release()); }

private:
    struct close
    {
        void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
    };

    std::unique_ptr<sqlite3, close> db_;
};

// One prepared statement, used again and again: bound from the left to the right, then stepped.
class sqlite_statement
{
public:
    sqlite_statement(sqlite_connection const& db, std::string_view sql) : db_(db)
    {
        sqlite3_stmt* prepared = nullptr;
        db.check(sqlite3_prepare_v3(db.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &prepared, nullptr));
        statement_.reset(prepared);
    }

    void bind(std::int64_t value) { db_.check(sqlite3_bind_int64(statement_.get(), ++bound_, value)); }
    // The text has to stay until the statement is reset.
    void bind(std::string_view text)
    {
        ++bound_;
        if (!text.empty())
            db_.check(sqlite3_bind_text64(statement_.get(), bound_, text.data(), text.size(), SQLITE_STATIC,
                                          SQLITE_UTF8));
    }
    void bind_null() noexcept { ++bound_; }

    bool step()
    {
        int const result = sqlite3_step(statement_.get());
        if (result != SQLITE_ROW && result != SQLITE_DONE)
            throw sqlite_failure(db_.get(), result);
        return result == SQLITE_ROW;
    }

    bool is_null(int column) const noexcept
    {
        return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
    }
    std::int64_t number(int column) const noexcept { return sqlite3_column_int64(statement_.get(), column); }
    std::string text(int column) const
    {
        auto const* const first =
            reinterpret_cast<char const*>(sqlite3_column_text(statement_.get(), column));
        if (first == nullptr)
            return {};
        return std::string(first, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
    }

    // For the next use.
    void reset() noexcept
    {
        sqlite3_reset(statement_.get());
        sqlite3_clear_bindings(statement_.get());
        bound_ = 0;
    }

    void abandon() noexcept { static_cast<void>(statement_.release()); }

private:
    struct finalize
    {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };

    sqlite_connection const& db_;
    std::unique_ptr<sqlite3_stmt, finalize> statement_;
    int bound_ = 0;
};

// While a statement is used, also by somebody who leaves by an exception.
class sqlite_use
{
public:
    explicit sqlite_use(sqlite_statement& statement) noexcept : statement_(statement) {}
    sqlite_use(sqlite_use const&) = delete;
    sqlite_use& operator=(sqlite_use const&) = delete;
    ~sqlite_use() { statement_.reset(); }

    sqlite_statement* operator->() const noexcept { return &statement_; }

private:
    sqlite_statement& statement_;
};

} // namespace apimart::detail

#endif
