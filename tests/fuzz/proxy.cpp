// The settings of a proxy come from an environment that was made for others, its answers from whoever owns it. What is
// made of the settings is what curl's parser makes of them; no text of ours repeats the password; and an answer is
// judged alike wherever it is cut.
//
// Lines: the proxy's URL, the list of hosts without it, the host and port that are asked for; the rest is its answer.

#include "target.hpp"

#include <apimart/config/proxy_options.hpp>
#include <apimart/http/proxy.hpp>
#include <apimart/text/utf8.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <bitset>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>

namespace {

using namespace apimart;
using namespace apimart::detail;
using fuzz::require;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0)
{
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
        return {};
    std::string const copy(text);
    curl_free(text);
    return copy;
}

std::string lower(std::string text)
{
    for (char& c : text)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return text;
}

std::string base64(std::string_view text)
{
    std::string out;
    append_base64(out, {reinterpret_cast<unsigned char const*>(text.data()), text.size()});
    return out;
}

// The first bits of an address, as a text of zeros and ones.
std::optional<std::string> bits_of(std::string_view text)
{
    unsigned char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    std::string const copy(text);
    if (::inet_pton(AF_INET6, copy.c_str(), bytes) != 1 &&
        ::inet_pton(AF_INET, copy.c_str(), bytes + 12) != 1)
        return std::nullopt;
    std::string bits;
    for (unsigned char const byte : bytes)
        bits += std::bitset<8>(byte).to_string();
    return bits;
}

// What the documentation says of one entry that is a plain name, address or network; nothing of any other.
std::optional<bool> listed(std::string_view entry, origin const& to)
{
    auto const host = bits_of(to.host);
    auto const plain = [](std::string_view name) {
        return !name.empty() && name.front() != '.' && name.back() != '.' &&
               std::all_of(name.begin(), name.end(), [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
               });
    };
    std::size_t const slash = entry.find('/');
    if (auto const network = bits_of(entry.substr(0, slash))) {
        std::size_t bits = 128;
        if (slash != std::string_view::npos) {
            std::string_view const digits = entry.substr(slash + 1);
            bool const four = entry.find(':') == std::string_view::npos;
            auto const [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
            if (bad != std::errc() || end != digits.data() + digits.size() || bits > (four ? 32U : 128U))
                return std::nullopt;
            bits += four ? 96 : 0;
        }
        return host && host->substr(0, bits) == network->substr(0, bits);
    }
    if (!plain(entry))
        return std::nullopt;
    return !host && ("." + to.host).ends_with("." + std::string(entry));
}

void check_request(proxy_rules const& made, origin const& to, std::string const& user,
                   std::string const& password)
{
    std::string const request = made.connect_request(to);
    std::size_t lines = 0;
    for (std::size_t at = request.find("\r\n"); at != std::string::npos; at = request.find("\r\n", at + 2))
        ++lines;
    bool const named = !user.empty() || !password.empty();
    std::size_t const credentials = request.find("\r\nProxy-Authorization: Basic ");
    require(lines == (credentials == std::string::npos ? 4U : 5U), "no field is added to the request");
    require(std::count(request.begin(), request.end(), '\n') == static_cast<std::ptrdiff_t>(lines),
            "nor a line");
    require(request.ends_with("\r\n\r\n") && request.find("\r\n\r\n") == request.size() - 4, "it ends once");
    if (named)
        require(request.find("Basic " + base64(user + ":" + password) + "\r\n") != std::string::npos,
                "the credentials are the same");
}

void check_response(proxy_rules const& made, origin const& to, std::string_view received,
                    std::string_view password)
{
    bool decided = false;
    bool succeeded = false;
    for (std::size_t size = 0; size <= received.size(); size += received.size() > 600 ? 13 : 1) {
        auto const verdict = made.parse_response(received.substr(0, size), to);
        if (!verdict) {
            require(!decided, "what is decided stays so");
            continue;
        }
        require(!decided || !verdict->has_value(), "an answer that went on is no success");
        decided = true;
        succeeded = verdict->has_value();
        if (succeeded)
            continue;
        std::string const told = verdict->error().describe();
        require(bool(verdict->error().code()) && scan_utf8(told).valid() && told.size() < 4000,
                "a refusal can be shown");
        require(password.size() < 8 || told.find(password) == std::string::npos ||
                    std::string_view(to.host).find(password) != std::string_view::npos,
                "no password is repeated");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::choices in({reinterpret_cast<char const*>(data), size});
    std::string const url(in.line());
    std::string const bypass(in.line());
    auto const to = parse_authority(in.line(), "443");
    auto const made = proxy_rules::make(proxy_options(url, bypass));
    constexpr std::string_view canary = "PASSWORD";
    if (!made) {
        std::string const told = made.error().describe();
        require(made.error().code() == errc::invalid_configuration, "an unusable setting is called that");
        require(scan_utf8(told).valid() && told.size() < 4000, "a refusal can be shown");
        require(told.find(canary) == std::string::npos, "no password is repeated");
        return 0;
    }
    if (url.empty() || !to)
        return 0;
    require(url.find('\0') == std::string::npos, "a NUL is in no address");
    std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> const theirs(curl_url(), &curl_url_cleanup);
    std::string const whole = url.find("://") == std::string::npos ? "http://" + url : url;
    require(curl_url_set(theirs.get(), CURLUPART_URL, whole.c_str(), 0) == CURLUE_OK,
            "curl reads what is read here");
    std::string host = lower(part(theirs.get(), CURLUPART_HOST));
    if (host.starts_with('['))
        host = host.substr(1, host.size() - 2);
    if (host.ends_with('.'))
        host.pop_back();
    in_addr number{};
    require(host == made->host() || (bits_of(host) && bits_of(host) == bits_of(made->host())) ||
                (::inet_aton(made->host().c_str(), &number) != 0 &&
                 bits_of(host) == bits_of(::inet_ntoa(number))),
            "the host is the same");
    std::string const port = part(theirs.get(), CURLUPART_PORT);
    require(made->port() == (port.empty() ? "3128" : port), "the port is the same");
    std::string const user = part(theirs.get(), CURLUPART_USER, CURLU_URLDECODE);
    std::string const password = part(theirs.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
    check_request(*made, *to, user, password);
    check_response(*made, *to, in.rest(), password);

    std::string_view const list = bypass;
    if (list.find_first_of("\t\r ") == std::string_view::npos) {
        bool expected = false;
        bool known = true;
        for (std::size_t from = 0; from < list.size();) {
            std::size_t const end = std::min(list.find(',', from), list.size());
            std::string_view const entry = list.substr(from, end - from);
            from = end + 1;
            if (entry.empty())
                continue;
            auto const says = entry == "*" ? std::optional(true) : listed(entry, *to);
            known = known && says;
            expected = expected || says.value_or(false);
        }
        require(!expected || !made->applies_to(*to), "a host that is listed is reached directly");
        require(!known || expected || made->applies_to(*to), "one that is not listed goes through the proxy");
    }
    return 0;
}
