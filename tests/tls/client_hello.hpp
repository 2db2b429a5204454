// What a TLS client says first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tls_tests {

class client_hello
{
public:
    /// From the first bytes of a connection; nothing where they are not a whole ClientHello.
    static std::optional<client_hello> parse(std::string_view bytes);

    std::optional<std::string> server_name;
    std::vector<std::string> protocols; ///< of ALPN
    std::vector<std::uint16_t> ciphers;
    std::vector<std::uint16_t> versions; ///< those of the extension
    std::vector<std::uint8_t> compressions;
    bool offers_session = false; ///< a ticket or a pre-shared key
    bool offers_early_data = false;
};

} // namespace tls_tests
