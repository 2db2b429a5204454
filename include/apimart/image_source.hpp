// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_IMAGE_SOURCE_HPP
#define APIMART_IMAGE_SOURCE_HPP

#include <apimart/parameter/image_file.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace apimart {

/// A picture in memory, and the name that the service is told. Copies share the bytes.
class image_bytes
{
public:
    explicit image_bytes(std::string bytes, std::string file_name = "image")
        : bytes_(std::make_shared<std::string const>(std::move(bytes))), name_(std::move(file_name))
    {}
    explicit image_bytes(std::span<std::byte const> bytes, std::string file_name = "image")
        : image_bytes(std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size()),
                      std::move(file_name))
    {}

    std::shared_ptr<std::string const> const& bytes() const& noexcept { return bytes_; }
    std::shared_ptr<std::string const> bytes() && { return std::move(bytes_); }
    std::string const& file_name() const& noexcept { return name_; }
    std::string file_name() && { return std::move(name_); }

private:
    std::shared_ptr<std::string const> bytes_;
    std::string name_;
};

/// What `client::upload` takes: the path of a file, or `image_bytes`.
class image_source
{
public:
    template <class Path>
        requires(std::constructible_from<std::string, Path const&> && !std::same_as<Path, image_source>)
    image_source(Path const& path) : path_(path) {}
    image_source(image_file file) : path_(std::move(file).path()) {}
    image_source(image_bytes const& picture) : path_(picture.file_name()), bytes_(picture.bytes()) {}

    /// Of the file, or the name of what is in memory.
    std::string const& path() const& noexcept { return path_; }
    std::string path() && { return std::move(path_); }
    /// Null for a file.
    std::shared_ptr<std::string const> const& bytes() const& noexcept { return bytes_; }
    std::shared_ptr<std::string const> bytes() && { return std::move(bytes_); }

private:
    std::string path_;
    std::shared_ptr<std::string const> bytes_;
};

} // namespace apimart

#endif
