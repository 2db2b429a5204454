// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_DOWNLOAD_IPP
#define APIMART_OPERATIONS_DOWNLOAD_IPP

#include <apimart/operations/partial_file.hpp>
#include <apimart/operations/question.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/user_agent.hpp>
#include <apimart/runtime/client_core.ipp>

#include <limits>

namespace apimart::detail {

// A server may give less than was asked for. "bytes 10-19/100" is no end of the file; "/*" does not tell.
inline bool reaches_the_end(std::string_view content_range, std::uint64_t have)
{
    auto const slash = content_range.rfind('/');
    std::string_view const total = slash == std::string_view::npos ? "*" : content_range.substr(slash + 1);
    return total == "*" || total == std::to_string(have);
}

// What a call of `client::download` is: transfers that go on where the one before ended.
class download_operation final : public typed_operation<std::uint64_t>,
                                 private exchange_owner,
                                 private question::owner
{
public:
    download_operation(client_core& core, std::uint64_t serial, video_file&& file, std::filesystem::path to,
                       download_options const& options, completion<std::uint64_t>&& handler)
        : typed_operation(core, request_kind::download, serial, std::move(handler)), core_(core),
          file_(std::move(file)), to_(to), options_(options), part_(std::move(to)),
          exchange_(core, core.pool, *this), question_(core, *this, request_kind::status), random_(serial),
          pause_(&alarm_of<&download_operation::next_try>::ring, this),
          limit_(&alarm_of<&download_operation::on_limit>::ring, this)
    {}

    void begin() override
    {
        std::error_code ignored;
        if (file_.url().empty()) {
            finish(failure(errc::no_result));
        } else if (!options_.overwrite &&
                   std::filesystem::exists(std::filesystem::symlink_status(to_, ignored))) {
            finish(failure(errc::file_exists, to_.string()));
        } else {
            if (options_.time_limit) {
                deadline_ = begun + bounded(*options_.time_limit);
                limit_.set(core_.alarms, deadline_);
            }
            random_ = jitter(core_.seed());
            core_.enqueue_download(*this);
        }
    }
    void stop(boost::asio::cancellation_type, error_code why) override { cut(why); }
    void cut(error_code why) override
    {
        if (has_outcome())
            return;
        if (!stop_reason_)
            stop_reason_ = why;
        if (exchange_.busy())
            exchange_.stop(why);
        else if (question_.busy())
            question_.stop(why);
        else
            end(failure(stop_reason_));
    }
    void refuse(failure why) override { finish(std::move(why)); }
    void drop() noexcept override
    {
        exchange_.abandon();
        question_.abandon();
        pause_.clear();
        limit_.clear();
        queued.reset();
        has_place = false;
        if (std::exchange(opened_, false))
            part_.remove();
    }

    // For the core: there is a place for it, or no room to wait for one.
    void go()
    {
        if (error_code const code = part_.open()) {
            finish(failure(errc::file_error, to_.string() + ".part: " + code.message()).underlying(code));
            return;
        }
        opened_ = true;
        url_ = file_.url().reveal();
        next_try();
    }
    bool has_place = false;
    std::optional<std::list<download_operation*>::iterator> queued;

private:
    failure last_words() noexcept override { return with_task_id(core_.broken_off, file_.task_id()); }

    void next_try()
    {
        hops_ = 0;
        ++attempt_;
        transfer();
    }

    void transfer()
    {
        where_ = parse_request_url(url_);
        if (!where_) {
            after(failure(errc::url_not_allowed, "the result's link is not an http or https URL"));
            return;
        }
        bool const home = core_.is_home(where_->origin);
        if (!where_->origin.tls && !(home && core_.config.allow_plain_http)) {
            after(failure(errc::url_not_allowed, "the result's link is not https: " + where_->origin.host));
            return;
        }
        step_.reset();
        unwanted_.reset();
        last_ = download_answer();
        exchange_.start(where_->origin, lane::download, !home && !core_.config.allow_private_results,
                        std::numeric_limits<std::uint64_t>::max(), true);
    }

    std::uint64_t have() const { return etag_.empty() ? 0 : part_.size(); }

    void write_request(std::string& to) override
    {
        // No Authorization here: the key belongs to the API's calls, and the link carries its own permission.
        to.append("GET ")
            .append(where_->target)
            .append(" HTTP/1.1\r\nHost: ")
            .append(where_->origin.authority())
            .append("\r\nUser-Agent: ")
            .append(user_agent)
            .append("\r\nAccept: */*\r\nAccept-Encoding: identity\r\n");
        if (have() > 0)
            to.append("Range: bytes=")
                .append(std::to_string(have()))
                .append("-\r\nIf-Range: ")
                .append(etag_)
                .append("\r\n");
        to.append("\r\n");
    }

    error_code refuse_answer(failure why)
    {
        unwanted_ = std::move(why);
        return unwanted_->code();
    }

    error_code head_arrived(reply_parser const& parser) override
    {
        last_.status = parser.status();
        last_.location = std::string(parser.location());
        last_.content_type = std::string(parser.content_type());
        last_.content_encoding = std::string(parser.content_encoding());
        last_.content_range = std::string(parser.content_range());
        last_.retry_after = std::string(parser.retry_after());
        last_.content_length = parser.content_length();
        step_ = judge_download(last_, *where_, have(), options_.max_size);
        switch (step_->what) {
        case download_step::kind::redirect:
            // The connection is not worth reading an unwanted body for.
            return make_error_code(errc::unexpected_response);
        case download_step::kind::fail:
            if (last_.status == 416)
                part_.restart();
            return refuse_answer(step_->why);
        case download_step::kind::from_start:
            if (part_.size() > 0) {
                if (error_code const code = part_.restart())
                    return refuse_answer(failure(errc::file_error, code.message()).underlying(code));
            }
            break;
        case download_step::kind::go_on:
            break;
        }
        std::string_view const tag = parser.etag();
        etag_ = tag.starts_with('"') ? std::string(tag) : std::string(); // a weak tag cannot vouch for bytes
        return {};
    }

    error_code piece_arrived(std::string_view piece) override
    {
        if (part_.size() == 0 && !may_begin_a_video(piece))
            return refuse_answer(failure(errc::download_corrupt, "the answer's bytes are text, not a video"));
        if (part_.size() + piece.size() > options_.max_size)
            return refuse_answer(failure(errc::download_too_large,
                                         "more than " + std::to_string(options_.max_size) + " bytes"));
        if (error_code const code = part_.append(piece.data(), piece.size()))
            return refuse_answer(failure(errc::file_error, code.message()).underlying(code));
        transport::count(core_.counters.bytes_downloaded, piece.size());
        return {};
    }

    void exchange_done() override
    {
        exchange_outcome const& outcome = exchange_.outcome;
        if (core_.observer.on_attempt)
            core_.tell_attempt(request_kind::download, number, attempt_, file_.task_id(), {},
                               where_->origin.host, exchange_);
        if (stop_reason_) {
            end(failure(stop_reason_));
        } else if (unwanted_) {
            after(*unwanted_);
        } else if (step_ && step_->what == download_step::kind::redirect) {
            constexpr int most_redirects = 5;
            url_ = step_->location;
            if (++hops_ > most_redirects)
                after(failure(errc::url_not_allowed, "too many redirects"));
            else
                transfer();
        } else if (outcome.phase != exchange_phase::answered) {
            after(failure(outcome.error, outcome.detail)
                      .underlying(outcome.underlying)
                      .http_status(outcome.http_status));
        } else if (step_->what == download_step::kind::go_on &&
                   !reaches_the_end(last_.content_range, part_.size())) {
            after(failure(errc::connection_lost, "the part ended before the file did"));
        } else if (part_.size() == 0) {
            after(failure(errc::download_corrupt, "the file is empty"));
        } else if (error_code const code = part_.finish(options_.overwrite)) {
            bool const taken = code == boost::system::errc::file_exists;
            end(failure(taken ? errc::file_exists : errc::file_error, to_.string() + ": " + code.message())
                    .underlying(code));
        } else {
            core_.budget.succeeded();
            opened_ = false;
            finish(part_.size());
        }
    }

    // A transfer failed: another link, another try, or the end.
    void after(failure why)
    {
        if (why.code() == errc::result_expired && !std::exchange(refreshed_, true) &&
            is_task_id(file_.task_id())) {
            // The task is paid for; its result may only have a newer link.
            expired_ = std::move(why);
            question_.ask(file_.task_id(), number, 1);
            return;
        }
        auto const asked = why.retry_after();
        if (why.code() != cause::retryable || resumes_ >= options_.max_resumes ||
            (asked && *asked > core_.config.retry.longest_retry_after)) {
            end(std::move(why));
            return;
        }
        bool const throttled = why.code() == cause::rate_limited;
        if (throttled)
            transport::count(core_.counters.throttled);
        if (!(throttled ? core_.budget.take_throttle() : core_.budget.take_retry())) {
            transport::count(core_.counters.retries_refused);
            end(failure(errc::retry_budget_exhausted, why.describe()).underlying(why.code()));
            return;
        }
        auto const wait =
            asked ? std::chrono::milliseconds(*asked) : backoff_delay(core_.config.retry, resumes_, random_);
        ++resumes_;
        if (options_.time_limit && core_.now() + wait >= deadline_) {
            end(failure(errc::deadline_exceeded, why.describe()).underlying(why.code()));
            return;
        }
        transport::count(core_.counters.retries);
        if (core_.observer.on_retry)
            core_.tell_retry(request_kind::download, number, attempt_ + 1, wait, why, false);
        pause_.set(core_.alarms, core_.now() + wait);
    }

    void answered(result<task_state>&& now) override
    {
        if (stop_reason_) {
            end(failure(stop_reason_));
        } else if (now && file_.index() < now->videos().size()) {
            url_ = now->videos()[file_.index()].url().reveal();
            next_try();
        } else {
            end(*expired_);
        }
    }

    void on_limit() { cut(make_error_code(errc::deadline_exceeded)); }

    void end(failure why)
    {
        if (std::exchange(opened_, false))
            part_.remove();
        finish(std::move(why));
    }

    void finish(result<std::uint64_t> outcome)
    {
        pause_.clear();
        limit_.clear();
        error_code code;
        if (!outcome) {
            failure why = core_.credentials.redacted(outcome.error());
            code = why.code();
            outcome = std::move(why.task_id(file_.task_id()));
        }
        set_outcome(std::move(outcome));
        core_.conclude(*this, code, proof_level::none, file_.task_id(), attempt_);
        // Last, because it may begin another one, for which there may be no memory.
        core_.dequeue_download(*this);
    }

    client_core& core_;
    video_file file_;
    std::filesystem::path const to_;
    download_options const options_;
    part_file part_;
    bool opened_ = false;
    exchange exchange_;
    question question_;
    jitter random_;
    std::string url_;
    std::string etag_;
    std::optional<request_url> where_;
    std::optional<download_step> step_;
    std::optional<failure> unwanted_;
    std::optional<failure> expired_;
    download_answer last_;
    clock::time_point deadline_{};
    error_code stop_reason_;
    bool refreshed_ = false;
    int hops_ = 0;
    int resumes_ = 0;
    int attempt_ = 0;
    alarm pause_;
    alarm limit_;
};

APIMART_INLINE void client_core::enqueue_download(download_operation& which)
{
    if (download_places_ > 0 && download_queue_.empty()) {
        --download_places_;
        which.has_place = true;
        which.go();
        return;
    }
    if (download_queue_.size() >= most.queued_downloads) {
        count(counters.overloaded);
        which.refuse(failure(errc::overloaded, std::to_string(download_queue_.size()) +
                                                   " downloads are waiting, " +
                                                   std::to_string(most.queued_downloads) + " may"));
        return;
    }
    which.queued = download_queue_.insert(download_queue_.end(), &which);
}

APIMART_INLINE void client_core::dequeue_download(download_operation& which)
{
    if (which.queued) {
        download_queue_.erase(*which.queued);
        which.queued.reset();
    }
    if (!std::exchange(which.has_place, false))
        return;
    if (download_queue_.empty() || shutting_down_) {
        ++download_places_;
        return;
    }
    download_operation& next = *download_queue_.front();
    download_queue_.pop_front();
    next.queued.reset();
    next.has_place = true;
    next.go();
}

APIMART_INLINE void client_core::start_download(video_file&& file, std::filesystem::path to,
                                                download_options const& options,
                                                completion<std::uint64_t>&& handler)
{
    launch(std::make_shared<download_operation>(*this, ++next_number_, std::move(file), std::move(to),
                                                options, std::move(handler)));
}

} // namespace apimart::detail

#endif
