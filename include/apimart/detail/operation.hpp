#ifndef APIMART_DETAIL_OPERATION_HPP
#define APIMART_DETAIL_OPERATION_HPP

#include <apimart/detail/transport/connection_pool.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>

namespace apimart::detail {

// One operation under way, seen from those who may want to end it. Lives on the client's strand.
class operation {
public:
    boost::asio::cancellation_signal signal;
    // Why it has to end; the first reason stays.
    boost::system::error_code stop_reason;
    bool is_submit = false;

    // From here on the request may have been accepted: ending it early would lose the answer that says so.
    void committed(connection_pool& pool, connection& on, std::chrono::milliseconds patience)
    {
        pool_ = &pool;
        connection_ = &on;
        patience_ = patience;
        if (stop_reason)
            shorten();
    }
    void settled() { connection_ = nullptr; }
    bool is_committed() const noexcept { return connection_ != nullptr; }

    void stop(boost::asio::cancellation_type type, boost::system::error_code why)
    {
        using boost::asio::cancellation_type;
        if (connection_ != nullptr) {
            // Total cancellation promises that nothing happened, which can no longer be promised.
            if ((type & (cancellation_type::terminal | cancellation_type::partial)) == cancellation_type::none)
                return;
            if (!stop_reason) {
                stop_reason = why;
                shorten();
            }
            return;
        }
        if (!stop_reason)
            stop_reason = why;
        signal.emit(type);
    }

private:
    void shorten()
    {
        auto const end = connection_pool::clock::now() + patience_;
        if (end < connection_->deadline)
            pool_->limit(*connection_, end);
    }

    connection_pool* pool_ = nullptr;
    connection* connection_ = nullptr;
    std::chrono::milliseconds patience_{0};
};

} // namespace apimart::detail

#endif
