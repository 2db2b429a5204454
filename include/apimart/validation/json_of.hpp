// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_JSON_OF_HPP
#define APIMART_VALIDATION_JSON_OF_HPP

#include <apimart/parameter/value_rule.hpp>

#include <boost/json/value.hpp>

namespace apimart::detail {

inline boost::json::value json_of(constant const& value)
{
    switch (value.holds()) {
    case constant::type::number:
        return value.number();
    case constant::type::boolean:
        return value.flag();
    case constant::type::text:
        return boost::json::string_view(value.text());
    case constant::type::nothing:
        break;
    }
    return nullptr;
}

} // namespace apimart::detail

#endif
