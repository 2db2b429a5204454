// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_BALANCE_RESPONSE_HPP
#define APIMART_PROTOCOL_BALANCE_RESPONSE_HPP

#include <apimart/balance.hpp>
#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_fields.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// The documented fields of an answer about a balance, which has no envelope.
class balance_fields : public json_fields<balance_fields>
{
public:
    json_field success;
    json_field remaining;
    json_field used;
    json_field unlimited;

    int member(int parent, std::string_view name)
    {
        if (parent != document)
            return nowhere;
        return name == "success"           ? success_place
               : name == "remain_balance"  ? remaining_place
               : name == "used_balance"    ? used_place
               : name == "unlimited_quota" ? unlimited_place
                                           : nowhere;
    }
    void value(int place, json_field const& found)
    {
        if (place == success_place)
            success = found;
        else if (place == remaining_place)
            remaining = found;
        else if (place == used_place)
            used = found;
        else if (place == unlimited_place)
            unlimited = found;
    }
    void close(int) {}
    void repeated(int, int) {}

private:
    enum : int
    {
        success_place = 1,
        remaining_place,
        used_place,
        unlimited_place,
    };
};

// An amount in US dollars, also where it is written as a text.
inline std::optional<std::int64_t> micro_usd(json_field const& amount)
{
    constexpr double most = 9e9; // further, a double does not tell millionths apart
    auto const value = amount.lenient_number();
    if (!value || std::abs(*value) > most)
        return std::nullopt;
    return std::llround(*value * 1e6);
}

// Judges a complete answer about a balance. Source: API reference, section 7.1.
inline result<balance> read_balance_response(http_response const& response, std::chrono::sys_seconds now)
{
    json_answer<balance_fields> const answer(response.body);
    balance_fields const& fields = answer.fields();
    auto const unreadable = [&](std::string const& problem) {
        error_info why(make_error_code(errc::bad_response), "unreadable answer: " + problem);
        describe_response(why, response, error_document(response), now);
        return why;
    };
    if (!answer.problem().empty())
        return unreadable(answer.problem());
    // A failure that says 200 outside.
    if (fields.success.type == json_field::kind::boolean && !fields.success.flag) {
        error_info why(make_error_code(api_errc::unavailable));
        describe_response(why, response, error_document(response), now);
        return why;
    }
    auto const remaining = micro_usd(fields.remaining);
    auto const used = micro_usd(fields.used);
    bool const unlimited = fields.unlimited.type == json_field::kind::boolean && fields.unlimited.flag;
    if (!remaining && !unlimited)
        return unreadable("field remain_balance: no amount");
    return balance(remaining.value_or(0), used.value_or(0), unlimited);
}

} // namespace apimart::detail

#endif
