// An answer, and the headers that all of them have.
#ifndef APIMART_STUDIO_HTTP_ANSWER_HPP
#define APIMART_STUDIO_HTTP_ANSWER_HPP

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace studio {

namespace http = boost::beast::http;

// The page has no other scripts, styles, pictures and connections than its own; nobody may frame it.
template <class Body>
void set_common_headers(http::response<Body>& out, std::string_view type)
{
    out.set(http::field::content_type, type);
    out.set(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    out.set("X-Content-Type-Options", "nosniff");
    out.set("Cross-Origin-Resource-Policy", "same-origin");
    out.set("Referrer-Policy", "no-referrer");
    if (out.find(http::field::cache_control) == out.end())
        out.set(http::field::cache_control, "no-store");
}

using answer = http::response<http::string_body>;

inline answer text_answer(http::status status, std::string text,
                          std::string_view type = "text/plain; charset=utf-8")
{
    answer out(status, 11);
    out.body() = std::move(text);
    set_common_headers(out, type);
    return out;
}

inline answer json_answer(boost::json::value const& value, http::status status = http::status::ok)
{
    return text_answer(status, boost::json::serialize(value), "application/json");
}

// Why a call of the page did not work, as a sentence.
inline answer json_error(http::status status, std::string_view sentence)
{
    return json_answer({{"error", boost::json::string_view(sentence)}}, status);
}

inline std::string_view content_type_of(std::string_view name) noexcept
{
    return name.ends_with(".html")   ? "text/html; charset=utf-8"
           : name.ends_with(".css")  ? "text/css; charset=utf-8"
           : name.ends_with(".js")   ? "text/javascript; charset=utf-8"
           : name.ends_with(".svg")  ? "image/svg+xml"
           : name.ends_with(".mp4")  ? "video/mp4"
           : name.ends_with(".png")  ? "image/png"
           : name.ends_with(".gif")  ? "image/gif"
           : name.ends_with(".webp") ? "image/webp"
           : name.ends_with(".jpg")  ? "image/jpeg"
                                     : "application/octet-stream";
}

} // namespace studio

#endif
