// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODEL_SCHEMA_HPP
#define APIMART_MODEL_SCHEMA_HPP

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace apimart {

/// What the service says a model accepts; `schema_of` in schema.hpp is what this library says.
/// Source: API reference, section 7.3.
class model_schema
{
public:
    model_schema() {}

    std::string const& model() const& noexcept { return model_; }
    std::string model() && { return std::move(model_); }
    /// Such as "video_generation".
    std::string const& operation() const& noexcept { return operation_; }
    std::string operation() && { return std::move(operation_); }
    /// How and where requests are sent, such as "POST" and "/v1/videos/generations".
    std::string const& method() const& noexcept { return method_; }
    std::string method() && { return std::move(method_); }
    std::string const& path() const& noexcept { return path_; }
    std::string path() && { return std::move(path_); }
    /// A date.
    std::string const& version() const& noexcept { return version_; }
    std::string version() && { return std::move(version_); }
    /// JSON Schema, as JSON.
    std::string const& input_schema() const& noexcept { return input_schema_; }
    std::string input_schema() && { return std::move(input_schema_); }
    /// How long a repeated `Idempotency-Key` gets the first answer again, where the service says that it does;
    /// `idempotency::supported` relies on it.
    std::optional<std::chrono::seconds> idempotency_retention() const noexcept { return retention_; }

    model_schema& model(std::string value) { return model_ = std::move(value), *this; }
    model_schema& operation(std::string value) { return operation_ = std::move(value), *this; }
    model_schema& endpoint(std::string method, std::string path)
    {
        method_ = std::move(method);
        path_ = std::move(path);
        return *this;
    }
    model_schema& version(std::string value) { return version_ = std::move(value), *this; }
    model_schema& input_schema(std::string json) { return input_schema_ = std::move(json), *this; }
    model_schema& idempotency_retention(std::chrono::seconds value) { return retention_ = value, *this; }

private:
    std::string model_;
    std::string operation_;
    std::string method_;
    std::string path_;
    std::string version_;
    std::string input_schema_;
    std::optional<std::chrono::seconds> retention_;
};

} // namespace apimart

#endif
