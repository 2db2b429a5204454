// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_DOWNLOAD_IPP
#define APIMART_DETAIL_IMPL_DOWNLOAD_IPP

#include <apimart/detail/client_core.hpp>
#include <apimart/detail/config.hpp>
#include <apimart/detail/download_rules.hpp>
#include <apimart/detail/impl/client_core.ipp>
#include <apimart/detail/part_file.hpp>
#include <apimart/detail/wire/reply_json.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/none.hpp>

#include <vector>

namespace apimart::detail {

APIMART_INLINE void client_core::start_download(video_file file, std::filesystem::path to,
                                                download_options options, completion<std::uint64_t> handler)
{
    launch<std::uint64_t>(
        std::move(handler), false,
        [file = std::move(file), to = std::move(to), options](client_core& core, operation_ptr op) mutable {
            return core.download(std::move(op), std::move(file), std::move(to), options);
        });
}

APIMART_INLINE boost::asio::awaitable<result<std::uint64_t>>
client_core::download(operation_ptr op, video_file file, std::filesystem::path to, download_options options)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    if (file.url().empty())
        co_return failure(errc::no_result).task_id(file.task_id());
    std::error_code ignored;
    if (!options.overwrite && std::filesystem::exists(std::filesystem::symlink_status(to, ignored)))
        co_return failure(errc::file_exists, to.string()).task_id(file.task_id());
    if (error_code const code = co_await enter(downloads_))
        co_return failure(stop_code(*op, code)).task_id(file.task_id());
    gate_place const place(downloads_);

    part_file part(to);
    if (error_code const code = part.open())
        co_return failure(errc::file_error, to.string() + ".part: " + code.message())
            .underlying(code)
            .task_id(file.task_id());

    std::string url = file.url().reveal();
    std::string etag;
    bool refreshed = false;
    jitter random(++seed_);
    for (int resume = 0;;) {
        result<std::uint64_t> const got = co_await transfer(*op, url, part, options, etag);
        if (got) {
            if (error_code const code = part.finish(options.overwrite)) {
                part.remove();
                bool const taken = code == boost::system::errc::file_exists;
                co_return failure(taken ? errc::file_exists : errc::file_error,
                                  to.string() + ": " + code.message())
                    .underlying(code)
                    .task_id(file.task_id());
            }
            co_return part.size();
        }
        failure why = got.error();
        if (op->stop_reason) {
            why = failure(op->stop_reason);
        } else if (why.code() == errc::result_expired && !refreshed && is_task_id(file.task_id())) {
            // The task is paid for; its result may only have a newer link.
            refreshed = true;
            auto const now = judge_task_answer(co_await ask_for_task(*op, file.task_id()), file.task_id());
            if (now && file.index() < now->videos().size()) {
                url = now->videos()[file.index()].url().reveal();
                continue;
            }
        } else if (why.code() == cause::retryable && resume < options.max_resumes) {
            auto const asked = why.retry_after();
            bool const bearable = !asked || *asked <= config_.retry.longest_retry_after;
            auto const wait =
                asked ? std::chrono::milliseconds(*asked) : backoff_delay(config_.retry, resume, random);
            ++resume;
            if (bearable) {
                error_code const code = co_await pause(wait);
                if (!code && !op->stop_reason)
                    continue;
                why = failure(stop_code(*op, code));
            }
        }
        part.remove();
        co_return why.task_id(file.task_id());
    }
}

// A server may give less than was asked for. "bytes 10-19/100" is no end of the file; "/*" does not tell.
inline bool reaches_the_end(std::string_view content_range, std::uint64_t have)
{
    auto const slash = content_range.rfind('/');
    std::string_view const total = slash == std::string_view::npos ? "*" : content_range.substr(slash + 1);
    return total == "*" || total == std::to_string(have);
}

inline failure transfer_failure(connection const& c, error_code code)
{
    return failure(transport_code(code, c.expired)).underlying(code);
}

APIMART_INLINE boost::asio::awaitable<result<std::uint64_t>>
client_core::transfer(operation& op, std::string url, part_file& file, download_options const& options,
                      std::string& etag)
{
    namespace asio = boost::asio;
    namespace http = boost::beast::http;
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    constexpr int most_redirects = 5;

    for (int hop = 0; hop <= most_redirects; ++hop) {
        std::optional<request_url> const where = parse_request_url(url);
        if (!where)
            co_return failure(errc::url_not_allowed, "the result's link is not an http or https URL");
        // What the caller configured as the service is trusted to be where it is; every other place is not.
        bool const home = where->origin == base_.origin;
        if (!where->origin.tls && !(home && config_.allow_plain_http))
            co_return failure(errc::url_not_allowed, "the result's link is not https: " + where->origin.host);
        bool const public_only = !home && !config_.allow_private_results;

        auto acquired = co_await pool_.acquire(where->origin, lane::download);
        if (!acquired)
            co_return acquired.error();
        connection_lease lease = std::move(*acquired);
        if (!lease->connected && !op.stop_reason) {
            result<void> const connected = co_await pool_.connect(*lease, public_only, op.stop_reason);
            counters_.connections_opened.store(pool_.opened(), std::memory_order_relaxed);
            if (!connected)
                co_return connected.error();
        }
        if (op.stop_reason)
            co_return failure(op.stop_reason);

        // No Authorization here: the key belongs to the API's calls, and the link carries its own permission.
        std::string request = "GET " + where->target + " HTTP/1.1\r\nHost: " + where->origin.authority() +
                              "\r\nUser-Agent: apimart-cpp\r\nAccept: */*\r\nAccept-Encoding: identity\r\n";
        std::uint64_t const have = etag.empty() ? 0 : file.size();
        if (have > 0)
            request += "Range: bytes=" + std::to_string(have) + "-\r\nIf-Range: " + etag + "\r\n";
        request += "\r\n";

        std::optional<cut_on_stop> until_read(std::in_place, op, *lease);
        pool_.limit(*lease, connection::clock::now() + config_.timeouts.response);
        auto const [write_code, written] =
            co_await asio::async_write(lease->bytes, asio::buffer(request), token);
        if (write_code)
            co_return transfer_failure(*lease, write_code);
        ++lease->served;
        http::response_parser<http::buffer_body> parser;
        parser.header_limit(static_cast<std::uint32_t>(config_.limits.header_bytes));
        parser.body_limit(boost::none);
        auto const [header_code, header_bytes] =
            co_await http::async_read_header(lease->bytes, lease->buffer, parser, token);
        if (header_code)
            co_return transfer_failure(*lease, header_code);
        if (!is_plain_framing(parser.get()))
            co_return failure(errc::protocol_error, "the file server's answer is not plainly framed");

        download_answer answer;
        answer.status = static_cast<int>(parser.get().result_int());
        answer.location = std::string(parser.get()[http::field::location]);
        answer.content_type = std::string(parser.get()[http::field::content_type]);
        answer.content_encoding = std::string(parser.get()[http::field::content_encoding]);
        answer.content_range = std::string(parser.get()[http::field::content_range]);
        answer.retry_after = std::string(parser.get()[http::field::retry_after]);
        if (auto const length = parser.content_length())
            answer.content_length = *length;
        download_step step = judge_download(answer, *where, have, options.max_size);
        if (step.what == download_step::kind::redirect) {
            url = step.location;
            continue; // the connection is not worth reading an unwanted body for
        }
        if (step.what == download_step::kind::fail) {
            if (answer.status == 416)
                file.restart();
            co_return step.why;
        }
        if (step.what == download_step::kind::from_start && file.size() > 0) {
            if (error_code const code = file.restart())
                co_return failure(errc::file_error, code.message()).underlying(code);
        }
        std::string const tag(parser.get()[http::field::etag]);
        etag = tag.starts_with('"') ? tag : std::string(); // a weak tag cannot vouch for bytes

        std::vector<char> piece(std::size_t{64} << 10U);
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            parser.get().body().more = true;
            pool_.limit(*lease, connection::clock::now() + config_.timeouts.response);
            auto const [code, n] = co_await http::async_read(lease->bytes, lease->buffer, parser, token);
            // What came before a connection ended is good, and the next try goes on behind it.
            std::size_t const got = piece.size() - parser.get().body().size;
            if (got > 0 && file.size() == 0 && !may_begin_a_video(std::string_view(piece.data(), got)))
                co_return failure(errc::download_corrupt, "the answer's bytes are text, not a video");
            if (file.size() + got > options.max_size)
                co_return failure(errc::download_too_large,
                                  "more than " + std::to_string(options.max_size) + " bytes");
            if (error_code const write_failed = file.append(piece.data(), got))
                co_return failure(errc::file_error, write_failed.message()).underlying(write_failed);
            counters_.bytes_downloaded.fetch_add(got, std::memory_order_relaxed);
            if (code && code != http::error::need_buffer)
                co_return transfer_failure(*lease, code);
        }
        if (step.what == download_step::kind::go_on && !reaches_the_end(answer.content_range, file.size()))
            co_return failure(errc::connection_lost, "the part ended before the file did");
        if (file.size() == 0)
            co_return failure(errc::download_corrupt, "the file is empty");
        until_read.reset();
        if (parser.keep_alive() && !parser.need_eof())
            lease.give_back();
        co_return file.size();
    }
    co_return failure(errc::url_not_allowed, "too many redirects");
}

} // namespace apimart::detail

#endif
