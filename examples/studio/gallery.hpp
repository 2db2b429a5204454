// All clips there are, in SQLite: a change of one is on the disk before anything is done that builds on it.
#ifndef APIMART_STUDIO_GALLERY_HPP
#define APIMART_STUDIO_GALLERY_HPP

#include "clip.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

class gallery
{
public:
    explicit gallery(std::filesystem::path const& file)
    {
        sqlite3* opened = nullptr;
        int const code = sqlite3_open(file.c_str(), &opened);
        database_.reset(opened);
        check(code);
        // A task's id is worth money: a commit is on the disk, also after a power cut.
        run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;"
            "CREATE TABLE IF NOT EXISTS clip(id INTEGER PRIMARY KEY, state TEXT NOT NULL, model TEXT NOT "
            "NULL,"
            " kind TEXT NOT NULL, request TEXT NOT NULL, key TEXT NOT NULL, task_id TEXT NOT NULL,"
            " created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, low_micro_usd INTEGER NOT NULL,"
            " high_micro_usd INTEGER NOT NULL, cost_usd REAL NOT NULL, reason TEXT NOT NULL,"
            " files TEXT NOT NULL, has_poster INTEGER NOT NULL) STRICT");
        read();
    }

    std::map<std::int64_t, clip> const& clips() const noexcept { return clips_; }

    clip const* find(std::int64_t id) const
    {
        auto const at = clips_.find(id);
        return at == clips_.end() ? nullptr : &at->second;
    }

    clip const* find_key(std::string_view key) const
    {
        auto const at = std::find_if(clips_.begin(), clips_.end(),
                                     [&](auto const& one) { return one.second.key == key; });
        return at == clips_.end() ? nullptr : &at->second;
    }

    clip const& add(clip made)
    {
        made.id = clips_.empty() ? 1 : clips_.rbegin()->first + 1;
        write(made);
        made.revision = ++revision_;
        return clips_[made.id] = std::move(made);
    }

    // Changes a clip on the disk, then here.
    template <class Change>
    clip const& change(std::int64_t id, Change const& how)
    {
        clip changed = clips_.at(id);
        how(changed);
        write(changed);
        changed.revision = ++revision_;
        return clips_[id] = std::move(changed);
    }

    // What a later studio learns anew.
    clip const& show_progress(std::int64_t id, std::string status, std::optional<int> percent)
    {
        clip& shown = clips_.at(id);
        shown.status = std::move(status);
        shown.percent = percent;
        shown.revision = ++revision_;
        return shown;
    }

    void remove(std::int64_t id)
    {
        statement erase = prepare("DELETE FROM clip WHERE id = ?");
        check(sqlite3_bind_int64(erase.get(), 1, id));
        step(erase);
        clips_.erase(id);
    }

private:
    struct closes
    {
        void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
        void operator()(sqlite3_stmt* one) const noexcept { sqlite3_finalize(one); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, closes>;

    void check(int code) const
    {
        if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
            throw std::runtime_error(std::string("the gallery: ") + sqlite3_errmsg(database_.get()));
    }

    void run(char const* sql) const { check(sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr)); }

    statement prepare(std::string_view sql) const
    {
        sqlite3_stmt* made = nullptr;
        check(sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr));
        return statement(made);
    }

    bool step(statement const& one) const
    {
        int const code = sqlite3_step(one.get());
        check(code);
        return code == SQLITE_ROW;
    }

    void write(clip const& one) const
    {
        statement put = prepare("INSERT OR REPLACE INTO clip VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        int column = 0;
        auto text = [&](std::string_view value) {
            check(sqlite3_bind_text(put.get(), ++column, value.data(), static_cast<int>(value.size()),
                                    SQLITE_TRANSIENT));
        };
        auto number = [&](std::int64_t value) { check(sqlite3_bind_int64(put.get(), ++column, value)); };
        number(one.id);
        text(to_string(one.state));
        text(one.model);
        text(one.kind);
        text(boost::json::serialize(one.request));
        text(one.key);
        text(one.task_id);
        number(one.created_ms);
        number(one.ended_ms);
        number(one.low_micro_usd);
        number(one.high_micro_usd);
        check(sqlite3_bind_double(put.get(), ++column, one.cost_usd));
        text(boost::json::serialize(one.reason));
        text(boost::json::serialize(one.files));
        number(one.has_poster ? 1 : 0);
        step(put);
    }

    void read()
    {
        statement all = prepare("SELECT * FROM clip");
        while (step(all)) {
            int column = 0;
            auto text = [&] {
                return std::string(reinterpret_cast<char const*>(sqlite3_column_text(all.get(), column++)));
            };
            auto number = [&] { return sqlite3_column_int64(all.get(), column++); };
            clip one;
            one.id = number();
            one.state = clip_state_of(text());
            one.model = text();
            one.kind = text();
            one.request = boost::json::parse(text()).as_object();
            one.key = text();
            one.task_id = text();
            one.created_ms = number();
            one.ended_ms = number();
            one.low_micro_usd = number();
            one.high_micro_usd = number();
            one.cost_usd = sqlite3_column_double(all.get(), column++);
            one.reason = boost::json::parse(text()).as_object();
            one.files = boost::json::parse(text()).as_array();
            one.has_poster = number() != 0;
            one.revision = ++revision_;
            clips_[one.id] = std::move(one);
        }
    }

    std::unique_ptr<sqlite3, closes> database_;
    std::map<std::int64_t, clip> clips_;
    std::int64_t revision_ = now_ms(); // later than that of every earlier studio
};

} // namespace studio

#endif
