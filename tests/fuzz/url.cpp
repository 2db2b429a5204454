// Wherever an address comes from, what is made of it is what curl's parser makes of it, so that no check looks at one
// host and the connection goes to another; and what another machine would take for a private address is one.

#include "target.hpp"

#include <apimart/policy/download_decision.hpp>
#include <apimart/protocol/origin.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netdb.h>

namespace {

using namespace apimart::detail;
using fuzz::require;

class curl_reading
{
public:
    explicit curl_reading(std::string const& text) : url_(curl_url(), &curl_url_cleanup)
    {
        good_ = curl_url_set(url_.get(), CURLUPART_URL, text.c_str(), CURLU_PATH_AS_IS) == CURLUE_OK;
    }
    bool good() const { return good_; }
    std::string part(CURLUPart which, unsigned flags = 0) const
    {
        char* text = nullptr;
        if (curl_url_get(url_.get(), which, &text, flags) != CURLUE_OK)
            return {};
        std::string const copy(text);
        curl_free(text);
        return copy;
    }

private:
    std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url_;
    bool good_;
};

// The address that the system's resolver reads in a text without asking anybody, as bytes of IPv6.
std::optional<std::array<unsigned char, 16>> numeric_address(std::string const& host)
{
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
        return std::nullopt;
    std::array<unsigned char, 16> bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (found->ai_family == AF_INET)
        std::copy_n(reinterpret_cast<unsigned char const*>(
                        &reinterpret_cast<sockaddr_in const*>(found->ai_addr)->sin_addr),
                    4, bytes.begin() + 12);
    else
        std::copy_n(reinterpret_cast<sockaddr_in6 const*>(found->ai_addr)->sin6_addr.s6_addr, 16,
                    bytes.begin());
    ::freeaddrinfo(found);
    return bytes;
}

std::array<unsigned char, 16> bytes_of(char const* network)
{
    std::array<unsigned char, 16> bytes{};
    require(::inet_pton(AF_INET6, network, bytes.data()) == 1, "the table is sound");
    return bytes;
}

// The registries of special addresses (RFC 6890), each for itself and in the disguises of IPv6.
bool is_special(std::array<unsigned char, 16> const& address)
{
    struct network
    {
        std::array<unsigned char, 16> begin;
        unsigned bits;
    };
    static std::vector<network> const table = [] {
        std::vector<network> all{{bytes_of("::"), 96},          {bytes_of("fc00::"), 7},
                                 {bytes_of("fe80::"), 9},       {bytes_of("ff00::"), 8},
                                 {bytes_of("64:ff9b:1::"), 48}, {bytes_of("2001::"), 32}};
        for (auto const& [four, bits] : {std::pair{"0.0.0.0", 8U},
                                         {"10.0.0.0", 8U},
                                         {"100.64.0.0", 10U},
                                         {"127.0.0.0", 8U},
                                         {"169.254.0.0", 16U},
                                         {"172.16.0.0", 12U},
                                         {"192.168.0.0", 16U},
                                         {"192.0.0.0", 24U},
                                         {"198.18.0.0", 15U},
                                         {"224.0.0.0", 4U},
                                         {"240.0.0.0", 4U}}) {
            for (char const* const before : {"::ffff:", "::ffff:0:", "64:ff9b::"})
                all.push_back({bytes_of((before + std::string(four)).c_str()), 96 + bits});
            auto const inside = bytes_of(("::" + std::string(four)).c_str());
            auto begin = bytes_of("2002::");
            std::copy_n(inside.begin() + 12, 4, begin.begin() + 2);
            all.push_back({begin, 16 + bits});
        }
        return all;
    }();
    return std::any_of(table.begin(), table.end(), [&](network const& each) {
        for (unsigned bit = 0; bit < each.bits; ++bit)
            if (((address[bit / 8] ^ each.begin[bit / 8]) >> (7 - bit % 8) & 1) != 0)
                return false;
        return true;
    });
}

void examine(std::string const& text)
{
    auto const ours = parse_request_url(text);
    if (!ours)
        return;
    curl_reading const theirs(text);
    require(theirs.good(), "curl reads what is read here");
    std::string const scheme = theirs.part(CURLUPART_SCHEME);
    require(scheme == (ours->origin.tls ? "https" : "http"), "the scheme is the same");
    require(theirs.part(CURLUPART_USER).empty() && theirs.part(CURLUPART_PASSWORD).empty(),
            "there is no user");
    require(theirs.part(CURLUPART_PORT, CURLU_DEFAULT_PORT) == ours->origin.port, "the port is the same");

    std::string host = theirs.part(CURLUPART_HOST);
    std::transform(host.begin(), host.end(), host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (host.starts_with('['))
        host = host.substr(1, host.size() - 2);
    if (host.ends_with('.'))
        host.pop_back();
    auto const their_address = numeric_address(host);
    require(host == ours->origin.host ||
                (their_address && their_address == numeric_address(ours->origin.host)),
            "the host is the same");
    std::string target = theirs.part(CURLUPART_PATH);
    if (std::size_t const query = text.substr(0, text.find('#')).find('?'); query != std::string::npos)
        target += "?" + theirs.part(CURLUPART_QUERY);
    require(target == ours->target, "the target is the same");
    require(std::all_of(ours->target.begin(), ours->target.end(), [](char c) { return c > ' ' && c < 0x7F; }),
            "a target is one word");

    if (auto const address = numeric_address(ours->origin.host); address && is_special(*address))
        require(is_private_host(ours->origin.host), "a private address is known in every spelling");
    std::string const again = scheme + "://" + ours->origin.authority() + ours->target;
    auto const second = parse_request_url(again);
    require(second && second->origin == ours->origin && second->target == ours->target,
            "what is written is read again");
}

} // namespace

// The first line is an address, the second where a redirect of it leads.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), size});
    std::string const text(in.line());
    if (text.find('\0') != std::string::npos) {
        require(!parse_request_url(text), "a NUL is in no address"); // and curl's parser takes a C string
        return 0;
    }
    examine(text);
    auto const asked = parse_request_url(text);
    download_response redirect;
    redirect.status = 302;
    redirect.location = in.rest();
    if (!asked || redirect.location.find('\0') != std::string::npos)
        return 0;
    auto const decision = decide_download(redirect, *asked, {}, 1, {});
    if (decision.next != download_decision::action::redirect)
        return 0;
    examine(decision.location);
    auto const there = parse_request_url(decision.location);
    if (there && redirect.location.starts_with('/') && !redirect.location.starts_with("//"))
        require(there->origin == asked->origin, "a path leads to where it was found");
    return 0;
}
