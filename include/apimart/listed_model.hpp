// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LISTED_MODEL_HPP
#define APIMART_LISTED_MODEL_HPP

#include <apimart/model_schema.hpp>
#include <apimart/operation_options.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart {

/// How one list of models is asked for. Trivially copyable. Source: API reference, section 7.3.
struct models_options
{
    /// With categories, tags and schemas, for which `limits::body_limit` may be too small.
    bool expand = false;
    /// Such as "video"; all categories unless given.
    option_text category{};
    /// For all tries and pauses together.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Instead of `retry_policy::max_retries`.
    std::optional<int> max_retries{};
    /// As in `submit_options`.
    operation_tag tag{};
};

/// A model that the service offers to a key; `models()` in models.hpp are those that this library knows.
class listed_model
{
public:
    explicit listed_model(std::string id) : id_(std::move(id)) {}

    std::string const& id() const& noexcept { return id_; }
    std::string id() && { return std::move(id_); }
    std::optional<std::chrono::sys_seconds> created_at() const noexcept { return created_at_; }
    std::string const& owned_by() const& noexcept { return owned_by_; }
    std::string owned_by() && { return std::move(owned_by_); }
    std::vector<std::string> const& endpoint_types() const& noexcept { return endpoint_types_; }
    std::vector<std::string> endpoint_types() && { return std::move(endpoint_types_); }
    /// This and what follows only where it was asked for with `models_options::expand`.
    std::string const& category() const& noexcept { return category_; }
    std::string category() && { return std::move(category_); }
    std::vector<std::string> const& capability_tags() const& noexcept { return capability_tags_; }
    std::vector<std::string> capability_tags() && { return std::move(capability_tags_); }
    std::optional<model_schema> const& parameters() const& noexcept { return parameters_; }
    std::optional<model_schema> parameters() && { return std::move(parameters_); }

    listed_model& created_at(std::chrono::sys_seconds value) { return created_at_ = value, *this; }
    listed_model& owned_by(std::string value) { return owned_by_ = std::move(value), *this; }
    listed_model& endpoint_types(std::vector<std::string> value)
    {
        return endpoint_types_ = std::move(value), *this;
    }
    listed_model& category(std::string value) { return category_ = std::move(value), *this; }
    listed_model& capability_tags(std::vector<std::string> value)
    {
        return capability_tags_ = std::move(value), *this;
    }
    listed_model& parameters(model_schema value) { return parameters_ = std::move(value), *this; }

private:
    std::string id_;
    std::optional<std::chrono::sys_seconds> created_at_;
    std::string owned_by_;
    std::vector<std::string> endpoint_types_;
    std::string category_;
    std::vector<std::string> capability_tags_;
    std::optional<model_schema> parameters_;
};

} // namespace apimart

#endif
