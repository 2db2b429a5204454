// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LEARNED_DURATIONS_IPP
#define APIMART_LEARNED_DURATIONS_IPP

#include <apimart/error.hpp>
#include <apimart/learned_durations.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/validation/json_pointer.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

APIMART_INLINE learned_durations::learned_durations() noexcept {}

namespace detail {

inline constexpr std::int64_t durations_version = 1;

inline void read_durations(boost::json::value const& list, json_pointer const& place,
                           std::vector<std::chrono::milliseconds>& to, validation_result& found)
{
    constexpr std::int64_t most = std::chrono::milliseconds(learned_durations::longest).count();
    boost::json::array const* const entries = list.if_array();
    if (entries == nullptr || entries->size() > learned_durations::max_per_class) {
        found.add_error(place.pointer(),
                        "must be an array of at most " + std::to_string(learned_durations::max_per_class) +
                            " durations",
                        excerpt(list));
        return;
    }
    for (std::size_t i = 0; i < entries->size(); ++i) {
        error_code no_integer;
        auto const value = (*entries)[i].to_number<std::int64_t>(no_integer);
        if (no_integer || value < 1 || value > most)
            found.add_error(json_pointer(place, i).pointer(),
                            "must be a whole number of milliseconds from 1 to " + std::to_string(most),
                            excerpt((*entries)[i]));
        else
            to.emplace_back(value);
    }
}

} // namespace detail

APIMART_INLINE boost::system::result<learned_durations, validation_result>
learned_durations::parse(std::string_view text)
{
    using detail::json_pointer;
    validation_result found;
    learned_durations out;
    error_code no_json;
    boost::json::value const document = boost::json::parse(text, no_json);
    boost::json::object const* const members = document.if_object();
    if (no_json || members == nullptr) {
        found.add_error("", no_json ? "must be JSON: " + no_json.message() : "must be an object",
                        no_json ? std::string() : detail::excerpt(document));
        return found;
    }
    json_pointer const root;
    boost::json::value const* const version = members->if_contains("version");
    error_code no_integer;
    if (version == nullptr || version->to_number<std::int64_t>(no_integer) != detail::durations_version ||
        no_integer) {
        // Nothing else is known of another version.
        found.add_error("/version", "must be " + std::to_string(detail::durations_version),
                        version == nullptr ? std::string() : detail::excerpt(*version));
        return found;
    }
    boost::json::value const* const classes = members->if_contains("durations_ms");
    boost::json::object const* const by_name = classes == nullptr ? nullptr : classes->if_object();
    if (by_name == nullptr)
        found.add_error("/durations_ms", "must be an object of arrays",
                        classes == nullptr ? std::string() : detail::excerpt(*classes));
    for (auto const& [name, value] : *members)
        if (name != "version" && name != "durations_ms")
            found.add_error(json_pointer(root, name).pointer(), "is not known", detail::excerpt(value));
    if (by_name != nullptr) {
        json_pointer const place(root, "durations_ms");
        for (auto const& [name, value] : *by_name) {
            if (name.empty())
                found.add_error(json_pointer(place, name).pointer(), "must have a name", {});
            else
                detail::read_durations(value, json_pointer(place, name), out.by_class[name], found);
        }
    }
    if (!found.ok())
        return found;
    return out;
}

APIMART_INLINE std::string learned_durations::to_json() const
{
    boost::json::object classes;
    for (auto const& [name, durations] : by_class) {
        boost::json::array& list = classes[name].emplace_array();
        for (auto const each : durations)
            list.emplace_back(each.count());
    }
    return boost::json::serialize(
        boost::json::object{{"version", detail::durations_version}, {"durations_ms", std::move(classes)}});
}

} // namespace apimart

#endif
