// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_DOWNLOAD_HPP
#define APIMART_OPERATIONS_DOWNLOAD_HPP

#include <apimart/operations/client_state.hpp>
#include <apimart/operations/partial_file.hpp>
#include <apimart/operations/status.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/policy/retry.hpp>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// A file that is being fetched, across all transfers of it.
class download_target
{
public:
    download_target(client_state& client, std::string const& to, download_options const& chosen)
        : options(chosen), path(to), part_(path), client_(client)
    {}
    download_target(download_target const&) = delete;
    download_target& operator=(download_target const&) = delete;
    ~download_target()
    {
        if (open_)
            part_.remove();
    }

    std::optional<error_info> open()
    {
        if (error_code const code = part_.open())
            return error_info(errc::file_error, path.string() + ".part: " + code.message()).underlying(code);
        open_ = true;
        return std::nullopt;
    }
    std::uint64_t size() const { return part_.size(); }
    bool is_whole() const { return !size_ || *size_ == part_.size(); }
    // Without a name for what is there, nothing can be added to it.
    file_in_transfer known() const { return {validator_.empty() ? 0 : part_.size(), size_, validator_}; }

    std::optional<error_info> begin_answer(download_decision const& step, std::string_view type)
    {
        using action = download_decision::action;
        bool const afresh = step.next == action::from_start || step.next == action::restart;
        if (afresh && part_.size() > 0) {
            if (error_code const code = restart())
                return error_info(errc::file_error, code.message()).underlying(code);
        }
        if (step.next == action::fail || step.next == action::restart)
            return step.why;
        type_ = type;
        size_ = step.file.size;
        validator_ = step.file.validator;
        return std::nullopt;
    }
    std::optional<error_info> append(std::string_view piece)
    {
        if (beginning_.size() < sniffed_bytes) {
            beginning_.append(piece.substr(0, sniffed_bytes - beginning_.size()));
            if (beginning_.size() == sniffed_bytes && is_text(beginning_))
                return not_a_video();
        }
        if (size_ && part_.size() + piece.size() > *size_)
            return error_info(errc::protocol_error, "more bytes than the file has");
        if (part_.size() + piece.size() > options.max_size)
            return error_info(errc::download_too_large,
                              "more than " + std::to_string(options.max_size) + " bytes");
        if (error_code const code = part_.append(piece.data(), piece.size()))
            return error_info(errc::file_error, code.message()).underlying(code);
        client_.runtime.counters.bytes_downloaded.add(piece.size());
        return std::nullopt;
    }
    result<std::uint64_t> finish()
    {
        if (is_text(beginning_))
            return not_a_video();
        if (error_code const code = part_.finish(options.overwrite)) {
            bool const taken = code == boost::system::errc::file_exists;
            return error_info(taken ? errc::file_exists : errc::file_error,
                              path.string() + ": " + code.message())
                .underlying(code);
        }
        open_ = false;
        return part_.size();
    }

    download_options const options;
    std::filesystem::path const path;

private:
    // What follows the type is the file server's free text.
    error_info not_a_video() const
    {
        for (char const* const type :
             {"text/html", "text/plain", "application/json", "application/xml", "text/xml"})
            if (mentions(type_, type))
                return error_info(errc::download_corrupt, "got " + std::string(type) + ", not a video");
        return error_info(errc::download_corrupt, "the answer's bytes are text, not a video");
    }
    error_code restart()
    {
        beginning_.clear();
        size_.reset();
        validator_.clear();
        return part_.restart();
    }

    partial_file part_;
    client_state& client_;
    std::string beginning_;
    std::string type_;
    std::optional<std::uint64_t> size_;
    std::string validator_;
    bool open_ = false;
};

inline http_request make_download_request(request_url const& where, download_target const& target)
{
    // No Authorization here: the key belongs to the API's calls, and the link carries its own permission.
    http_request request(where.origin, lane::download);
    request.head.append("GET ").append(where.target).append(" HTTP/1.1\r\nHost: ");
    request.head.append(where.origin.authority()).append("\r\nUser-Agent: ").append(user_agent);
    request.head.append("\r\nAccept: */*\r\nAccept-Encoding: identity\r\n");
    if (file_in_transfer const file = target.known(); file.have > 0)
        request.head.append("Range: bytes=")
            .append(std::to_string(file.have))
            .append("-\r\nIf-Range: ")
            .append(file.validator)
            .append("\r\n");
    request.head += "\r\n";
    request.response_limit = (std::numeric_limits<std::uint64_t>::max)();
    request.streams = true;
    return request;
}

inline download_response read_head(response_parser const& parser)
{
    download_response answer;
    answer.status = parser.status();
    answer.location = parser.location();
    answer.content_type = parser.content_type();
    answer.content_encoding = parser.content_encoding();
    answer.content_range = parser.content_range();
    answer.etag = parser.etag();
    answer.last_modified = parser.last_modified();
    answer.retry_after = parser.retry_after();
    answer.date = parser.date();
    answer.content_length = parser.content_length();
    return answer;
}

// One transfer, which follows redirects: it brings the rest of the file, or the reason why not.
inline awaitable<std::optional<error_info>> transfer(client_state& client, operation& op,
                                                     download_target& target, std::string url)
{
    constexpr int max_redirects = 5;
    for (int hops = 0; hops <= max_redirects; ++hops) {
        std::optional<request_url> const where = parse_request_url(url);
        if (!where)
            co_return error_info(errc::url_not_allowed, "the result's link is not an http or https URL");
        bool const home = client.is_api_origin(where->origin);
        if (!where->origin.tls && !(home && client.config.allow_plain_http))
            co_return error_info(errc::url_not_allowed,
                                 "the result's link is not https: " + where->origin.host);
        http_request request = make_download_request(*where, target);
        request.public_only = !home && !client.config.allow_private_results;

        exchange x(client.runtime, client.pool, client.connector);
        op.active = &x;
        co_await x.send(std::move(request));
        using action = download_decision::action;
        std::optional<error_info> unwanted;
        std::optional<download_decision> step;
        if (response_parser const* const head = x.head()) {
            download_response const answer = read_head(*head);
            step = decide_download(answer, *where, target.known(), target.options.max_size, wall_clock());
            // The connection is not worth reading an unwanted body for.
            if (step->next == action::redirect || step->next == action::complete)
                unwanted = error_info(errc::bad_response);
            else
                unwanted = target.begin_answer(*step, answer.content_type);
            while (!unwanted) {
                std::string_view const piece = co_await x.read_piece();
                if (piece.empty())
                    break;
                unwanted = target.append(piece);
            }
            if (unwanted)
                x.reject(error_info(unwanted->code()));
        }
        op.active = nullptr;
        client.emit_attempt(request_kind::download, op.number, op.attempts, op.task_id, {},
                            where->origin.host, x);
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
        if (step && step->next == action::redirect) {
            url = step->location;
            continue;
        }
        if (step && step->next == action::complete)
            co_return std::nullopt;
        if (unwanted && home && unwanted->http_status() == 401)
            co_return error_info(api_errc::unauthorized, "the link needs an authorization that no link gets")
                .http_status(401);
        if (unwanted)
            co_return unwanted;
        if (x.result.phase != request_phase::answered)
            co_return error_info(x.result.error, x.result.detail)
                .underlying(x.result.underlying)
                .http_status(x.result.http_status);
        if (!target.is_whole())
            co_return error_info(errc::connection_lost, "the part ended before the file did");
        if (target.size() == 0)
            co_return error_info(errc::download_corrupt, "the file is empty");
        co_return std::nullopt;
    }
    co_return error_info(errc::url_not_allowed, "too many redirects");
}

inline awaitable<std::optional<error_info>> enter_downloads(client_state& client, operation& op)
{
    if (client.download_slots.try_acquire())
        co_return std::nullopt;
    std::size_t const maximum = client.runtime.limits.queued_downloads;
    if (client.queued_downloads >= maximum) {
        client.runtime.counters.overloaded.add();
        co_return error_info(errc::queue_full, std::to_string(client.queued_downloads) +
                                                   " downloads are waiting, " + std::to_string(maximum) +
                                                   " may");
    }
    ++client.queued_downloads;
    slots::waiter line(client.runtime.strand());
    co_await client.wait_for_slot(op, client.download_slots, line);
    --client.queued_downloads;
    if (line.granted && op.stop_reason)
        client.download_slots.release();
    if (op.stop_reason)
        co_return error_info(op.stop_reason);
    co_return std::nullopt;
}

// The task is paid for; its result may only have a newer link.
inline awaitable<std::optional<video_file>> ask_for_fresh_link(client_state& client, operation& op,
                                                               video_file const& file)
{
    result<task_state> const now = co_await status(client, op, file.task_id(), status_options());
    if (!now || file.index() >= now->videos().size())
        co_return std::nullopt;
    co_return now->videos()[file.index()];
}

// Transfers that go on where the one before ended.
inline awaitable<result<std::uint64_t>> fetch(client_state& client, operation& op, video_file const& file,
                                              std::string const& to, download_options const& options)
{
    std::error_code ignored;
    if (file.url().empty())
        co_return error_info(errc::no_result);
    if (!options.overwrite && std::filesystem::exists(std::filesystem::symlink_status(to, ignored)))
        co_return error_info(errc::file_exists, to);
    client.set_limit(op, options.timeout, op.begun);
    if (std::optional<error_info> full = co_await enter_downloads(client, op))
        co_return *full;
    slot_guard const place(client.download_slots);
    download_target target(client, to, options);
    if (std::optional<error_info> why = target.open())
        co_return *why;
    retry_policy policy = client.config.retry;
    policy.max_retries = options.max_retries;
    read_retry again(policy, client.budget, client.seed(),
                     op.limit ? std::optional(op.limit->when()) : std::nullopt);
    link_patience patience(options.link_patience.value_or(std::chrono::minutes(3)));
    int in_vain = 0;
    std::uint64_t most = 0;
    video_file link = file;
    for (bool refreshed = false;;) {
        ++op.attempts;
        std::optional<error_info> why =
            co_await transfer(client, op, target, clean_link(link.url().expose()));
        if (!why) {
            result<std::uint64_t> done = target.finish();
            if (done)
                client.budget.succeeded();
            co_return done;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
        if (why->code() == errc::result_expired) {
            if (!std::exchange(refreshed, true) && is_task_id(file.task_id())) {
                std::optional<video_file> fresh = co_await ask_for_fresh_link(client, op, file);
                if (op.stop_reason)
                    co_return error_info(op.stop_reason);
                if (fresh) {
                    link = std::move(*fresh);
                    continue;
                }
            }
            if (!link.expires_at() || *link.expires_at() <= wall_clock())
                co_return *why;
            auto const pause = patience.next();
            if (!pause)
                co_return refused_before_expiry(std::move(*why));
            client.emit_retry(op, *pause, *why, false);
            co_await client.sleep(op, *pause);
        } else {
            // Whoever makes progress is not given up.
            bool const has_grown = target.size() > most;
            most = std::max(most, target.size());
            in_vain = has_grown ? 0 : in_vain;
            std::optional<error_info> const ended =
                co_await client.wait_to_retry(op, again, *why, in_vain++, has_grown);
            if (ended)
                co_return *ended;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
    }
}

// What a call of `client::download` is.
inline awaitable<result<std::uint64_t>> download(client_state& client, operation& op, video_file const& file,
                                                 std::string const& to, download_options const& options)
{
    op.task_id = file.task_id();
    result<std::uint64_t> outcome = co_await fetch(client, op, file, to, options);
    if (!outcome) {
        error_info why = client.credentials.redacted(outcome.error());
        outcome = std::move(why.task_id(file.task_id()));
    }
    co_return outcome;
}

} // namespace apimart::detail

#endif
