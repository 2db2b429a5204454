// Why there is no video, as the page tells it.
#ifndef APIMART_STUDIO_REASON_HPP
#define APIMART_STUDIO_REASON_HPP

#include "judgement.hpp"

#include <apimart/error.hpp>
#include <apimart/task.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace studio {

// `proof` is what is known about the order: "not_sent", "rejected", "accepted", "unknown", or "none" of a task's own end.
inline boost::json::object reason(std::string_view proof, std::string_view what, std::string_view said = {})
{
    return {{"proof", boost::json::string_view(proof)},
            {"what", boost::json::string_view(what)},
            {"said", boost::json::string_view(said)}};
}

inline boost::json::object reason(apimart::error_info const& why)
{
    boost::json::object out =
        reason(to_string(why.acceptance()), why.code().message(), why.server_message().text());
    out["detail"] = why.client_message();
    if (why.http_status() != 0)
        out["http_status"] = why.http_status();
    if (!why.request_id().empty())
        out["request_id"] = why.request_id();
    if (!why.validation().entries().empty())
        out["violations"] = violations(why.validation());
    return out;
}

inline boost::json::object reason(apimart::task_error const& why)
{
    return reason("none", why.code(), why.text());
}

} // namespace studio

#endif
