// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ANY_REQUEST_IPP
#define APIMART_ANY_REQUEST_IPP

#include <apimart/any_request.hpp>
#include <apimart/models.hpp>
#include <apimart/protocol/webhook_address.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/file_url.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/validation/json_reader.hpp>
#include <apimart/validation/kind_detection.hpp>
#include <apimart/validation/picture_texts.hpp>
#include <apimart/validation/validator.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace apimart {

namespace detail {

// The request is good, but nobody would ever be called.
inline void check_webhook(boost::json::object const& body, validation_result& found)
{
    boost::json::value const* const given = member(body, parameter::webhook::name);
    if (given == nullptr || !given->is_string() || !is_absolute_http_url(given->get_string()))
        return;
    if (std::string const rule = broken_webhook_rule(given->get_string()); !rule.empty())
        found.add_warning("/webhook", "should " + rule, excerpt(*given, true));
}

} // namespace detail

APIMART_INLINE any_request::any_request(model_info const* model, kind_info const* kind,
                                        boost::json::object body, detail::beside_body beside)
    : model_(model), kind_(kind), body_(std::move(body)), beside_(std::move(beside))
{}

APIMART_INLINE boost::system::result<any_request, validation_result> any_request::parse(std::string_view json,
                                                                                        unknown_fields others)
{
    return parse(json, others, models());
}

APIMART_INLINE boost::system::result<any_request, validation_result> any_request::parse(std::string_view json,
                                                                                        local_files files)
{
    return parse(json, unknown_fields::reject, models(), files);
}

APIMART_INLINE boost::system::result<any_request, validation_result>
any_request::parse(std::string_view json, unknown_fields others, std::span<model_info const> among,
                   local_files files)
{
    validation_result found;
    boost::json::value body = detail::parse_json_text(json, max_text_size, found);
    if (!found.ok() && !body.is_object())
        return found;
    return read(std::move(body), others, among, files, std::move(found));
}

APIMART_INLINE boost::system::result<any_request, validation_result>
any_request::from_json(boost::json::value body, unknown_fields others)
{
    return from_json(std::move(body), others, models());
}

APIMART_INLINE boost::system::result<any_request, validation_result>
any_request::from_json(boost::json::value body, unknown_fields others, std::span<model_info const> among,
                       local_files files)
{
    return read(std::move(body), others, among, files, validation_result());
}

APIMART_INLINE std::string_view any_request::model() const& noexcept
{
    boost::json::value const* const id = detail::member(body_, detail::model_field);
    return id != nullptr && id->is_string() ? std::string_view(id->get_string()) : std::string_view();
}

APIMART_INLINE std::span<std::string const> any_request::extra_fields() const& noexcept
{
    return beside_.extra_fields;
}

APIMART_INLINE bool any_request::is_local_file(std::string_view text) const noexcept
{
    std::vector<std::string> const& all = beside_.local_files;
    return std::find(all.begin(), all.end(), text) != all.end();
}

APIMART_INLINE std::vector<local_image> any_request::local_images() const
{
    std::vector<local_image> all;
    if (beside_.local_files.empty() || kind_ == nullptr)
        return all;
    detail::visit_picture_texts(
        *kind_, body_,
        [&](detail::json_pointer const& where, boost::json::string const& text, image_limits const& limits) {
            auto path = detail::path_of_file_url(text);
            if (path && is_local_file(text))
                all.emplace_back(where.pointer(), image_file(std::move(*path)), limits);
        });
    return all;
}

APIMART_INLINE void any_request::replace(image_file const& file, std::string_view link)
{
    if (beside_.local_files.empty() || kind_ == nullptr)
        return;
    detail::visit_picture_texts(
        *kind_, body_, [&](detail::json_pointer const&, boost::json::string& text, image_limits const&) {
            if (is_local_file(text) && detail::path_of_file_url(text) == file.path())
                text = link;
        });
}

APIMART_INLINE std::string any_request::serialize() const
{
    return boost::json::serialize(body_);
}

APIMART_INLINE validation_result any_request::check() const
{
    validation_result found;
    if (model_ != nullptr && kind_ != nullptr)
        detail::validator(*model_, *kind_, body_, beside_, found).run();
    else
        check_custom(found);
    detail::check_webhook(body_, found);
    return found;
}

APIMART_INLINE std::string any_request::effective_prompt() const
{
    boost::json::value const* const given = detail::member(body_, parameter::prompt::name);
    if (given == nullptr || !given->is_string())
        return {};
    std::string text(std::string_view(given->get_string()));
    parameter_spec const* const known = kind_ != nullptr ? kind_->find(parameter::prompt::name) : nullptr;
    boost::json::value const* const pictures = detail::member(body_, parameter::image_urls::name);
    if (known != nullptr && known->values.references == reference_kind::images && pictures != nullptr &&
        pictures->is_array() && !pictures->get_array().empty() && !detail::mentions_an_image(text))
        text.insert(0,
                    std::string(detail::image_mention_begin) + "1" + std::string(detail::image_mention_end));
    return text;
}

APIMART_INLINE boost::system::result<any_request, validation_result>
any_request::read(boost::json::value body, unknown_fields others, std::span<model_info const> among,
                  local_files files, validation_result found)
{
    boost::json::object* const object = body.if_object();
    if (object == nullptr) {
        found.add_error("", "must be a JSON object", detail::excerpt(body));
        return found;
    }
    model_info const* const model = find_model_of(*object, among, found);
    if (model == nullptr)
        return found;
    kind_info const& kind = detail::detect_kind(*model, *object);
    any_request result(model, &kind, std::move(*object), {});
    if (others == unknown_fields::preserve)
        for (auto const& one : result.body_)
            if (std::string_view(one.key()) != detail::model_field &&
                !model->knows(std::string_view(one.key())))
                result.beside_.extra_fields.emplace_back(std::string_view(one.key()));
    if (files == local_files::allow)
        detail::visit_picture_texts(
            kind, std::as_const(result.body_),
            [&](detail::json_pointer const&, boost::json::string const& text, image_limits const&) {
                if (detail::path_of_file_url(text))
                    result.beside_.local_files.emplace_back(std::string_view(text));
            });
    detail::validator(*model, kind, result.body_, result.beside_, found).run();
    detail::check_webhook(result.body_, found);
    if (!found.ok())
        return found;
    return result;
}

APIMART_INLINE model_info const* any_request::find_model_of(boost::json::object const& body,
                                                            std::span<model_info const> among,
                                                            validation_result& found)
{
    std::string pointer = "/" + std::string(detail::model_field);
    boost::json::value const* const given = detail::member(body, detail::model_field);
    if (given == nullptr) {
        found.add_error(std::move(pointer), "is required", "");
        return nullptr;
    }
    if (!given->is_string()) {
        found.add_error(std::move(pointer), "must be a JSON string", detail::excerpt(*given));
        return nullptr;
    }
    std::string_view const id(given->get_string());
    if (model_info const* known = find_model(id, among))
        return known;
    detail::suggestion meant(id);
    std::string known;
    for (model_info const& one : among) {
        meant.consider(one.id);
        known += (known.empty() ? "; known are " : ", ") + std::string(one.id);
    }
    std::string const question = meant.question();
    found.add_error(std::move(pointer), "must be a known model" + (question.empty() ? known : question),
                    detail::excerpt(*given));
    return nullptr;
}

APIMART_INLINE void any_request::check_custom(validation_result& found) const
{
    if (model().empty())
        found.add_error("/" + std::string(detail::model_field), "must not be empty",
                        detail::excerpt(model()));
    else if (detail::utf8_scan const id = detail::scan_utf8(model()); !id.valid())
        found.add_error("/" + std::string(detail::model_field),
                        "must be UTF-8; the byte at offset " + std::to_string(id.bad_byte) + " is not",
                        detail::excerpt(model()));
}

APIMART_INLINE any_request custom_model(std::string id, boost::json::object body)
{
    boost::json::object ordered(body.storage());
    ordered.reserve(body.size() + 1);
    ordered[boost::json::string_view(detail::model_field)] = id;
    for (auto& one : body)
        if (std::string_view(one.key()) != detail::model_field)
            ordered[one.key()] = std::move(one.value());
    return any_request(nullptr, nullptr, std::move(ordered), {});
}

} // namespace apimart

#endif
