// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SINK_DESTINATION_HPP
#define APIMART_OPERATIONS_SINK_DESTINATION_HPP

#include <apimart/download_sink.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/download_destination.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// A caller's sink, on an executor of its own. What it was given cannot be taken back.
class sink_destination final : public download_destination
{
public:
    sink_destination(sink_reference sink, client_state& client)
        : sink_(std::move(sink)), ended_(client.runtime.strand(), timer::time_point::max()),
          write_(std::make_shared<sink_write>(client.weak_from_this(), *this))
    {}
    ~sink_destination() override { write_->owner = nullptr; }

    std::uint64_t size() const noexcept override { return taken_ + write_->bytes.size(); }
    std::optional<error_info> append(std::string_view piece) override
    {
        write_->bytes.append(piece);
        return std::nullopt;
    }
    std::optional<error_info> restart() override { return std::nullopt; }
    bool can_rewind() const noexcept override { return size() == 0; }
    bool has_pending() const noexcept override { return !write_->bytes.empty(); }

    // A write that is to end early is told so, and waited for: a stream must outlive its operations.
    awaitable<std::optional<error_info>> flush(operation& op) override
    {
        is_over_ = false;
        boost::asio::post(sink_.get_executor(), [sink = sink_, one = write_] { one->begin(sink); });
        for (bool is_told = false; !is_over_;) {
            if (op.stop_reason && !std::exchange(is_told, true))
                boost::asio::post(sink_.get_executor(), [one = write_] { one->cancel(); });
            op.sleeping = &ended_;
            co_await ended_.async_wait(use_tuple);
            op.sleeping = nullptr;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
        if (code_)
            co_return error_info(errc::file_error,
                                 "the sink, after " + std::to_string(taken_) + " bytes: " + code_.message())
                .underlying(code_);
        taken_ += write_->bytes.size();
        write_->bytes.clear();
        co_return std::nullopt;
    }

private:
    // Lives as long as the sink works on it, whatever becomes of the download.
    class sink_write : public std::enable_shared_from_this<sink_write>
    {
    public:
        sink_write(std::weak_ptr<client_state> client, sink_destination& destination)
            : owner(&destination), client_(std::move(client))
        {}

        // On the sink's executor, as `cancel`.
        void begin(sink_reference const& sink)
        {
            is_running_ = true;
            auto on_end = [self = shared_from_this()](error_code code, std::size_t) { self->end(code); };
            sink.write(boost::asio::buffer(bytes),
                       boost::asio::bind_cancellation_slot(stop_.slot(), std::move(on_end)));
        }
        void cancel()
        {
            if (is_running_)
                stop_.emit(boost::asio::cancellation_type::terminal);
        }

        std::string bytes;
        sink_destination* owner; // on the client's strand

    private:
        void end(error_code code)
        {
            is_running_ = false;
            auto const client = client_.lock();
            if (!client)
                return;
            client->post([self = shared_from_this(), code] {
                if (self->owner == nullptr)
                    return;
                self->owner->code_ = code;
                self->owner->is_over_ = true;
                self->owner->ended_.cancel();
            });
        }

        std::weak_ptr<client_state> client_;
        boost::asio::cancellation_signal stop_;
        bool is_running_ = false;
    };

    sink_reference sink_;
    timer ended_; // cancelled at the end of a write
    bool is_over_ = true;
    error_code code_;
    std::shared_ptr<sink_write> write_;
    std::uint64_t taken_ = 0;
};

} // namespace apimart::detail

#endif
