// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_BALANCE_RESPONSE_HPP
#define APIMART_PROTOCOL_BALANCE_RESPONSE_HPP

#include <apimart/balance.hpp>
#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_document.hpp>
#include <apimart/protocol/json_fields.hpp>

#include <chrono>
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

// Judges a complete answer about a balance. Source: API reference, section 7.1.
inline result<balance> read_balance_response(http_response const& response, std::chrono::sys_seconds now)
{
    json_answer<balance_fields> const answer(response.body);
    balance_fields const& fields = answer.fields();
    if (!answer.problem().empty())
        return explain_unreadable(answer.problem(), response, now);
    // A failure that says 200 outside.
    if (fields.success.type == json_field::kind::boolean && !fields.success.flag) {
        error_info why(make_error_code(api_errc::unavailable));
        describe_response(why, response, error_document(response), now);
        return why;
    }
    auto const remaining = millionths(fields.remaining);
    auto const used = millionths(fields.used);
    bool const unlimited = fields.unlimited.type == json_field::kind::boolean && fields.unlimited.flag;
    if (!remaining && !unlimited)
        return explain_unreadable("field remain_balance: no amount", response, now);
    return balance(remaining.value_or(0), used.value_or(0), unlimited);
}

} // namespace apimart::detail

#endif
