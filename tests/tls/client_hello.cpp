#include "client_hello.hpp"

#include <cstddef>
#include <stdexcept>

namespace tls_tests {

namespace {

class reader
{
public:
    explicit reader(std::string_view bytes) : left_(bytes) {}

    std::size_t number(int size)
    {
        std::size_t value = 0;
        for (char const c : text(static_cast<std::size_t>(size)))
            value = (value << 8U) | static_cast<unsigned char>(c);
        return value;
    }
    std::string_view text(std::size_t size)
    {
        if (size > left_.size())
            throw std::out_of_range("the message ends early");
        std::string_view const result = left_.substr(0, size);
        left_.remove_prefix(size);
        return result;
    }
    /// A list with its size before it.
    reader list(int size) { return reader(text(number(size))); }
    bool empty() const { return left_.empty(); }

private:
    std::string_view left_;
};

void read_extension(client_hello& hello, std::size_t type, reader content)
{
    switch (type) {
    case 0: { // server_name
        reader names = content.list(2);
        while (!names.empty()) {
            bool const host = names.number(1) == 0;
            std::string_view const name = names.text(names.number(2));
            if (host)
                hello.server_name = std::string(name);
        }
        break;
    }
    case 16: // application_layer_protocol_negotiation
        for (reader names = content.list(2); !names.empty();)
            hello.protocols.emplace_back(names.text(names.number(1)));
        break;
    case 35: // session_ticket, empty where the client only says that it knows tickets
        hello.offers_session = hello.offers_session || !content.empty();
        break;
    case 41: // pre_shared_key
        hello.offers_session = true;
        break;
    case 42: // early_data
        hello.offers_early_data = true;
        break;
    case 43: // supported_versions
        for (reader versions = content.list(1); !versions.empty();)
            hello.versions.push_back(static_cast<std::uint16_t>(versions.number(2)));
        break;
    default:
        break;
    }
}

} // namespace

std::optional<client_hello> client_hello::parse(std::string_view bytes)
{
    try {
        reader record(bytes);
        if (record.number(1) != 22)
            return std::nullopt;
        record.number(2);
        reader message = record.list(2);
        if (message.number(1) != 1)
            return std::nullopt;
        reader body = message.list(3);
        client_hello hello;
        body.number(2);
        body.text(32);
        body.list(1); // the session's id, which TLS 1.3 fills with random bytes for show
        for (reader ciphers = body.list(2); !ciphers.empty();)
            hello.ciphers.push_back(static_cast<std::uint16_t>(ciphers.number(2)));
        for (reader ways = body.list(1); !ways.empty();)
            hello.compressions.push_back(static_cast<std::uint8_t>(ways.number(1)));
        for (reader extensions = body.list(2); !extensions.empty();) {
            std::size_t const type = extensions.number(2);
            read_extension(hello, type, extensions.list(2));
        }
        return hello;
    } catch (std::out_of_range const&) {
        return std::nullopt;
    }
}

} // namespace tls_tests
