// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ANY_REQUEST_HPP
#define APIMART_ANY_REQUEST_HPP

#include <apimart/detail/request/json_text.hpp>
#include <apimart/detail/request/kind_of_body.hpp>
#include <apimart/detail/request/validator.hpp>
#include <apimart/models.hpp>
#include <apimart/request.hpp>
#include <apimart/violation.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace apimart {

/// What happens to fields that no table knows.
enum class unknown_fields : std::uint8_t
{
    refused, ///< reported, with the name that was probably meant
    kept     ///< taken for extras, as after `request::extra`; for bodies that this library wrote before
};

/// A request whose model and kind are known at run time only.
///
/// Made from a typed request by conversion, or from JSON by `parse` and `from_json`.
///
/// Lifetime: owns its body. Thread safety: distinct objects safe, shared objects unsafe.
/// Source: api-reference.md sections 2 and 3.
class any_request
{
public:
    /// Longest JSON text that `parse` reads: a first frame in Base64 has room, and little else is that long.
    static constexpr std::size_t longest_text = 72u * 1024 * 1024;

    /// Reads a JSON text and reports all violations at once.
    ///
    /// What `serialize` wrote is read as the same request and written again with the same bytes, numbers with
    /// a fraction included.
    ///
    /// Errors: every refusing and advised entry of `check`, and besides: no JSON or not UTF-8 (with the
    /// byte's offset), no object, too long or nested too deeply, a field given twice, an unknown model.
    static boost::system::result<any_request, diagnostics>
    parse(std::string_view json, unknown_fields others = unknown_fields::refused,
          std::span<model_info const> among = models())
    {
        diagnostics found;
        boost::json::value body = detail::parse_json_text(json, longest_text, found);
        if (!found.accepted() && !body.is_object())
            return found;
        return read(std::move(body), others, among, std::move(found));
    }

    /// The same for a JSON value.
    static boost::system::result<any_request, diagnostics>
    from_json(boost::json::value body, unknown_fields others = unknown_fields::refused,
              std::span<model_info const> among = models())
    {
        return read(std::move(body), others, among, diagnostics());
    }

    /// Takes a typed request of any model, known to this library or not.
    template <class Model, class Kind>
    any_request(request<Model, Kind> const& typed)
        : any_request(&info_of<Model>, kind_info_of<Model, Kind>(), typed.body_copy(), typed.extras_copy())
    {}
    template <class Model, class Kind>
    any_request(request<Model, Kind>&& typed)
        : any_request(&info_of<Model>, kind_info_of<Model, Kind>(), std::move(typed).take_body(),
                      std::move(typed).take_extras())
    {}

    /// Takes a storyboard that was checked while compiling.
    template <class Model, std::size_t Count>
    any_request(storyboard_draft<Model, Count> const& draft)
        : any_request(request<Model, apimart::kind::storyboard>(draft))
    {}

    /// The model's id, as it travels.
    std::string_view model() const noexcept
    {
        boost::json::value const* const id = detail::member(body_, detail::model_field);
        return id != nullptr && id->is_string() ? std::string_view(id->get_string()) : std::string_view();
    }

    /// The kind of generation, such as `text_to_video`; empty for a custom model.
    std::string_view kind() const noexcept { return kind_ != nullptr ? kind_->name : std::string_view(); }

    /// The tables of the model; null for a custom model.
    model_info const* info() const noexcept { return model_; }

    boost::json::object const& body() const noexcept { return body_; }

    /// Names of the fields that no table knows and that are sent on purpose.
    std::span<std::string const> extras() const noexcept { return extras_; }

    /// The JSON text that is sent.
    std::string serialize() const { return boost::json::serialize(body_); }

    /// Everything that the documentation has against this request; refusing entries keep it from being sent.
    diagnostics check() const
    {
        diagnostics found;
        if (model_ != nullptr && kind_ != nullptr)
            detail::validator(*model_, *kind_, body_, extras_, found).run();
        else
            check_custom(found);
        return found;
    }

    /// The prompt as the service will use it; empty without a prompt.
    ///
    /// A request with pictures whose prompt mentions none of them is read as mentioning the first
    /// (api-reference.md 3.2); this shows what that looks like. The body keeps the prompt as it was given.
    std::string prompt_as_sent() const
    {
        boost::json::value const* const given = detail::member(body_, parameter::prompt::name);
        if (given == nullptr || !given->is_string())
            return {};
        std::string text(std::string_view(given->get_string()));
        row const* const known = kind_ != nullptr ? kind_->find(parameter::prompt::name) : nullptr;
        boost::json::value const* const pictures = detail::member(body_, parameter::image_urls::name);
        if (known != nullptr && known->values.refers_to == mention::images && pictures != nullptr &&
            pictures->is_array() && !pictures->get_array().empty() && !detail::mentions_an_image(text))
            text.insert(0, std::string(detail::image_mention_begin) + "1" +
                               std::string(detail::image_mention_end));
        return text;
    }

    /// This request as a typed one, if model and kind are those of `Request`.
    ///
    /// Example: `if (auto turbo = any.as<text_to_video<kling_3_0_turbo>>())`.
    template <class Request>
    std::optional<Request> as() const
    {
        using model_type = typename Request::model_type;
        using kind_type = typename Request::kind_type;
        if (model_ == nullptr || kind_ == nullptr || model_->id != model_type::id ||
            kind_->name != kind_type::name)
            return std::nullopt;
        return Request(detail::restored(), body_, extras_);
    }

private:
    friend any_request custom_model(std::string id, boost::json::object body);

    any_request(model_info const* model, kind_info const* kind, boost::json::object body,
                std::vector<std::string> extras)
        : model_(model), kind_(kind), body_(std::move(body)), extras_(std::move(extras))
    {}

    template <class Model, class Kind>
    static kind_info const* kind_info_of() noexcept
    {
        return info_of<Model>.find(Kind::name);
    }

    static boost::system::result<any_request, diagnostics>
    read(boost::json::value body, unknown_fields others, std::span<model_info const> among, diagnostics found)
    {
        boost::json::object* const object = body.if_object();
        if (object == nullptr) {
            found.refuse("", "must be a JSON object", detail::excerpt(body));
            return found;
        }
        model_info const* const model = find_model_of(*object, among, found);
        if (model == nullptr)
            return found;
        kind_info const& kind = detail::kind_of_body(*model, *object);
        any_request result(model, &kind, std::move(*object), {});
        if (others == unknown_fields::kept)
            for (auto const& one : result.body_)
                if (std::string_view(one.key()) != detail::model_field &&
                    !model->knows(std::string_view(one.key())))
                    result.extras_.emplace_back(std::string_view(one.key()));
        detail::validator(*model, kind, result.body_, result.extras_, found).run();
        if (!found.accepted())
            return found;
        return result;
    }

    static model_info const* find_model_of(boost::json::object const& body, std::span<model_info const> among,
                                           diagnostics& found)
    {
        std::string pointer = "/" + std::string(detail::model_field);
        boost::json::value const* const given = detail::member(body, detail::model_field);
        if (given == nullptr) {
            found.refuse(std::move(pointer), "is required", "");
            return nullptr;
        }
        if (!given->is_string()) {
            found.refuse(std::move(pointer), "must be a JSON string", detail::excerpt(*given));
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
        found.refuse(std::move(pointer), "must be a known model" + (question.empty() ? known : question),
                     detail::excerpt(*given));
        return nullptr;
    }

    void check_custom(diagnostics& found) const
    {
        if (model().empty())
            found.refuse("/" + std::string(detail::model_field), "must not be empty",
                         detail::in_quotes(model()));
        else if (detail::utf8_scan const id = detail::scan_utf8(model()); !id.valid())
            found.refuse("/" + std::string(detail::model_field),
                         "must be UTF-8; the byte at offset " + std::to_string(id.bad_byte) + " is not",
                         detail::in_quotes(model()));
    }

    model_info const* model_;
    kind_info const* kind_;
    boost::json::object body_;
    std::vector<std::string> extras_;
};

/// A request for a model that this library has no table for. Only the model's id is checked.
///
/// Example: `custom_model("sora-2", {{"prompt", "a corgi"}, {"duration", 8}})`.
inline any_request custom_model(std::string id, boost::json::object body)
{
    boost::json::object ordered(body.storage());
    ordered.reserve(body.size() + 1);
    ordered[boost::json::string_view(detail::model_field)] = id;
    for (auto& one : body)
        if (std::string_view(one.key()) != detail::model_field)
            ordered[one.key()] = std::move(one.value());
    return any_request(nullptr, nullptr, std::move(ordered), {});
}

namespace detail {

template <class Model, class... Kinds, class Visitor>
bool visit_kinds(kind_list<Kinds...>, Visitor& visitor, any_request const& any)
{
    auto visited = [&]<class Kind>(Kind) {
        if constexpr (offers<Model, Kind>) {
            if (auto const typed = any.as<request<Model, Kind>>()) {
                visitor(*typed);
                return true;
            }
        }
        return false;
    };
    return (visited(Kinds{}) || ...);
}

template <class... Models, class Visitor>
bool visit_models(model_list<Models...>, Visitor& visitor, any_request const& any)
{
    return (visit_kinds<Models>(all_kinds{}, visitor, any) || ...);
}

} // namespace detail

/// Calls `visitor` with the request as the typed one that it is: some `request<Model, Kind> const&`.
///
/// Returns false, without a call, if the model is none of `Models`.
template <class Models = known_models, class Visitor>
bool visit(Visitor&& visitor, any_request const& any)
{
    return detail::visit_models(Models{}, visitor, any);
}

} // namespace apimart

#endif
