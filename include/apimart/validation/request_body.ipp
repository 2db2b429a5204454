// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_REQUEST_BODY_IPP
#define APIMART_VALIDATION_REQUEST_BODY_IPP

#include <apimart/separate_compilation.hpp>
#include <apimart/text/file_url.hpp>
#include <apimart/validation/json_of.hpp>
#include <apimart/validation/request_body.hpp>
#include <apimart/validation/shot_script.hpp>

#include <boost/json/serialize.hpp>

#include <utility>

namespace apimart::detail {

APIMART_INLINE std::string local_file_text(std::string_view path)
{
    return file_url(path);
}

APIMART_INLINE void argument_value::store_in(boost::json::object& body, std::string_view name) const
{
    body[boost::json::string_view(name)] = to_json(body.storage());
}

APIMART_INLINE void argument_value::append_to(boost::json::array& list) const
{
    if (form_ != form::nothing)
        list.push_back(to_json(list.storage()));
}

APIMART_INLINE void argument_value::add_local_files(std::vector<std::string>& files) const
{
    if (form_ == form::file)
        files.push_back(local_file_text(text_));
    else if (files_ != nullptr)
        files.insert(files.end(), files_->begin(), files_->end());
}

APIMART_INLINE boost::json::value argument_value::to_json(boost::json::storage_ptr storage) const
{
    switch (form_) {
    case form::number:
        return boost::json::value(number_, storage);
    case form::flag:
        return boost::json::value(number_ != 0, storage);
    case form::enabled_object:
        return boost::json::object({{boost::json::string_view(enabled_field), number_ != 0}}, storage);
    case form::text:
        return boost::json::value(boost::json::string_view(text_), storage);
    case form::file:
        return boost::json::value(boost::json::string_view(local_file_text(text_)), storage);
    case form::object:
        return boost::json::value(*object_, storage);
    case form::nothing:
        break;
    }
    return boost::json::value(storage);
}

APIMART_INLINE request_body::request_body(from_json_tag, boost::json::object body, beside_body beside)
    : body_(std::move(body)), beside_(std::move(beside))
{}

APIMART_INLINE request_body::request_body(std::string_view model, static_list<parameter_spec> rows)
{
    body_.reserve(8);
    body_[boost::json::string_view(model_field)] = boost::json::string_view(model);
    for (parameter_spec const& one : rows)
        if (one.requirement == requirement::discriminator)
            store(one.name, one.fixed);
}

APIMART_INLINE std::string request_body::serialize() const
{
    return boost::json::serialize(body_);
}

APIMART_INLINE std::span<std::string const> request_body::extra_fields() const noexcept
{
    return beside_.extra_fields;
}

APIMART_INLINE boost::json::object request_body::body_copy() const
{
    return body_;
}

APIMART_INLINE beside_body request_body::beside_copy() const
{
    return beside_;
}

APIMART_INLINE boost::json::object request_body::take_body() &&
{
    return std::move(body_);
}

APIMART_INLINE beside_body request_body::take_beside() &&
{
    return std::move(beside_);
}

APIMART_INLINE void request_body::store(std::string_view name, argument_value const& value)
{
    value.store_in(body_, name);
    value.add_local_files(beside_.local_files);
}

APIMART_INLINE void request_body::store(std::string_view name, constant const& value)
{
    body_[boost::json::string_view(name)] = json_of(value);
}

APIMART_INLINE boost::json::array& request_body::store_empty_list(std::string_view name)
{
    return body_[boost::json::string_view(name)].emplace_array();
}

APIMART_INLINE void request_body::store_list(std::string_view name,
                                             std::initializer_list<argument_value> entries)
{
    boost::json::array& list = store_empty_list(name);
    for (argument_value const& one : entries) {
        one.append_to(list);
        one.add_local_files(beside_.local_files);
    }
}

APIMART_INLINE void request_body::store_extra(std::string_view name, boost::json::value value)
{
    body_[boost::json::string_view(name)] = std::move(value);
    for (std::string const& known : beside_.extra_fields)
        if (known == name)
            return;
    beside_.extra_fields.emplace_back(name);
}

APIMART_INLINE void request_body::append(boost::json::array& list, std::string_view url)
{
    list.emplace_back(boost::json::string_view(url));
}

APIMART_INLINE void request_body::append(boost::json::array& list, image_file const& file)
{
    append(list, beside_.local_files.emplace_back(local_file_text(file.path())));
}

APIMART_INLINE void request_body::append(boost::json::array& list, element_entry const& entry)
{
    list.emplace_back(entry.json());
    std::vector<std::string> const& files = entry.local_files();
    beside_.local_files.insert(beside_.local_files.end(), files.begin(), files.end());
}

APIMART_INLINE request_body::shot_writer::shot_writer(request_body& request, parameter_spec const& place)
    : request_(request), place_(place)
{
    if (place_.values.kind == value_kind::shots)
        list_ = &request_.store_empty_list(place_.name);
}

APIMART_INLINE void request_body::shot_writer::add(std::string_view text, std::int64_t seconds)
{
    ++count_;
    total_ += seconds;
    if (list_ == nullptr) {
        append_shot(script_, static_cast<std::size_t>(count_), seconds, text);
        return;
    }
    boost::json::object& entry = list_->emplace_back(boost::json::object_kind).get_object();
    entry.reserve(3);
    entry[boost::json::string_view(shot_field::index)] = count_;
    entry[boost::json::string_view(shot_field::prompt)] = boost::json::string_view(text);
    entry[boost::json::string_view(shot_field::duration)] = seconds;
}

APIMART_INLINE void request_body::shot_writer::finish(std::string_view length_name)
{
    if (list_ == nullptr)
        request_.body_[boost::json::string_view(place_.name)] = script_;
    request_.body_[boost::json::string_view(length_name)] = total_;
}

} // namespace apimart::detail

#endif
