// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_OPERATION_HPP
#define APIMART_DETAIL_OPERATION_HPP

#include <apimart/detail/transport/connection_pool.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>

namespace apimart::detail {

// One operation under way, seen from those who may want to end it. Lives on the client's strand.
class operation
{
public:
    boost::asio::cancellation_signal signal;
    // Why it has to end; the first reason stays.
    boost::system::error_code stop_reason;
    bool is_submit = false;

    // From here on the request may be accepted: ending it early would lose the answer that says so.
    void sending(connection_pool& pool, connection& on, std::chrono::milliseconds patience)
    {
        begun_ = true;
        pool_ = &pool;
        connection_ = &on;
        patience_ = patience;
        if (stop_reason)
            shorten();
    }
    void settled() { connection_ = nullptr; }
    // Once begun, only the machine knows what an answer proved.
    bool may_be_accepted() const noexcept { return begun_; }

    void stop(boost::asio::cancellation_type type, boost::system::error_code why)
    {
        using boost::asio::cancellation_type;
        if (connection_ != nullptr) {
            // Total cancellation promises that nothing happened, which can no longer be promised.
            if ((type & (cancellation_type::terminal | cancellation_type::partial)) ==
                cancellation_type::none)
                return;
            if (!stop_reason) {
                stop_reason = why;
                shorten();
            }
            return;
        }
        if (!stop_reason)
            stop_reason = why;
        // Every type promises the same here, and the operations beneath know only the strongest.
        signal.emit(cancellation_type::terminal);
        if (reading_ != nullptr)
            reading_->cut();
    }

private:
    friend class cut_on_stop;

    void shorten()
    {
        auto const end = connection_pool::clock::now() + patience_;
        if (end < connection_->deadline)
            pool_->limit(*connection_, end);
    }

    bool begun_ = false;
    connection_pool* pool_ = nullptr;
    connection* connection_ = nullptr;
    connection* reading_ = nullptr;
    std::chrono::milliseconds patience_{0};
};

// While it lives, stopping a question or a transfer also cuts its connection: a signal alone is lost when it
// falls between the end of one step and the begin of the next.
class cut_on_stop
{
public:
    cut_on_stop(operation& op, connection& on) : op_(op)
    {
        op_.reading_ = &on;
        if (op_.stop_reason)
            on.cut();
    }
    cut_on_stop(cut_on_stop const&) = delete;
    cut_on_stop& operator=(cut_on_stop const&) = delete;
    ~cut_on_stop() { op_.reading_ = nullptr; }

private:
    operation& op_;
};

} // namespace apimart::detail

#endif
