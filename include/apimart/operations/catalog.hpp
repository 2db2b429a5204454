// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_CATALOG_HPP
#define APIMART_OPERATIONS_CATALOG_HPP

#include <apimart/protocol/origin.hpp>

#include <string>
#include <string_view>

namespace apimart::detail {

inline std::string models_path(bool expand, std::string_view category)
{
    std::string path = expand ? "/v1/models?expand=category,parameters" : "/v1/models";
    if (!category.empty())
        append_percent_encoded(path.append(expand ? "&" : "?").append("category="), category);
    return path;
}

inline std::string schema_path(std::string_view model)
{
    std::string path = "/v1/models/";
    append_percent_encoded(path, model);
    return path.append("/schema");
}

} // namespace apimart::detail

#endif
