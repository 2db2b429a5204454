// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_UPLOAD_RESPONSE_HPP
#define APIMART_PROTOCOL_UPLOAD_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/uploaded_image.hpp>

#include <boost/json/value.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace apimart::detail {

// Source: API reference, section 6.
inline constexpr std::chrono::hours upload_lifetime{72};

// Judges the answer to an upload that succeeded. The link may be anywhere: it is passed on, and never fetched.
inline result<uploaded_image> read_upload_response(http_response const& response,
                                                   std::chrono::sys_seconds now)
{
    error_document const document(response);
    boost::json::value const* named = document.json();
    if (boost::json::value const* const data = member_of(named, "data"); data != nullptr && data->is_object())
        named = data;
    std::string url = scalar_text(member_of(named, "url"));
    if (!parse_request_url(url)) {
        error_info why(errc::bad_response, url.empty() ? "field url: absent" : "field url: no absolute URL");
        describe_response(why, response, document, now);
        return why;
    }
    boost::json::value const* const created = member_of(named, "created_at");
    constexpr std::int64_t some_thousand_years = 100'000'000'000;
    bool const is_dated = created != nullptr && created->is_int64() && created->get_int64() > 0 &&
                          created->get_int64() < some_thousand_years;
    uploaded_image there(std::move(url));
    there.expires_at((is_dated ? std::chrono::sys_seconds(std::chrono::seconds(created->get_int64())) : now) +
                     upload_lifetime);
    return there;
}

} // namespace apimart::detail

#endif
