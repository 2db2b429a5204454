// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_UPLOAD_HPP
#define APIMART_OPERATIONS_UPLOAD_HPP

#include <apimart/any_request.hpp>
#include <apimart/image_source.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/request.hpp>
#include <apimart/protocol/multipart_file.hpp>
#include <apimart/protocol/upload_response.hpp>
#include <apimart/runtime/blocking_call.hpp>
#include <apimart/text/hex.hpp>
#include <apimart/validation/picture_reader.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace apimart::detail {

// Nothing that is read from a file keeps the strand waiting, or longer than a request may stand still.
template <class T>
awaitable<result<T>> off_strand(client_runtime& runtime, std::shared_ptr<picture_reader> from,
                                result<T> (picture_reader::*read)(), timer& pause)
{
    std::optional<result<T>> found;
    std::function<result<T>()> const function = [from, read] { return ((*from).*read)(); };
    try {
        found =
            co_await blocking_call<result<T>>::run(runtime.strand(), function, pause, runtime.timeouts.send);
    } catch (std::system_error const& e) {
        found.emplace(error_info(errc::resource_exhausted, "no thread for reading " + from->name())
                          .underlying(error_code(e.code().value(), boost::system::system_category())));
    }
    if (!found)
        co_return from->unreadable("the file system did not answer in time");
    co_return std::move(*found);
}

// The body of one upload behind the head of its form. It stays with whoever reads it.
class upload_body
{
public:
    upload_body(client_runtime& runtime, std::shared_ptr<picture_reader> picture, sha256_digest const& digest,
                upload_settings const& settings, std::string tail)
        : runtime_(runtime), picture_(std::move(picture)), digest_(digest),
          on_progress_(settings.on_progress), tail_(std::move(tail))
    {}

    awaitable<result<std::string_view>> next(timer& pause)
    {
        if (sent_ > 0 && !is_closed_)
            runtime_.emit(on_progress_, transfer_progress{sent_, picture_->size()});
        if (picture_->at_end())
            co_return std::exchange(is_closed_, true) ? std::string_view() : tail_;
        result<std::string_view> piece =
            co_await off_strand(runtime_, picture_, &picture_reader::read, pause);
        if (!piece)
            co_return piece;
        sent_ += piece->size();
        // A file that somebody writes to is never complete at the service.
        if (picture_->at_end() && picture_->digest() != digest_)
            co_return picture_->unreadable("it changed while it was uploaded");
        co_return piece;
    }

private:
    client_runtime& runtime_;
    std::shared_ptr<picture_reader> picture_;
    sha256_digest const digest_;
    std::function<void(transfer_progress)> const on_progress_;
    std::string const tail_;
    std::uint64_t sent_ = 0;
    bool is_closed_ = false;
};

// As random as a key: it occurs in no picture.
inline std::string random_boundary()
{
    std::string text = "apimart-";
    for (std::uint64_t part : {fresh_seed(), fresh_seed()})
        for (int i = 0; i < 8; ++i, part >>= 8U)
            append_hex(text, static_cast<unsigned char>(part & 0xFFU));
    return text;
}

// One POST, which is never sent a second time.
inline awaitable<result<uploaded_image>> post_picture(client_state& client, operation& op,
                                                      std::shared_ptr<picture_reader> picture,
                                                      sha256_digest digest, upload_settings const& settings)
{
    multipart_file const form(random_boundary(), picture->name(), picture->type());
    exchange x(client.runtime, client.pool, client.connector);
    endpoint_cursor at = client.first_endpoint();
    do {
        picture->rewind();
        auto const body = std::make_shared<upload_body>(client.runtime, picture, digest, settings, form.tail);
        api_endpoint const& endpoint = client.endpoint(at);
        // Like a submit it takes no connection that may have gone stale, because it cannot be repeated.
        http_request request(endpoint.origin, lane::submit);
        request.head.append("POST ").append(endpoint.base).append("/v1/uploads/images");
        request.head.append(endpoint.tail);
        request.rest_size = picture->size() + form.tail.size();
        request.head.append("Content-Type: ").append(form.content_type).append("\r\nContent-Length: ");
        request.head.append(std::to_string(form.head.size() + request.rest_size)).append("\r\n\r\n");
        request.body = form.head;
        request.rest = [body](timer& pause) { return body->next(pause); };
        request.response_limit = client.runtime.limits.body_limit;
        request.counted = &client.runtime.counters.uploads_sent;
        ++op.attempts;
        op.active = &x;
        co_await x.send(std::move(request));
        op.active = nullptr;
        client.emit_attempt(request_kind::upload, op.number, op.tag, op.attempts, {}, {},
                            endpoint.origin.host, x);
    } while (!op.stop_reason && client.failover(at, x.result));

    result<http_response> const answer = read_answer(client, x.result, false);
    if (!answer && op.stop_reason && x.result.phase < request_phase::committed)
        co_return error_info(op.stop_reason);
    if (!answer) {
        error_info why = answer.error();
        if (x.result.phase == request_phase::sending)
            why.client_message(why.client_message() + "; the service has not got all of it");
        co_return why;
    }
    result<uploaded_image> there = read_upload_response(*answer, client.runtime.wall_clock());
    if (!there)
        co_return client.credentials.redacted(there.error());
    there->content_type(std::string(picture->type())).bytes(picture->size());
    co_return there;
}

// Its content once from beginning to end, before a byte is sent.
inline awaitable<result<sha256_digest>> inspect(client_state& client, operation& op,
                                                std::shared_ptr<picture_reader> picture)
{
    timer pause(client.runtime.strand());
    op.sleeping = &pause;
    result<void> const opened = co_await off_strand(client.runtime, picture, &picture_reader::open, pause);
    std::optional<error_info> why;
    if (!opened)
        why = opened.error();
    while (!why && !op.stop_reason && !picture->at_end()) {
        auto const piece = co_await off_strand(client.runtime, picture, &picture_reader::read, pause);
        if (!piece)
            why = piece.error();
    }
    op.sleeping = nullptr;
    if (op.stop_reason)
        co_return error_info(op.stop_reason);
    if (why)
        co_return std::move(*why);
    co_return picture->digest();
}

// The link for one picture: of an earlier upload of the same content, or of a new one.
inline awaitable<result<uploaded_image>> find_or_upload(client_state& client, operation& op,
                                                        image_source const& source, std::string pointer,
                                                        image_limits limits, upload_settings const& settings)
{
    client_runtime& runtime = client.runtime;
    slots::waiter line(runtime.strand());
    if (!client.upload_slots.try_acquire()) {
        co_await client.wait_for_slot(op, client.upload_slots, line);
        if (line.granted && op.stop_reason)
            client.upload_slots.release();
    }
    if (op.stop_reason)
        co_return error_info(op.stop_reason);
    slot_guard const place(client.upload_slots);

    auto const picture = std::make_shared<picture_reader>(source, std::move(pointer), limits);
    result<sha256_digest> const digest = co_await inspect(client, op, picture);
    if (!digest)
        co_return digest.error();
    std::shared_ptr<upload_cache::entry> const known =
        client.uploads.find(*digest, client.runtime.wall_clock());
    int const failures = known->failures();
    slots::waiter behind(runtime.strand());
    if (!known->turn.try_acquire()) {
        co_await client.wait_for_slot(op, known->turn, behind);
        if (behind.granted && op.stop_reason)
            known->turn.release();
    }
    if (op.stop_reason)
        co_return error_info(op.stop_reason);
    slot_guard const turn(known->turn);
    auto const begun = client.runtime.wall_clock();
    if (uploaded_image const* const there = settings.reuse ? known->link(begun) : nullptr) {
        uploaded_image again = *there;
        co_return again.reused(true);
    }
    if (error_info const* const why = settings.reuse ? known->failure_after(failures) : nullptr)
        co_return *why;
    result<uploaded_image> const there = co_await post_picture(client, op, picture, *digest, settings);
    if (there)
        known->succeeded(*there, begun);
    else if (!op.stop_reason)
        known->failed(there.error());
    co_return there;
}

// What a call of `client::upload` is.
inline awaitable<result<uploaded_image>> upload(client_state& client, operation& op,
                                                image_source const& source, upload_settings const& settings)
{
    client.set_limit(op, settings.timeout, op.begun);
    result<uploaded_image> there = co_await find_or_upload(client, op, source, "/file", {}, settings);
    co_return there;
}

// Puts a link into the place of every local picture, or tells why one of them has none.
inline awaitable<std::optional<error_info>> upload_local_images(client_state& client, operation& op,
                                                                any_request& request,
                                                                upload_settings const& settings)
{
    std::vector<local_image> const all = request.local_images();
    for (local_image const& each : all) {
        result<uploaded_image> const there =
            co_await find_or_upload(client, op, each.file(), each.pointer(), each.limits(), settings);
        if (there) {
            request.replace(each.file(), there->url());
            continue;
        }
        error_info why = there.error();
        if (why.validation().entries().empty() && !op.stop_reason)
            why.client_message(each.pointer() + ", " + file_name_of(each.file().path()) +
                               (why.client_message().empty() ? "" : ": " + why.client_message()));
        co_return why;
    }
    co_return std::nullopt;
}

// What a call of `client::upload_files` is.
inline awaitable<result<any_request>>
upload_files(client_state& client, operation& op, any_request const& request, upload_settings const& settings)
{
    client.set_limit(op, settings.timeout, op.begun);
    if (validation_result found = request.check(); !found.ok())
        co_return error_info(errc::invalid_request).validation(std::move(found));
    any_request ready = request;
    if (std::optional<error_info> why = co_await upload_local_images(client, op, ready, settings))
        co_return std::move(*why);
    co_return ready;
}

} // namespace apimart::detail

#endif
