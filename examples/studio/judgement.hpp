// What the library says about a request of the page: its faults at their fields, or its price.
#ifndef APIMART_STUDIO_JUDGEMENT_HPP
#define APIMART_STUDIO_JUDGEMENT_HPP

#include "picture_shelf.hpp"

#include <apimart/any_request.hpp>
#include <apimart/json.hpp>
#include <apimart/models.hpp>
#include <apimart/price.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

inline boost::json::value violations(apimart::validation_result const& found)
{
    return apimart::to_json(found).at("violations");
}

class judgement
{
public:
    judgement(boost::json::value body, std::string_view kind, picture_shelf const& shelf)
    {
        boost::json::object const given = body.is_object() ? body.get_object() : boost::json::object();
        shelf.resolve(body);
        auto parsed = apimart::any_request::from_json(std::move(body), apimart::unknown_fields::reject,
                                                      apimart::models(), apimart::local_files::allow);
        found_ = parsed ? parsed->check() : parsed.error();
        note_missing(given, kind);
        if (!parsed)
            return;
        for (apimart::local_image const& one : parsed->local_images())
            if (!shelf.holds(one.file().path()))
                found_.add_error(one.pointer(), "must be a URL or a picture that was dropped here", "");
            else
                for (apimart::violation const& flaw : check_upload(one).entries())
                    found_.add_error(one.pointer(), flaw.message(), flaw.value());
        if (found_.ok() && parsed->kind() != kind)
            found_.add_error(place_of_shots(parsed->info()->find(kind)), "cannot be read as shots", "");
        if (!found_.ok())
            return;
        price_ = estimate_cost(*parsed);
        request_ = std::move(*parsed);
    }

    bool ok() const noexcept { return found_.ok(); }
    apimart::any_request const& request() const noexcept { return request_; }
    std::optional<apimart::cost_estimate> const& price() const noexcept { return price_; }

    boost::json::object to_json() const
    {
        boost::json::object out{{"ok", ok()}, {"violations", violations(found_)}};
        if (price_)
            out["price"] = {{"low_micro_usd", price_->low_micro_usd()},
                            {"high_micro_usd", price_->high_micro_usd()},
                            {"as_of", std::to_string(static_cast<int>(price_->as_of().year())) + "-" +
                                          std::to_string(static_cast<unsigned>(price_->as_of().month()))}};
        return out;
    }

private:
    // A body tells its kind by what it holds: without its picture, it is a good one of another kind.
    void note_missing(boost::json::object const& given, std::string_view kind)
    {
        boost::json::value const* const id = given.if_contains("model");
        apimart::model_info const* const model =
            id != nullptr && id->is_string() ? apimart::find_model(id->get_string()) : nullptr;
        apimart::kind_info const* const meant = model != nullptr ? model->find(kind) : nullptr;
        if (meant == nullptr) {
            found_.add_error("", "must be of a kind that the model offers", std::string(kind));
            return;
        }
        for (apimart::parameter_spec const& row : meant->rows) {
            std::string const pointer = "/" + std::string(row.name);
            auto const& entries = found_.entries();
            if (row.requirement == apimart::requirement::required && !given.contains(row.name) &&
                std::none_of(entries.begin(), entries.end(),
                             [&](auto const& e) { return e.pointer() == pointer; }))
                found_.add_error(pointer, "is required", "");
        }
    }

    static std::string place_of_shots(apimart::kind_info const* kind)
    {
        if (kind != nullptr)
            for (apimart::parameter_spec const& row : kind->rows)
                if (row.values.kind == apimart::value_kind::shot_script)
                    return "/" + std::string(row.name);
        return "";
    }

    apimart::validation_result found_;
    apimart::any_request request_;
    std::optional<apimart::cost_estimate> price_;
};

} // namespace studio

#endif
