// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_FILE_PATH_HPP
#define APIMART_FILE_PATH_HPP

#include <concepts>
#include <string>
#include <utility>

namespace apimart {

/// The name of a file: a text, or any path type with the interface of `std::filesystem::path`.
///
/// A type of its own because `<filesystem>` would be among the dearest headers of everyone who includes the
/// client.
class file_path
{
public:
    file_path(std::string name) : name_(std::move(name)) {}
    file_path(char const* name) : name_(name) {}
    template <class Path>
        requires requires(Path const& path) {
            { path.native() } -> std::convertible_to<std::string const&>;
        }
    file_path(Path const& path) : name_(path.native()) {}

    std::string const& native() const noexcept { return name_; }

private:
    std::string name_;
};

} // namespace apimart

#endif
