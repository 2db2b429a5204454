// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_KIND_DETECTION_HPP
#define APIMART_VALIDATION_KIND_DETECTION_HPP

#include <apimart/validation/validator.hpp>

#include <cstddef>

// The API has no field for the kind of generation: the service reads it off the body, and so does this.
namespace apimart::detail {

// Rows whose value the kind itself writes.
struct implied_rows
{
    std::size_t written = 0;
    std::size_t agreeing = 0;
    bool first_agrees = false;
};

inline implied_rows compare_implied(kind_info const& kind, boost::json::object const& body)
{
    implied_rows result;
    for (parameter_spec const& one : kind.rows) {
        if (one.requirement != requirement::discriminator)
            continue;
        boost::json::value const* const given = member(body, one.name);
        bool const agrees = given != nullptr && holds(*given, one.fixed);
        if (result.written == 0)
            result.first_agrees = agrees;
        ++result.written;
        result.agreeing += agrees;
    }
    return result;
}

inline bool has_all_required(kind_info const& kind, boost::json::object const& body)
{
    for (parameter_spec const& one : kind.rows)
        if (one.requirement == requirement::required && member(body, one.name) == nullptr)
            return false;
    return true;
}

// Whether the body holds a picture or video that only this kind uses.
inline bool has_its_media(kind_info const& kind, kind_info const& plain, boost::json::object const& body)
{
    for (parameter_spec const& one : kind.rows) {
        if (one.values.kind != value_kind::url && one.values.kind != value_kind::urls)
            continue;
        boost::json::value const* const given = member(body, one.name);
        if (given == nullptr)
            continue;
        parameter_spec const* const in_plain = plain.find(one.name);
        // A list without entries shows no picture, where the plain kind has a word to say about that.
        if (in_plain == nullptr || (in_plain->requirement == requirement::ignored &&
                                    !(given->is_array() && given->get_array().empty())))
            return true;
    }
    return false;
}

inline bool has_shot_script(kind_info const& kind, boost::json::object const& body)
{
    if (!kind.writes_script)
        return false;
    for (parameter_spec const& one : kind.rows)
        if (one.values.kind == value_kind::shot_script)
            if (boost::json::value const* given = member(body, one.name);
                given != nullptr && given->is_string()) {
                std::string_view const text(given->get_string());
                return text.find(shot_word) != std::string_view::npos && read_shot_script(text).well_formed;
            }
    return false;
}

// The kind whose marks the body bears. The last kind of a model is the plain one, without marks.
inline kind_info const& detect_kind(model_info const& model, boost::json::object const& body)
{
    kind_info const& plain = model.kinds.back();

    // What the body says of itself in so many words comes before what it contains.
    kind_info const* nearly = nullptr;
    for (kind_info const& kind : model.kinds) {
        if (!kind.has_discriminator)
            continue;
        implied_rows const implied = compare_implied(kind, body);
        if (implied.agreeing == implied.written)
            return kind;
        // With the second word missing, the kind that has all it needs was probably meant.
        if (implied.first_agrees && (nearly == nullptr || !has_all_required(*nearly, body)))
            nearly = &kind;
    }
    if (nearly != nullptr)
        return *nearly;

    for (kind_info const& kind : model.kinds)
        if (!kind.has_discriminator && &kind != &plain &&
            (has_its_media(kind, plain, body) || has_shot_script(kind, body)))
            return kind;
    return plain;
}

} // namespace apimart::detail

#endif
