// What a server answers for each failure, code by code, and never what makes somebody repeat a purchase.
#include <apimart/http_status.hpp>

#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <string>

using namespace apimart;

namespace {

// By hand, from what each code means, and not from the library's own switch.
std::map<int, std::set<std::string>> const expected{
    {400, {"bad_callback"}},
    {404, {"task_not_found", "no_result", "service not_found"}},
    {409, {"file_exists", "service conflict"}},
    {410, {"result_expired"}},
    {413, {"service too_large"}},
    {422, {"invalid_request", "service invalid_request", "service content_rejected"}},
    {500,
     {"invalid_configuration", "outcome_unknown", "wait_failed", "file_error", "used_after_fork",
      "journal_failed", "journal_unusable", "journal_conflict"}},
    {502,
     {"certificate_verify_failed",
      "tls_failed",
      "tls_closed",
      "tls_wrong_protocol",
      "client_certificate_required",
      "tls_bad_record_mac",
      "stream_truncated",
      "host_not_found",
      "host_not_found_try_again",
      "connect_failed",
      "proxy_auth_required",
      "proxy_refused",
      "proxy_failed",
      "proxy_protocol_error",
      "connection_lost",
      "protocol_error",
      "response_too_large",
      "bad_response",
      "url_not_allowed",
      "download_corrupt",
      "download_too_large",
      "service unauthorized",
      "service forbidden",
      "service other"}},
    {503,
     {"shutting_down", "journal_in_use", "queue_full", "retry_budget_exhausted", "resource_exhausted",
      "service payment_required", "service rate_limited", "service unavailable"}},
    {504,
     {"wait_timeout", "deadline_exceeded", "tls_timeout", "resolve_timeout", "connect_timeout",
      "write_timeout", "response_timeout", "read_timeout"}},
};

template <class Table, class Code>
std::size_t check_all(std::string const& prefix)
{
    for (detail::code_row const& row : Table::rows) {
        int const status = http_status(error_info(make_error_code(static_cast<Code>(row.number()))));
        CAPTURE(row.name());
        CAPTURE(status);
        REQUIRE(expected.contains(status));
        CHECK(expected.at(status).contains(prefix + row.name()));
    }
    return std::size(Table::rows);
}

} // namespace

TEST_CASE("http status: every code has the one that is its own")
{
    std::size_t listed = 0;
    for (auto const& [status, names] : expected)
        listed += names.size();
    CHECK(check_all<detail::errc_table, errc>("") + check_all<detail::api_errc_table, api_errc>("service ") ==
          listed);
}

TEST_CASE("http status: what may have been bought is nothing that a proxy repeats")
{
    for (acceptance const proof : {acceptance::unknown, acceptance::accepted}) {
        CHECK(http_status(error_info(errc::connection_lost).acceptance(proof)) == 500);
        CHECK(http_status(error_info(api_errc::rate_limited).acceptance(proof)) == 500);
        CHECK(http_status(error_info(boost::asio::error::operation_aborted).acceptance(proof)) == 500);
    }
    CHECK(http_status(error_info(errc::connection_lost).acceptance(acceptance::not_sent)) == 502);
    CHECK(http_status(error_info(api_errc::rate_limited).acceptance(acceptance::rejected)) == 503);
}

TEST_CASE("http status: cancelled calls, codes of others and no error at all")
{
    CHECK(http_status(error_info(boost::asio::error::operation_aborted)) == 503);
    CHECK(http_status(error_info(boost::asio::error::connection_refused)) == 500);
    CHECK(http_status(error_info(error_code(4711, library_category()))) == 500);
    CHECK(http_status(error_info(error_code(4711, api_category()))) == 502);
    CHECK(http_status(error_info()) == 200);
    // The service's own status is about the key of the server.
    CHECK(http_status(error_info(api_errc::unauthorized).http_status(401)) == 502);
}
