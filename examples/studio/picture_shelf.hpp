// Pictures that were dropped on the page, as files named by their content. A request of the page names one as
// `picture:NAME`; it never names a path.
#ifndef APIMART_STUDIO_PICTURE_SHELF_HPP
#define APIMART_STUDIO_PICTURE_SHELF_HPP

#include <apimart/image_file.hpp>

#include <boost/algorithm/hex.hpp>
#include <boost/json/value.hpp>
#include <boost/system/result.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <openssl/evp.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

class picture_shelf
{
public:
    explicit picture_shelf(std::filesystem::path folder) : folder_(std::move(folder))
    {
        std::filesystem::create_directories(folder_);
    }

    std::filesystem::path const& folder() const noexcept { return folder_; }

    // Keeps a picture that the service would take; its name, or what is wrong with it.
    boost::system::result<std::string, apimart::validation_result> keep(std::string_view bytes) const
    {
        std::string const name = name_of(bytes);
        std::filesystem::path const path = folder_ / name;
        if (!std::filesystem::exists(path)) {
            std::filesystem::path const partial = folder_ / (name + ".part");
            std::ofstream file(partial, std::ios::binary | std::ios::trunc);
            file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
            file.close();
            if (!file)
                throw std::runtime_error("cannot write " + partial.string());
            auto found = apimart::check_upload(
                apimart::local_image("", apimart::image_file(partial.string()), apimart::image_limits()));
            if (!found.ok()) {
                std::filesystem::remove(partial);
                return found;
            }
            std::filesystem::rename(partial, path);
        }
        return name;
    }

    // Puts the files in the places of the names.
    void resolve(boost::json::value& in) const
    {
        if (boost::json::object* const object = in.if_object())
            for (auto& member : *object)
                resolve(member.value());
        else if (boost::json::array* const list = in.if_array())
            for (boost::json::value& entry : *list)
                resolve(entry);
        else if (boost::json::string* const text = in.if_string(); text && text->starts_with(scheme)) {
            std::string const name(std::string_view(*text).substr(scheme.size()));
            if (name.find('/') == std::string::npos && holds((folder_ / name).string()))
                *text = "file://" +
                        boost::urls::encode((folder_ / name).string(), boost::urls::unreserved_chars + '/');
        }
    }

    // Whether a path is that of a picture here, so that a request of the page reaches no other file.
    bool holds(std::filesystem::path const& path) const
    {
        return path.lexically_normal() == path && path.parent_path() == folder_ &&
               std::filesystem::is_regular_file(path);
    }

private:
    static constexpr std::string_view scheme = "picture:";

    static std::string name_of(std::string_view bytes)
    {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int size = 0;
        if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
            throw std::runtime_error("SHA-256 is not to be had");
        std::string name;
        boost::algorithm::hex_lower(digest.begin(), digest.begin() + 16, std::back_inserter(name));
        return name + (bytes.starts_with("\x89PNG")            ? ".png"
                       : bytes.starts_with("GIF8")             ? ".gif"
                       : bytes.substr(0, 12).ends_with("WEBP") ? ".webp"
                                                               : ".jpg");
    }

    std::filesystem::path folder_;
};

} // namespace studio

#endif
