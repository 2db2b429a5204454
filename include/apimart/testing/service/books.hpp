// SPDX-License-Identifier: BSL-1.0
// What the service has seen and done, for comparison with what a client believes.
#ifndef APIMART_TESTING_SERVICE_BOOKS_HPP
#define APIMART_TESTING_SERVICE_BOOKS_HPP

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/rules/order.hpp>
#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/service/request_record.hpp>
#include <apimart/testing/service/service_clock.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace apimart::testing::emulation {

/// The entry of one accepted submit.
class accepted_submit
{
public:
    accepted_submit(std::string id, order ordered, std::optional<std::string> idempotency,
                    sha256_digest const& hash, std::uint32_t api_key)
        : task_id(std::move(id)), what(ordered), idempotency_key(std::move(idempotency)), body(hash),
          key(api_key)
    {}

    std::string task_id;
    order what;
    /// The header as it came, whether or not the service honours it.
    std::optional<std::string> idempotency_key;
    sha256_digest body;
    /// Which of the API keys that ordered something.
    std::uint32_t key;
    /// What is charged at its end: nothing for a task that fails.
    micro_usd charge = 0;
    /// The number of the connection it came on.
    std::uint64_t connection = 0;
    service_clock::duration time{0};
};

/// What is kept of any request: little, because a test may make very many.
class request_entry
{
public:
    /// What is kept of a submit besides.
    class submit_part
    {
    public:
        std::optional<std::string> idempotency_key;
        sha256_digest body{};
        /// The place of its task in the list of accepted submits.
        std::optional<std::uint64_t> task;
        bool replay = false;
    };

    request_entry(std::uint64_t number_of_connection, operation kind, service_clock::duration moment)
        : connection(number_of_connection), time(moment), what(kind)
    {}

    std::uint64_t connection;
    service_clock::duration time;
    std::unique_ptr<submit_part> submit;
    static constexpr std::uint32_t no_fault = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t fault = no_fault;
    std::uint16_t status = 0;
    operation what;
    request_phase reached = request_phase::header;
};

/// The counters and the list of accepted submits. Not synchronised; the service guards it.
///
/// Requests for the books themselves appear nowhere in them.
class books
{
public:
    books() = default;

    /// Submits whose header arrived, whatever became of them.
    std::uint64_t submits_received = 0;
    /// Submits that the service refused by itself (not by a scripted fault, not for want of a key).
    std::uint64_t rejected = 0;
    /// Submits answered from an earlier one with the same idempotency key.
    std::uint64_t replayed = 0;
    /// API requests without a valid key.
    std::uint64_t unauthorized = 0;
    /// Queries of a single task whose header arrived.
    std::uint64_t polls = 0;
    /// Queries of many tasks whose header arrived.
    std::uint64_t batch_queries = 0;
    /// Images taken.
    std::uint64_t uploads = 0;
    /// Result files sent, whole or in part.
    std::uint64_t downloads = 0;
    /// Requests for files that carried the key.
    std::uint64_t authorization_leaks = 0;
    /// Calls made to receivers.
    std::uint64_t callbacks_attempted = 0;
    /// Tasks whose end a receiver has taken, and those for which it was given up.
    std::uint64_t callbacks_delivered = 0;
    std::uint64_t callbacks_given_up = 0;
    /// TLS handshakes that failed, for instance because the client does not trust the CA.
    std::uint64_t handshakes_failed = 0;
    /// In order of acceptance; a deque, because tasks refer to the ids in it.
    std::deque<accepted_submit> accepted;
    /// Every request in the order of arrival.
    std::deque<request_entry> requests;

    /// Notes a request; `first` when it is the first one on its connection.
    void request_arrived(bool first)
    {
        ++requests_;
        if (!first)
            return;
        ++connections_;
        ++open_;
        peak_ = std::max(peak_, open_);
    }

    /// Notes the end of a connection that had carried a request.
    void connection_ended() { --open_; }

    /// Everything as JSON.
    boost::json::object snapshot() const
    {
        boost::json::object out;
        out["submits_received"] = submits_received;
        boost::json::array list;
        list.reserve(accepted.size());
        for (auto const& each : accepted) {
            boost::json::object entry;
            entry["task_id"] = each.task_id;
            entry["model"] = boost::json::string(id_of(each.what.of));
            if (each.idempotency_key)
                entry["idempotency_key"] = *each.idempotency_key;
            else
                entry["idempotency_key"] = nullptr;
            entry["body_sha256"] = hex(each.body);
            entry["price_usd"] = static_cast<double>(price_of(each.what)) / 1e6;
            entry["charge_usd"] = static_cast<double>(each.charge) / 1e6;
            entry["connection"] = each.connection;
            entry["time"] = static_cast<double>(each.time.count()) / 1e9;
            list.push_back(std::move(entry));
        }
        out["accepted"] = std::move(list);
        out["rejected"] = rejected;
        out["replayed"] = replayed;
        out["unauthorized"] = unauthorized;
        out["polls"] = polls;
        out["batch_queries"] = batch_queries;
        out["uploads"] = uploads;
        out["downloads"] = downloads;
        out["authorization_leaks"] = authorization_leaks;
        out["callbacks_attempted"] = callbacks_attempted;
        out["callbacks_delivered"] = callbacks_delivered;
        out["callbacks_given_up"] = callbacks_given_up;
        out["handshakes_failed"] = handshakes_failed;
        out["requests"] = requests_;
        out["connections"] = connections_;
        out["connections_open"] = open_;
        out["connections_peak"] = peak_;
        out["requests_per_connection"] =
            connections_ == 0 ? 0.0 : static_cast<double>(requests_) / static_cast<double>(connections_);
        return out;
    }

private:
    std::uint64_t requests_ = 0;
    std::uint64_t connections_ = 0;
    std::uint64_t open_ = 0;
    std::uint64_t peak_ = 0;
};

} // namespace apimart::testing::emulation

#endif
