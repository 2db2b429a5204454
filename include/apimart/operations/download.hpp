// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_DOWNLOAD_HPP
#define APIMART_OPERATIONS_DOWNLOAD_HPP

#include <apimart/download_sink.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/download_destination.hpp>
#include <apimart/operations/file_destination.hpp>
#include <apimart/operations/sink_destination.hpp>
#include <apimart/operations/status.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/policy/retry.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// A file that is being fetched, across all transfers of it.
class download_target
{
public:
    download_target(client_state& client, download_destination& to, download_settings const& chosen)
        : options(chosen.options), client_(client), to_(to), on_progress_(chosen.on_progress)
    {}
    download_target(download_target const&) = delete;
    download_target& operator=(download_target const&) = delete;

    std::optional<error_info> open()
    {
        file_in_transfer found;
        auto why = to_.open(found);
        size_ = found.size;
        validator_ = found.validator;
        is_sniffed_ = found.have > 0;
        return why;
    }
    std::uint64_t size() const { return to_.size() + beginning_.size(); }
    bool is_whole() const { return !size_ || *size_ == size(); }
    bool is_text() const noexcept { return is_text_; }
    // Without a name for what is there, nothing can be added to it.
    file_in_transfer known() const { return {validator_.empty() ? 0 : size(), size_, validator_}; }

    std::optional<error_info> begin_answer(download_decision const& step, std::string_view type)
    {
        using action = download_decision::action;
        skip_ = 0;
        if (step.next == action::fail)
            return step.why;
        if (step.next != action::resume && size() > 0) {
            bool const is_same =
                step.next == action::from_start && !validator_.empty() && step.file.validator == validator_;
            if (to_.can_rewind()) {
                if (auto why = restart())
                    return why;
            } else if (is_same) {
                skip_ = to_.size();
            } else {
                return error_info(errc::download_corrupt,
                                  "the file changed, or nothing vouches that it did not, behind the " +
                                      std::to_string(to_.size()) + " bytes that were given to the sink");
            }
        }
        if (step.next == action::restart)
            return step.why;
        type_ = type;
        if (size() == 0 || size_ != step.file.size || validator_ != step.file.validator) {
            size_ = step.file.size;
            validator_ = step.file.validator;
            to_.begin(step.file);
        }
        return std::nullopt;
    }
    std::optional<error_info> append(std::string_view piece)
    {
        auto const skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, piece.size()));
        skip_ -= skipped;
        piece.remove_prefix(skipped);
        if (piece.empty())
            return std::nullopt;
        if (size_ && size() + piece.size() > *size_)
            return error_info(errc::protocol_error, "more bytes than the file has");
        if (size() + piece.size() > options.max_size)
            return error_info(errc::download_too_large,
                              "more than " + std::to_string(options.max_size) + " bytes");
        client_.runtime.counters.bytes_downloaded.add(piece.size());
        if (!is_sniffed_) {
            beginning_.append(piece);
            return beginning_.size() < sniffed_bytes ? std::nullopt : take_beginning();
        }
        auto why = to_.append(piece);
        if (!why)
            tell();
        return why;
    }
    // The file's first bytes are kept back until they show that it is a video.
    std::optional<error_info> take_beginning()
    {
        if (is_sniffed_)
            return std::nullopt;
        is_text_ = detail::is_text(std::string_view(beginning_).substr(0, sniffed_bytes));
        std::string const bytes = std::exchange(beginning_, {});
        if (is_text_)
            return not_a_video();
        is_sniffed_ = true;
        auto why = to_.append(bytes);
        if (!why)
            tell();
        return why;
    }
    bool has_pending() const noexcept { return to_.has_pending(); }
    awaitable<std::optional<error_info>> flush(operation& op) { return to_.flush(op); }
    std::optional<error_info> finish() { return to_.finish(); }
    void discard() { to_.discard(); }

    download_options const options;

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
    std::optional<error_info> restart()
    {
        beginning_.clear();
        is_sniffed_ = false;
        size_.reset();
        validator_.clear();
        return to_.restart();
    }
    void tell() const
    {
        if (on_progress_)
            on_progress_({size(), size_});
    }

    client_state& client_;
    download_destination& to_;
    std::function<void(transfer_progress)> const& on_progress_;
    std::string beginning_;
    std::string type_;
    std::optional<std::uint64_t> size_;
    std::string validator_;
    std::uint64_t skip_ = 0; // bytes of an answer that are there already
    bool is_sniffed_ = false;
    bool is_text_ = false;
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
        constexpr std::size_t longest = 8'000; // what RFC 9110, 4.1 asks every server to take
        if (url.size() > longest)
            co_return error_info(errc::url_not_allowed, "the result's link has " +
                                                            std::to_string(url.size()) + " bytes, at most " +
                                                            std::to_string(longest) + " are sent");
        if (!home && is_port_of_another_protocol(where->origin.port))
            co_return error_info(errc::url_not_allowed,
                                 "the result's link leads to port " + where->origin.port);
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
            step = decide_download(answer, *where, target.known(), target.options.max_size,
                                   client.runtime.wall_clock());
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
                if (!unwanted && target.has_pending()) {
                    op.active = nullptr;
                    x.pause();
                    unwanted = co_await target.flush(op);
                    op.active = &x;
                }
            }
            if (unwanted)
                x.reject(error_info(unwanted->code()));
        }
        op.active = nullptr;
        client.emit_attempt(request_kind::download, op.number, op.tag, op.attempts, op.task_id, {},
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

// All bytes have come, and those that were kept back go on their way.
inline awaitable<std::optional<error_info>> finish(operation& op, download_target& target)
{
    std::optional<error_info> why = target.take_beginning();
    if (!why && target.has_pending())
        why = co_await target.flush(op);
    co_return why ? why : target.finish();
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
inline awaitable<std::optional<error_info>> fetch(client_state& client, operation& op, video_file const& file,
                                                  download_target& target)
{
    download_options const& options = target.options;
    if (file.url().empty())
        co_return error_info(errc::no_result);
    client.set_limit(op, options.timeout, op.begun);
    if (std::optional<error_info> full = co_await enter_downloads(client, op))
        co_return full;
    slot_guard const place(client.download_slots);
    if (std::optional<error_info> why = target.open())
        co_return why;
    retry_policy policy = client.config.retry;
    policy.max_retries = options.max_retries;
    read_retry again(policy, client.budget, client.seed(),
                     op.limit ? std::optional(op.limit->when()) : std::nullopt);
    link_patience patience(options.link_patience.value_or(std::chrono::minutes(3)));
    int in_vain = 0;
    std::uint64_t most = target.size();
    video_file link = file;
    bool is_refreshed = false;
    for (bool was_text = false;;) {
        ++op.attempts;
        std::optional<error_info> why =
            co_await transfer(client, op, target, clean_link(link.url().expose()));
        if (!why)
            why = co_await finish(op, target);
        if (!why) {
            client.budget.succeeded();
            co_return std::nullopt;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
        if (why->code() == errc::result_expired) {
            if (!std::exchange(is_refreshed, true) && is_task_id(file.task_id())) {
                std::optional<video_file> fresh = co_await ask_for_fresh_link(client, op, file);
                if (op.stop_reason)
                    co_return error_info(op.stop_reason);
                if (fresh) {
                    link = std::move(*fresh);
                    continue;
                }
            }
            if (!link.expires_at() || *link.expires_at() <= client.runtime.wall_clock())
                co_return why;
            auto const pause = patience.next();
            if (!pause)
                co_return refused_before_expiry(std::move(*why));
            client.emit_retry(op, *pause, *why, false);
            co_await client.sleep(op, *pause);
        } else if (target.is_text() && !std::exchange(was_text, true)) {
            // A page of whoever stands before the storage may be gone at the next try.
            client.emit_retry(op, policy.initial_backoff, *why, false);
            co_await client.sleep(op, policy.initial_backoff);
        } else {
            // Whoever makes progress is not given up.
            bool const has_grown = target.size() > most;
            most = std::max(most, target.size());
            in_vain = has_grown ? 0 : in_vain;
            std::optional<error_info> const ended =
                co_await client.wait_to_retry(op, again, *why, in_vain++, has_grown);
            if (ended)
                co_return ended;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
    }
}

inline awaitable<std::optional<error_info>> download_to(client_state& client, operation& op,
                                                        video_file const& file, download_destination& to,
                                                        download_settings const& settings)
{
    op.task_id = file.task_id();
    download_target target(client, to, settings);
    std::optional<error_info> why = co_await fetch(client, op, file, target);
    if (!why)
        co_return std::nullopt;
    if (why->code() == errc::download_corrupt || why->code() == errc::download_too_large)
        target.discard();
    co_return client.credentials.redacted(std::move(*why)).task_id(file.task_id());
}

// A link without its permission.
inline std::string without_query(result_url const& link)
{
    auto const parsed = parse_request_url(clean_link(link.expose()));
    if (!parsed)
        return {};
    return (parsed->origin.tls ? "https://" : "http://") + parsed->origin.authority() +
           parsed->target.substr(0, parsed->target.find('?'));
}

// What a call of `client::download` with a path is.
inline awaitable<result<std::uint64_t>> download(client_state& client, operation& op, video_file const& file,
                                                 std::string const& to, download_settings const& settings)
{
    bool const overwrite = settings.options.overwrite;
    if (std::optional<error_info> unusable = file_destination::check(to, overwrite))
        co_return unusable->task_id(file.task_id());
    file_destination place(to, overwrite, without_query(file.url()));
    if (std::optional<error_info> why = co_await download_to(client, op, file, place, settings))
        co_return *why;
    co_return place.size();
}

// The same into memory.
inline awaitable<result<std::string>> download(client_state& client, operation& op, video_file const& file,
                                               into_memory to, download_settings settings)
{
    settings.options.max_size = std::min(settings.options.max_size, to.max_size());
    memory_destination place;
    if (std::optional<error_info> why = co_await download_to(client, op, file, place, settings))
        co_return *why;
    co_return std::move(place.bytes);
}

// The same into a sink.
inline awaitable<result<std::uint64_t>> download(client_state& client, operation& op, video_file const& file,
                                                 sink_reference const& to, download_settings const& settings)
{
    sink_destination place(to, client);
    if (std::optional<error_info> why = co_await download_to(client, op, file, place, settings))
        co_return *why;
    co_return place.size();
}

// One file has the path; several have their numbers before its extension.
inline std::string numbered(std::string const& to, std::size_t index, std::size_t count)
{
    std::filesystem::path path(to);
    if (count > 1)
        path.replace_filename(path.stem().string() + '-' + std::to_string(index + 1) +
                              path.extension().string());
    return path.string();
}

// What a call of `client::download_all` is: one file after the other.
inline awaitable<result<std::vector<std::string>>> download_all(client_state& client, operation& op,
                                                                task_state const& of, std::string const& to,
                                                                download_settings const& settings)
{
    op.task_id = of.id();
    std::size_t const count = of.videos().size();
    if (count == 0)
        co_return error_info(errc::no_result).task_id(of.id());
    if (std::optional<error_info> unusable = file_destination::check(to, true))
        co_return unusable->task_id(of.id());
    std::vector<std::string> paths;
    for (video_file const& each : of.videos()) {
        paths.push_back(numbered(to, each.index(), count));
        if (std::optional<error_info> bad = file_destination::check(paths.back(), settings.options.overwrite))
            co_return bad->task_id(of.id());
    }
    for (std::size_t i = 0; i < count; ++i) {
        result<std::uint64_t> const size = co_await download(client, op, of.videos()[i], paths[i], settings);
        if (!size) {
            error_info why = size.error();
            if (why.client_message().find(paths[i]) == std::string::npos)
                why.client_message(why.client_message().empty() ? paths[i]
                                                                : paths[i] + ": " + why.client_message());
            co_return why;
        }
    }
    co_return paths;
}

} // namespace apimart::detail

#endif
