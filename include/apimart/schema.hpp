// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SCHEMA_HPP
#define APIMART_SCHEMA_HPP

#include <apimart/parameter/model_info.hpp>
#include <apimart/validation/schema_writer.hpp>

#include <boost/json/object.hpp>

namespace apimart {

/// What a model accepts, as JSON Schema (draft 2020-12), with descriptions and defaults.
///
/// Its verdict on a body is that of `any_request::parse`: what is refused there is invalid here, what is only
/// advised against is valid. Each kind of generation is one entry of `$defs`. Two rules cannot be said and
/// stand in `$comment`: that the seconds of the shots add up to the length of the video, and that a whole
/// number is written as one (`5`, not `5.0`) and fits into 64 bits.
///
/// Errors: `std::bad_alloc` only.
inline boost::json::object schema_of(model_info const& model)
{
    return detail::schema_writer(model).whole();
}

/// The same for a model that is known at compile time. Example: `schema<kling_v3>()`.
template <video_model Model>
boost::json::object schema()
{
    return schema_of(info_of<Model>);
}

} // namespace apimart

#endif
