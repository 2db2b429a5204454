// SPDX-License-Identifier: BSL-1.0
//
// The table of codes: every code and every condition has a number and a text of its own, and every condition is
// met by a code.

#include <apimart/error.hpp>

#include <cstddef>
#include <iterator>
#include <string_view>

namespace {

using namespace apimart;
using apimart::detail::api_errc_table;
using apimart::detail::code_row;
using apimart::detail::condition_table;
using apimart::detail::errc_table;

template <std::size_t Size>
constexpr bool numbers_and_texts_are_sound(code_row const (&rows)[Size])
{
    for (std::size_t i = 0; i != Size; ++i) {
        std::string_view const text = rows[i].text();
        if (rows[i].number() <= 0 || text.empty() || text.ends_with('.') || text.ends_with(' '))
            return false;
        for (std::size_t j = 0; j != i; ++j)
            if (rows[i].number() == rows[j].number() || text == rows[j].text())
                return false;
    }
    return true;
}

static_assert(numbers_and_texts_are_sound(errc_table::rows));
static_assert(numbers_and_texts_are_sound(api_errc_table::rows));
static_assert(numbers_and_texts_are_sound(condition_table::rows));

// A log that holds texts of both tells them apart.
constexpr bool texts_differ()
{
    for (code_row const& own : errc_table::rows)
        for (code_row const& other : api_errc_table::rows)
            if (std::string_view(own.text()) == other.text())
                return false;
    return true;
}
static_assert(texts_differ());

// The numbers of conditions are places in a mask.
constexpr bool every_condition_is_met()
{
    for (code_row const& wanted : condition_table::rows) {
        bool met = false;
        for (code_row const& row : errc_table::rows)
            met = met || row.meets(static_cast<condition>(wanted.number()));
        for (code_row const& row : api_errc_table::rows)
            met = met || row.meets(static_cast<condition>(wanted.number()));
        if (!met || wanted.number() >= 32)
            return false;
    }
    return true;
}
static_assert(every_condition_is_met());

// A number that was once published is never another code: logs and programs hold it.
static_assert(static_cast<int>(errc::invalid_request) == 1 && static_cast<int>(errc::used_after_fork) == 42 &&
              static_cast<int>(api_errc::other) == 11 && static_cast<int>(condition::not_found) == 10);

// What ended for a reason of the transport may be tried again unless trying again cannot help.
constexpr bool is(errc code, condition wanted)
{
    return detail::library_category_instance.find(static_cast<int>(code))->meets(wanted);
}
constexpr errc final_ones[] = {errc::certificate_verify_failed,
                               errc::tls_failed,
                               errc::tls_wrong_protocol,
                               errc::host_not_found,
                               errc::proxy_refused,
                               errc::client_certificate_required,
                               errc::proxy_auth_required,
                               errc::protocol_error,
                               errc::proxy_protocol_error,
                               errc::response_too_large};
constexpr bool transport_is_retryable_or_final()
{
    for (code_row const& row : errc_table::rows) {
        bool is_final = false;
        for (errc const code : final_ones)
            is_final = is_final || static_cast<int>(code) == row.number();
        if (is_final ? !row.meets(condition::transport) || row.meets(condition::retryable)
                     : row.meets(condition::transport) && !row.meets(condition::retryable))
            return false;
    }
    return true;
}
static_assert(transport_is_retryable_or_final());
static_assert(is(errc::tls_timeout, condition::transport) && !is(errc::bad_response, condition::transport));
static_assert(!is(errc::outcome_unknown, condition::retryable));

} // namespace
