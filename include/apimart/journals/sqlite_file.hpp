// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_SQLITE_FILE_HPP
#define APIMART_JOURNALS_SQLITE_FILE_HPP

#include <apimart/error.hpp>
#include <apimart/journal_record.hpp>
#include <apimart/journals/file_lock.hpp>
#include <apimart/journals/item_key.hpp>
#include <apimart/journals/rules.hpp>
#include <apimart/journals/sqlite_connection.hpp>
#include <apimart/journals/store.hpp>

#include <boost/system/system_category.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// A journal in a file of SQLite; everything blocks. Readable with the shell:
//
//     sqlite3 trailers.journal 'select * from status'
class sqlite_file
{
public:
    // Throws `error`.
    sqlite_file(std::string const& given, bool read_only) : path_(resolved(given))
    {
        if (!read_only)
            lock_.emplace(path_);
        try {
            if (!exists() && !read_only)
                create();
            open(read_only);
        } catch (sqlite_failure const& why) {
            throw error(opening(why));
        }
    }

    // Each of these may throw `sqlite_failure`.

    // A transaction that is synced also syncs those before it that were not.
    void begin(bool synced)
    {
        if (synced != synced_)
            db_->execute(synced ? "pragma synchronous = full" : "pragma synchronous = normal");
        synced_ = synced;
        db_->execute("begin immediate");
    }
    void commit() const { db_->execute("commit"); }
    void roll_back() const noexcept
    {
        if (db_->in_transaction())
            sqlite3_exec(db_->get(), "rollback", nullptr, nullptr, nullptr);
    }

    result<std::string> bind(std::string const& service)
    {
        sqlite_statement find(*db_, "select service from journal");
        std::string known = find.step() ? find.text(0) : std::string();
        if (service.empty() || known == service)
            return known;
        if (!known.empty())
            return other_service(known, service);
        sqlite_statement write(*db_, "update journal set service = ?");
        write.bind(service);
        write.step();
        return service;
    }

    result<std::optional<journal_record>> claim(journal_item const& item)
    {
        if (std::optional<journal_record> known = find(item.index)) {
            if (known->request_hash != item.request_hash)
                return other_request(*known, item);
            return known;
        }
        journal_record planned;
        planned.index = item.index;
        planned.reference = item.reference;
        planned.model = item.model;
        planned.request_hash = item.request_hash;
        planned.idempotency_key = item_key(batch_id_, item.index, 0);
        write(planned);
        return std::optional(std::move(planned));
    }

    result<journal_record> change(journal_change const& change)
    {
        std::optional<journal_record> known = find(change.index);
        if (!known)
            return no_such_item(change.index);
        if (auto why = apply(*known, change, std::chrono::system_clock::now()))
            return std::move(*why);
        if (change.step == journal_step::resubmit)
            known->idempotency_key = item_key(batch_id_, known->index, known->generation);
        if (change.step != journal_step::release)
            write(*known);
        return std::move(*known);
    }

    result<journal_counts> counts()
    {
        journal_counts sums;
        sqlite_use const use(*count_);
        while (use->step()) {
            if (auto const state = parse_journal_state(use->text(0)))
                sums[*state] = static_cast<std::uint64_t>(use->number(1));
            sums.cost_micro_usd += use->number(2);
        }
        return sums;
    }

    result<std::vector<journal_record>> list(journal_query const& query)
    {
        std::vector<journal_record> found;
        sqlite_use const use(query.only ? *list_of_state_ : *list_);
        use->bind(static_cast<std::int64_t>(query.from));
        use->bind(static_cast<std::int64_t>(query.limit));
        if (query.only)
            use->bind(to_string(*query.only));
        while (use->step())
            found.push_back(read(*use.operator->()));
        return found;
    }

    error_info describe(sqlite_failure const& why) const { return why.describe(errc::journal_failed, path_); }

    // In a forked child: nothing of it may be touched.
    void abandon() noexcept
    {
        for (auto* const each : {&find_, &write_, &list_, &list_of_state_, &count_})
            if (*each)
                (*each)->abandon();
        if (db_)
            db_->abandon();
        if (lock_)
            lock_->abandon();
    }

private:
    static constexpr std::int64_t application_id = 0x41504a4c; // "APJL"
    static constexpr std::int64_t schema_version = 1;

    static constexpr std::string_view columns =
        "item, reference, model, request_hash, state, generation, idempotency_key, "
        "cast(round((julianday(intended_at) - 2440587.5) * 86400000) as integer), "
        "task_id, detail, file, cost_micro_usd";

    static std::string resolved(std::string const& given)
    {
        std::error_code failed;
        auto const absolute = std::filesystem::absolute(given, failed);
        auto const whole = std::filesystem::weakly_canonical(absolute, failed);
        return failed ? absolute.string() : whole.string();
    }

    bool exists() const
    {
        struct stat found = {};
        return ::lstat(path_.c_str(), &found) == 0;
    }

    // A file of this name is a whole journal or none, so that an empty one is known as damaged.
    void create() const
    {
        std::string const fresh = path_ + "-new";
        for (char const* const each : {"", "-wal", "-shm", "-journal"})
            ::unlink((fresh + each).c_str());
        int const fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (fd < 0)
            throw error(error_info(errc::journal_failed, fresh).underlying(last_error()));
        ::close(fd);
        try {
            sqlite_connection const db(fresh, SQLITE_OPEN_READWRITE);
            db.execute("pragma synchronous = full");
            std::string const sql =
                "begin;"
                "create table journal (batch_id text not null, created_at text not null, service text);"
                "insert into journal values ('" +
                new_batch_id() +
                "', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), null);"
                "create table items (item integer primary key, reference text, model text, request_hash text "
                "not null,"
                " state text not null, generation integer not null, idempotency_key text not null, "
                "intended_at text,"
                " changed_at text not null, task_id text, detail text, file text, cost_micro_usd integer);"
                "create index items_by_state on items (state);"
                "create view status as select state, count(*) as items, round(sum(cost_micro_usd) / 1e6, 6) "
                "as cost_usd"
                " from items group by state;"
                "pragma application_id = " +
                std::to_string(application_id) + ";pragma user_version = " + std::to_string(schema_version) +
                ";commit";
            db.execute(sql.c_str());
        } catch (...) {
            ::unlink(fresh.c_str());
            throw;
        }
        if (::rename(fresh.c_str(), path_.c_str()) != 0)
            throw error(error_info(errc::journal_failed, path_).underlying(last_error()));
        sync_folder();
    }

    void sync_folder() const
    {
        std::string const folder = std::filesystem::path(path_).parent_path().string();
        int const fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool const done = fd >= 0 && ::fsync(fd) == 0;
        error_code const why = last_error();
        if (fd >= 0)
            ::close(fd);
        if (!done)
            throw error(error_info(errc::journal_failed, folder).underlying(why));
    }

    void open(bool read_only)
    {
        struct stat found = {};
        if (::stat(path_.c_str(), &found) != 0)
            throw error(error_info(errc::journal_failed, path_).underlying(last_error()));
        if (S_ISREG(found.st_mode) && found.st_size == 0)
            throw error(error_info(errc::journal_unusable, path_ + " is empty, which no journal ever is"));
        db_.emplace(path_, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
        if (pragma("application_id") != std::to_string(application_id))
            throw error(error_info(errc::journal_unusable, path_ + " is not a journal"));
        if (std::string const version = pragma("user_version"); version != std::to_string(schema_version))
            throw error(error_info(errc::journal_unusable, path_ + " has schema version " + version +
                                                               ", and this library knows " +
                                                               std::to_string(schema_version)));
        if (!read_only) {
            if (pragma("journal_mode = wal") != "wal")
                throw error(error_info(errc::journal_unusable,
                                       path_ + ": its file system does not support SQLite's WAL"));
            if (std::string const words = pragma("quick_check(1)"); words != "ok")
                throw error(error_info(errc::journal_unusable, path_ + " is damaged: " + words));
        }
        sqlite_statement batch(*db_, "select batch_id from journal");
        if (!batch.step())
            throw error(error_info(errc::journal_unusable, path_ + " is damaged: it has no batch"));
        batch_id_ = batch.text(0);
        std::string const select = "select " + std::string(columns) + " from items where ";
        find_.emplace(*db_, select + "item = ?");
        list_.emplace(*db_, select + "item >= ? order by item limit ?");
        list_of_state_.emplace(*db_, select + "item >= ?1 and state = ?3 order by item limit ?2");
        count_.emplace(*db_,
                       "select state, count(*), coalesce(sum(cost_micro_usd), 0) from items group by state");
        write_.emplace(
            *db_,
            "insert into items (item, reference, model, request_hash, state, generation, idempotency_key,"
            " intended_at, task_id, detail, file, cost_micro_usd, changed_at) values (?, ?, ?, ?, ?, ?, ?,"
            " strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000.0, 'unixepoch'), ?, ?, ?, ?,"
            " strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) on conflict do update set state = excluded.state,"
            " generation = excluded.generation, idempotency_key = excluded.idempotency_key,"
            " intended_at = excluded.intended_at, task_id = excluded.task_id, detail = excluded.detail,"
            " file = excluded.file, cost_micro_usd = excluded.cost_micro_usd,"
            " changed_at = excluded.changed_at");
    }

    error_info opening(sqlite_failure const& why) const
    {
        bool const damaged =
            why.kind() == SQLITE_NOTADB || why.kind() == SQLITE_CORRUPT || why.kind() == SQLITE_ERROR;
        return why.describe(damaged ? errc::journal_unusable : errc::journal_failed, path_);
    }

    std::string pragma(std::string const& words) const
    {
        sqlite_statement statement(*db_, "pragma " + words);
        return statement.step() ? statement.text(0) : std::string();
    }

    std::optional<journal_record> find(std::uint64_t index)
    {
        sqlite_use const use(*find_);
        use->bind(static_cast<std::int64_t>(index));
        if (!use->step())
            return std::nullopt;
        return read(*use.operator->());
    }

    journal_record read(sqlite_statement const& row) const
    {
        journal_record item;
        item.index = static_cast<std::uint64_t>(row.number(0));
        item.reference = row.text(1);
        item.model = row.text(2);
        item.request_hash = row.text(3);
        std::optional<journal_state> const state = parse_journal_state(row.text(4));
        if (!state)
            throw sqlite_failure(nullptr, SQLITE_CORRUPT);
        item.state = *state;
        item.generation = static_cast<int>(row.number(5));
        item.idempotency_key = row.text(6);
        if (!row.is_null(7))
            item.intended = std::chrono::system_clock::time_point(std::chrono::milliseconds(row.number(7)));
        item.task_id = row.text(8);
        item.detail = row.text(9);
        item.file = row.text(10);
        if (!row.is_null(11))
            item.cost_micro_usd = row.number(11);
        return item;
    }

    void write(journal_record const& item)
    {
        sqlite_use const use(*write_);
        use->bind(static_cast<std::int64_t>(item.index));
        use->bind(item.reference);
        use->bind(item.model);
        use->bind(item.request_hash);
        use->bind(to_string(item.state));
        use->bind(std::int64_t(item.generation));
        use->bind(item.idempotency_key);
        if (item.intended)
            use->bind(
                std::chrono::floor<std::chrono::milliseconds>(item.intended->time_since_epoch()).count());
        else
            use->bind_null();
        use->bind(item.task_id);
        use->bind(item.detail);
        use->bind(item.file);
        if (item.cost_micro_usd)
            use->bind(*item.cost_micro_usd);
        else
            use->bind_null();
        use->step();
    }

    static error_code last_error() noexcept { return error_code(errno, boost::system::system_category()); }

    std::string const path_;
    std::optional<file_lock> lock_; // goes last
    std::optional<sqlite_connection> db_;
    std::string batch_id_;
    std::optional<bool> synced_; // the connection's present setting
    std::optional<sqlite_statement> find_;
    std::optional<sqlite_statement> write_;
    std::optional<sqlite_statement> list_;
    std::optional<sqlite_statement> list_of_state_;
    std::optional<sqlite_statement> count_;
};

} // namespace apimart::detail

#endif
