// What a server saw of one run. A run is right when this agrees with what the client believes.
#pragma once

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>

namespace bench {

struct server_counts
{
    std::uint64_t submits = 0;
    std::uint64_t polls = 0;
    std::uint64_t connections = 0;
    /// Requests without a key, with another body than the first submit, for a task that does not exist, or
    /// for one that was asked for before.
    std::uint64_t wrong = 0;
    /// Of HTTP requests.
    std::uint64_t bytes = 0;
    /// Protocol and cipher of the last connection, for example "TLSv1.3:TLS_AES_256_GCM_SHA384".
    std::string cipher = "none";

    friend std::ostream& operator<<(std::ostream& out, server_counts const& c)
    {
        return out << c.submits << ' ' << c.polls << ' ' << c.connections << ' ' << c.wrong << ' ' << c.bytes
                   << ' ' << c.cipher;
    }
    friend std::istream& operator>>(std::istream& in, server_counts& c)
    {
        return in >> c.submits >> c.polls >> c.connections >> c.wrong >> c.bytes >> c.cipher;
    }
};

} // namespace bench
