// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_PICTURE_TEXTS_HPP
#define APIMART_VALIDATION_PICTURE_TEXTS_HPP

#include <apimart/parameter/element.hpp>
#include <apimart/parameter/image_file.hpp>
#include <apimart/parameter/model_info.hpp>
#include <apimart/validation/json_pointer.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <string_view>

namespace apimart::detail {

// Calls `visit` with the place and the text of every picture in a value, which may be of any shape, and with what it may be.
template <class Value, class Visit>
void visit_picture_texts(json_pointer const& where, image_limits const& limits, Value& given,
                         Visit const& visit)
{
    if (auto* const text = given.if_string()) {
        visit(where, *text, limits);
    } else if (auto* const list = given.if_array()) {
        std::size_t index = 0;
        for (auto& entry : *list)
            visit_picture_texts(json_pointer(where, index++), limits, entry, visit);
    } else if (auto* const element = given.if_object()) {
        if (auto* const pictures = element->if_contains(element_field::pictures))
            visit_picture_texts(json_pointer(where, element_field::pictures), limits, *pictures, visit);
    }
}

// The same for all parameters of a body that are pictures.
template <class Body, class Visit>
void visit_picture_texts(kind_info const& kind, Body& body, Visit const& visit)
{
    json_pointer const root;
    for (auto&& one : body) {
        std::string_view const name(one.key());
        parameter_spec const* const known = kind.find(name);
        if (takes_picture(name) || (known != nullptr && known->values.kind == value_kind::elements))
            visit_picture_texts(json_pointer(root, name),
                                known != nullptr ? known->values.picture : image_limits(), one.value(),
                                visit);
    }
}

} // namespace apimart::detail

#endif
