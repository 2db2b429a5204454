// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_POSTGRESQL_SCHEMA_HPP
#define APIMART_JOURNALS_POSTGRESQL_SCHEMA_HPP

#include <array>
#include <string>
#include <utility>

// The tables of a journal in PostgreSQL, readable with psql: select * from apimart_status.
namespace apimart::detail::postgresql {

inline constexpr int schema_version = 1;

// Who makes the tables holds it, so that they are made once. Taken before the transaction, which then sees what its forerunner
// has made: within one, the server may still believe what it knew before it waited.
inline constexpr char const* lock_schema = "select pg_advisory_lock(4707281993420293196)";
inline constexpr char const* unlock_schema = "select pg_advisory_unlock(4707281993420293196)";

inline constexpr char const* find_schema = "select to_regclass('apimart_journal') is not null";

inline constexpr char const* read_version = "select schema_version from apimart_journal";

inline constexpr std::array create_schema{
    "create table apimart_journal (schema_version integer not null)",
    "insert into apimart_journal values (1)",
    "create table apimart_batches (batch integer generated always as identity primary key, name text not "
    "null unique,"
    " batch_id text not null, created_at timestamptz not null default now(), service text)",
    "create table apimart_workers (id text primary key, batch integer not null references apimart_batches, "
    "host text,"
    " pid integer, lease_until timestamptz not null)",
    "create table apimart_items (batch integer not null references apimart_batches, item bigint not null, "
    "reference text,"
    " model text, request_hash text not null, state text not null, generation integer not null default 0,"
    " idempotency_key text not null, intended_at timestamptz, changed_at timestamptz not null default "
    "clock_timestamp(),"
    " task_id text, detail text, file text, cost_micro_usd bigint, holder text references apimart_workers, "
    "request text,"
    " primary key (batch, item))",
    "create index apimart_items_by_state on apimart_items (batch, state, item)",
    "create view apimart_status as select name, state, count(*) as items,"
    " round(sum(cost_micro_usd) / 1e6, 6) as cost_usd from apimart_items join apimart_batches using (batch)"
    " group by name, state",
};

inline constexpr char const* add_batch =
    "insert into apimart_batches (name, batch_id) values ($1, $2) on conflict do nothing";

inline constexpr char const* find_batch = "select batch, batch_id from apimart_batches where name = $1";

// A worker that comes back after a lost connection is the one that it was.
inline constexpr char const* add_worker =
    "insert into apimart_workers (id, batch, host, pid, lease_until) values ($1, $2::integer, $3, "
    "$4::integer,"
    " clock_timestamp() + $5 * interval '1 millisecond')"
    " on conflict (id) do update set lease_until = excluded.lease_until";

// Somebody may have set it off for the whole database.
inline constexpr char const* be_durable = "select set_config('synchronous_commit', 'on', false) where "
                                          "current_setting('synchronous_commit') = 'off'";

// Texts with these words in them are prepared: @row is a record, @unfinished a state in which it matters who holds an item, and
// @dead that the lease of the holder of `i` is over. A worker whom this statement does not see yet is alive.
inline std::string expanded(std::string text)
{
    constexpr std::array<std::pair<char const*, char const*>, 3> words{{
        {"@row", "i.item, i.reference, i.model, i.request_hash, i.state, i.generation, i.idempotency_key,"
                 " round(extract(epoch from i.intended_at) * 1000)::bigint, i.task_id, i.detail, i.file,"
                 " i.cost_micro_usd"},
        {"@unfinished", "i.state in ('planned', 'intended', 'accepted')"},
        {"@dead", "(i.holder is null or exists (select from apimart_workers w where w.id = i.holder"
                  " and w.lease_until <= clock_timestamp()))"},
    }};
    for (auto const& [word, stands_for] : words)
        for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word))
            text.replace(at, std::string(word).size(), stands_for);
    return text;
}

inline constexpr std::array<std::pair<char const*, char const*>, 10> statements{{
    // Batch, service or nothing. Of those that bind it at one time, whoever waits for the other's row sees what that wrote.
    {"bind", "update apimart_batches set service = coalesce(service, $2::text) where batch = $1::integer"
             " returning service"},
    {"claim",
     "with planned as (insert into apimart_items as i (batch, item, holder, request_hash, reference, model,"
     " idempotency_key, request, state) values ($1::integer, $2::bigint, $3, $4, $5, $6, $7, $8, 'planned')"
     " on conflict do nothing returning @row),"
     " free as (select i.item from apimart_items i where i.batch = $1::integer and i.item = $2::bigint and "
     "@unfinished"
     " and i.request_hash = $4 and (i.holder = $3 or @dead) for update of i skip locked),"
     " taken as (update apimart_items i set holder = $3 from free where i.batch = $1::integer and i.item = "
     "free.item"
     " returning @row)"
     " select * from planned union all select * from taken union all select @row from apimart_items i"
     " where i.batch = $1::integer and i.item = $2::bigint and (not @unfinished or i.request_hash <> $4)"},
    // Batch, worker, and what this process knows that it holds: an item that it holds and does not know of was taken by a
    // step whose answer was lost.
    {"abandoned",
     "with free as (select i.item from apimart_items i where i.batch = $1::integer and @unfinished"
     " and (@dead or (i.holder = $2 and i.item <> all ($3::bigint[]))) order by i.item limit 1 for update of "
     "i skip locked),"
     " taken as (update apimart_items i set holder = $2 from free where i.batch = $1::integer and i.item = "
     "free.item"
     " returning @row, i.request)"
     " select * from taken"},
    // Of the steps: batch, item, worker. The last column says whether the step was made, the one before it whether the item
    // is somebody else's.
    {"intend",
     "with changed as (update apimart_items i set state = 'intended',"
     " intended_at = case when i.state = 'intended' then i.intended_at else clock_timestamp() end,"
     " changed_at = clock_timestamp() where i.batch = $1::integer and i.item = $2::bigint and i.holder = $3"
     " and i.state in ('planned', 'intended') returning @row)"
     " select changed.*, false, true from changed union all"
     " select @row, i.holder is distinct from $3 and @unfinished, false from apimart_items i"
     " where i.batch = $1::integer and i.item = $2::bigint and not exists (select from changed)"},
    // ... state, states that fit, task id, detail, file, cost.
    {"become",
     "with changed as (update apimart_items i set state = $4, task_id = coalesce($6, i.task_id), detail = $7,"
     " file = coalesce($8, i.file), cost_micro_usd = coalesce($9::bigint, i.cost_micro_usd), holder = $3,"
     " request = case when $4 in ('succeeded', 'stored') then null else i.request end, changed_at = "
     "clock_timestamp()"
     " where i.batch = $1::integer and i.item = $2::bigint and (i.holder = $3 or not @unfinished)"
     " and (i.state = any ($5::text[]) or (i.state = $4 and ($6::text is null or i.task_id = $6))) returning "
     "@row)"
     " select changed.*, false, true from changed union all"
     " select @row, i.holder is distinct from $3 and @unfinished, false from apimart_items i"
     " where i.batch = $1::integer and i.item = $2::bigint and not exists (select from changed)"},
    // ... generation, states that fit, new key.
    {"resubmit", "with changed as (update apimart_items i set state = 'planned', generation = $4::integer + "
                 "1, idempotency_key = $6,"
                 " task_id = null, detail = null, holder = $3, changed_at = clock_timestamp()"
                 " where i.batch = $1::integer and i.item = $2::bigint and (i.holder = $3 or not @unfinished)"
                 " and ((i.generation = $4::integer and i.state = any ($5::text[]))"
                 " or (i.generation = $4::integer + 1 and i.state = 'planned')) returning @row)"
                 " select changed.*, false, true from changed union all"
                 " select @row, i.holder is distinct from $3 and @unfinished, false from apimart_items i"
                 " where i.batch = $1::integer and i.item = $2::bigint and not exists (select from changed)"},
    {"release",
     "with changed as (update apimart_items i set holder = null where i.batch = $1::integer and i.item = "
     "$2::bigint"
     " and i.holder = $3 and @unfinished returning @row)"
     " select changed.*, false, true from changed union all select @row, false, true from apimart_items i"
     " where i.batch = $1::integer and i.item = $2::bigint and not exists (select from changed)"},
    // Batch, worker.
    {"count", "select i.state, count(*), coalesce(sum(i.cost_micro_usd), 0)::bigint,"
              " count(*) filter (where @unfinished and i.holder <> $2 and not @dead)"
              " from apimart_items i where i.batch = $1::integer group by i.state"},
    // Batch, first index, limit, state or nothing.
    {"list", "select @row from apimart_items i where i.batch = $1::integer and i.item >= $2::bigint"
             " and ($4::text is null or i.state = $4) order by i.item limit $3::bigint"},
    // Worker, length of the lease in milliseconds.
    {"renew", "update apimart_workers set lease_until = clock_timestamp() + $2 * interval '1 millisecond' "
              "where id = $1"},
}};

// Batch, worker: at the end.
inline constexpr char const* give_back =
    "with given as (update apimart_items set holder = null where batch = $1::integer and holder = $2"
    " and state in ('planned', 'intended', 'accepted'))"
    " update apimart_workers set lease_until = clock_timestamp() where id = $2";

} // namespace apimart::detail::postgresql

#endif
