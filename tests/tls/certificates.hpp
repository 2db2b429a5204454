// Certificates of every kind a server can show, made when they are first asked for.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace tls_tests {

/// The files of one certificate, as PEM. Their names hold no spaces.
class identity
{
public:
    identity(std::filesystem::path leaf_file, std::filesystem::path rest_file,
             std::filesystem::path chain_file, std::filesystem::path key_file)
        : leaf(std::move(leaf_file)), rest(std::move(rest_file)), chain(std::move(chain_file)),
          key(std::move(key_file))
    {}

    std::filesystem::path leaf;
    std::filesystem::path rest;  ///< what is shown after the leaf; empty where nothing is
    std::filesystem::path chain; ///< both, the leaf first
    std::filesystem::path key;
};

/// A folder beside the test program that goes with the run, and the certificates in it.
class certificates
{
public:
    static certificates& of_this_run();

    certificates(certificates const&) = delete;
    certificates& operator=(certificates const&) = delete;
    ~certificates();

    /// By the name of a recipe in certificates.cpp.
    identity const& operator[](std::string_view name);

    std::filesystem::path root();
    std::filesystem::path untrusted_root();

    /// Revocation lists of all authorities in one file.
    std::filesystem::path revocations();
    /// The root's list alone.
    std::filesystem::path revocations_of_root();
    /// The root's and the intermediate authority's list, no longer valid.
    std::filesystem::path expired_revocations();

    /// For other files of the run.
    std::filesystem::path const& folder() const;
    std::filesystem::path write(std::string_view name, std::string_view text) const;

private:
    certificates();

    class authorities;
    std::mutex mutex_;
    std::filesystem::path folder_;
    std::unique_ptr<authorities> made_;
    std::map<std::string, identity, std::less<>> identities_;
};

} // namespace tls_tests
