// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ANY_REQUEST_HPP
#define APIMART_ANY_REQUEST_HPP

#include <apimart/version.hpp>

#include <apimart/errors/validation_result.hpp>
#include <apimart/parameter/image_file.hpp>
#include <apimart/parameter/model_info.hpp>
#include <apimart/request.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

/// What happens to fields that no table knows.
enum class unknown_fields : std::uint8_t
{
    reject,  ///< reported, with the name that was probably meant
    preserve ///< taken for extras, as after `request::extra_field`; for bodies that this library wrote before
};

/// What happens to `file:` URLs where a picture is expected, as `file:dog.png` or `file:///home/me/dog.png`.
enum class local_files : std::uint8_t
{
    reject, ///< reported; right for JSON that somebody else has written
    allow ///< taken as `image_file`: whoever wrote the JSON chooses which pictures of this machine are uploaded
};

/// A picture of a request that is still in a local file.
class local_image
{
public:
    local_image(std::string pointer, image_file file, image_limits const& limits)
        : pointer_(std::move(pointer)), file_(std::move(file)), limits_(limits)
    {}

    /// Its place, as the JSON pointer of a violation.
    std::string const& pointer() const& noexcept { return pointer_; }
    std::string pointer() && { return std::move(pointer_); }
    image_file const& file() const& noexcept { return file_; }
    image_file file() && { return std::move(file_); }
    /// What the model asks of it, besides what every upload has to be; no bytes where nothing is documented.
    image_limits const& limits() const& noexcept { return limits_; }
    image_limits limits() && noexcept { return limits_; }

private:
    std::string pointer_;
    image_file file_;
    image_limits limits_;
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
    static constexpr std::size_t max_text_size = 72u * 1024 * 1024;

    /// Reads a JSON text and reports all violations at once.
    ///
    /// What `serialize` wrote is read as the same request and written again with the same bytes, numbers with
    /// a fraction included.
    ///
    /// Errors: every refusing and advised entry of `check`, and besides: no JSON or not UTF-8 (with the
    /// byte's offset), no object, too long or nested too deeply, a field given twice, an unknown model.
    static boost::system::result<any_request, validation_result>
    parse(std::string_view json, unknown_fields others = unknown_fields::reject);

    /// The same with models of the caller's choice.
    static boost::system::result<any_request, validation_result>
    parse(std::string_view json, unknown_fields others, std::span<model_info const> among,
          local_files files = local_files::reject);

    /// The same with pictures in local files, where the caller trusts who wrote the text.
    static boost::system::result<any_request, validation_result> parse(std::string_view json,
                                                                       local_files files);

    /// The same for a JSON value.
    static boost::system::result<any_request, validation_result>
    from_json(boost::json::value body, unknown_fields others = unknown_fields::reject);
    static boost::system::result<any_request, validation_result>
    from_json(boost::json::value body, unknown_fields others, std::span<model_info const> among,
              local_files files = local_files::reject);

    /// None: `check` refuses it. What an operation that fails completes with.
    any_request() {}

    /// Takes a typed request of any model, known to this library or not.
    template <class Model, class Kind>
    any_request(request<Model, Kind> const& typed)
        : any_request(&info_of<Model>, kind_info_of<Model, Kind>(), typed.body_copy(), typed.beside_copy())
    {}
    template <class Model, class Kind>
    any_request(request<Model, Kind>&& typed)
        : any_request(&info_of<Model>, kind_info_of<Model, Kind>(), std::move(typed).take_body(),
                      std::move(typed).take_beside())
    {}

    /// Takes a storyboard that was checked while compiling.
    template <class Model, std::size_t Count>
    any_request(storyboard_draft<Model, Count> const& draft)
        : any_request(request<Model, apimart::kind::storyboard>(draft))
    {}

    /// The model's id, as it travels.
    std::string_view model() const& noexcept;
    std::string model() && { return std::string(std::as_const(*this).model()); }

    /// The kind of generation, such as `text_to_video`; empty for a custom model.
    std::string_view kind() const noexcept { return kind_ != nullptr ? kind_->name : std::string_view(); }

    /// The tables of the model; null for a custom model.
    model_info const* info() const noexcept { return model_; }

    boost::json::object const& body() const& noexcept { return body_; }
    boost::json::object body() && { return std::move(body_); }

    /// Names of the fields that no table knows and that are sent on purpose.
    std::span<std::string const> extra_fields() const& noexcept;
    std::vector<std::string> extra_fields() &&
    {
        auto const all = std::as_const(*this).extra_fields();
        return {all.begin(), all.end()};
    }

    /// The pictures that are still in local files; a request is submitted without any. In the body each of them is a
    /// `file:` URL.
    std::vector<local_image> local_images() const;

    /// Puts the link of an uploaded picture in the place of its file, wherever the request has it.
    void replace(image_file const& file, std::string_view link);

    /// The JSON text that is sent.
    std::string serialize() const;

    /// Everything that the documentation has against this request; refusing entries keep it from being sent.
    validation_result check() const;

    /// The prompt as the service will use it; empty without a prompt.
    ///
    /// A request with pictures whose prompt mentions none of them is read as mentioning the first
    /// (api-reference.md 3.2); this shows what that looks like. The body keeps the prompt as it was given.
    std::string effective_prompt() const;

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
        return Request(detail::from_json_tag(), body_, beside_);
    }

private:
    friend any_request custom_model(std::string id, boost::json::object body);

    any_request(model_info const* model, kind_info const* kind, boost::json::object body,
                detail::beside_body beside);

    template <class Model, class Kind>
    static kind_info const* kind_info_of() noexcept
    {
        return info_of<Model>.find(Kind::name);
    }

    static boost::system::result<any_request, validation_result>
    read(boost::json::value body, unknown_fields others, std::span<model_info const> among, local_files files,
         validation_result found);
    bool is_local_file(std::string_view text) const noexcept;
    static model_info const* find_model_of(boost::json::object const& body, std::span<model_info const> among,
                                           validation_result& found);
    void check_custom(validation_result& found) const;

    model_info const* model_ = nullptr;
    kind_info const* kind_ = nullptr;
    boost::json::object body_;
    detail::beside_body beside_;
};

/// A request for a model that this library has no table for. Only the model's id is checked.
///
/// Example: `custom_model("sora-2", {{"prompt", "a corgi"}, {"duration", 8}})`.
any_request custom_model(std::string id, boost::json::object body);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/any_request.ipp>
#endif

#endif
