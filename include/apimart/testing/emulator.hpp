// SPDX-License-Identifier: BSL-1.0
// A built-in copy of the service, for tests without network and without money.
#ifndef APIMART_TESTING_EMULATOR_HPP
#define APIMART_TESTING_EMULATOR_HPP

#include <apimart/testing/emulator_options.hpp>
#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/files/sample_video.hpp>
#include <apimart/testing/service/request_record.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace apimart::testing {

/// An emulated APIMart service on a loopback port, over real HTTPS with a certificate authority of its own.
///
/// It runs on an executor that the caller drives, with one thread or several. All member functions may be
/// called from any thread. Destroying it stops it; what it has running on the executor then ends by itself
/// when the executor goes on, or is dropped with it. The execution context must outlive the emulator.
///
/// In what the live service is not certain, or can go wrong, the `scenario` decides; every switch is described
/// there with its values. By subject they are
///
/// - judging requests: `profile`, `inferred_rules`, `invalid_parameter`, `unknown_id`, `error_code`;
/// - replies to submits: `submit_reply`, and for repeated ones `idempotency`, `idempotency_seconds`,
///   `idempotency_stores`, `key_reused_status`;
/// - tasks: `first_status`, `working_status`, `progress`, `success_word`, `failure`, `result`, `result_url`,
///   `expires_at`, `cost`, `padding_bytes`, `batch`, `callback`;
/// - result files: `link`, `file_bytes`;
/// - the account: `balance_usd`, `balance_reply`, `least_balance_usd`, `usage_reply`;
/// - trouble: `overload`, `latency_ms`, and `faults`, a script of what strikes which request at which moment
///   (see emulation::fault). What a network does in between is the part of tcp_proxy and connect_proxy.
///
/// Models, schemas and documentation are those of the library's own tables, usage is by the books, with dates in
/// Asia/Shanghai or UTC, and uploaded images are served where their links lead.
///
/// Example:
///
///     asio::io_context context;
///     apimart::testing::emulator_options options;
///     options.speed = 1000;
///     options.scenario = apimart::testing::scenario::parse(R"({"faults": [{"on": "submit", "status": 429}]})");
///     apimart::testing::emulator service(context.get_executor(), options);
///     service.start();
///     // ... point a client at service.base_url(), trusting service.ca_pem() ...
///     CHECK(service.unconsumed_faults().empty());
class emulator
{
public:
    /// Binds 127.0.0.1 and makes certificates; accepts connections only after start().
    /// Throws boost::system::system_error when the port is taken, std::invalid_argument for a useless speed.
    explicit emulator(boost::asio::any_io_executor ex, emulator_options options = {});

    emulator(emulator const&) = delete;
    emulator& operator=(emulator const&) = delete;

    ~emulator();

    /// Begins to accept connections. Only the first call counts.
    void start();

    /// Closes the acceptor and all connections. It cannot be started again. After it, nothing of the emulator
    /// keeps the executor's context busy.
    void stop();

    /// `https://127.0.0.1:PORT` (`http` when TLS is off).
    std::string base_url() const;

    /// What it was made with.
    emulator_options const& options() const;

    /// The port it is bound to.
    unsigned short port() const;

    /// The certificate of the CA, as PEM, for the client's list of trusted roots.
    std::string const& ca_pem() const;

    /// What has happened so far; see emulation::books.
    boost::json::object books() const;

    /// Every request whose header arrived, in their order: how far it came, what it was answered, which fault
    /// struck it, and for a submit its key, the hash of its body and the task it led to. Together with what a
    /// client believes, this tells whether an order was lost or bought twice. The program serves the same at
    /// `/__emulator/requests`, and the books at `/__emulator/books`.
    std::vector<request_record> requests() const;

    /// Adds a fault behind those of the scenario, for requests from now on. See emulation::fault.
    void plan(emulation::fault what);

    /// The same, from a JSON object as in the scenario's `faults`. Throws std::invalid_argument.
    void plan(std::string_view fault_document);

    /// The names of the planned faults that did not strike as often as planned: a test that plans faults
    /// checks that there are none.
    std::vector<std::string> unconsumed_faults() const;

    /// Answers the next request of a kind with what was recorded of the service, after those that were planned before: `on` is
    /// as in emulation::fault, the body is any JSON. `{task_id}` in it stands for the id that a poll asks for.
    ///
    ///     service.replay("submit", 200, R"({"code": 200, "data": [{"status": "submitted", "task_id": "task_1"}]})");
    ///     service.replay("poll", 200, bytes_of("tests/recorded/completed.json"));
    ///
    /// Throws std::invalid_argument for an unknown kind or an impossible status.
    void replay(std::string_view on, int status, std::string_view body);

    /// Lets go on what faults hold now. Happens soon after the call.
    void release();

    /// Pushes the emulator's clock forward, so that tasks end and links expire without waiting. Clients do not know of it;
    /// see emulator_options::clock for a time that they share.
    void advance(std::chrono::nanoseconds by);

private:
    struct state;

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/testing/emulator.ipp>
#endif

#endif
