// The key lies in memory where the client keeps it, and nowhere else: whoever gets at freed memory finds no copy.
#include "emulator_process.hpp"

#include <apimart/text/hex.hpp>

#include <boost/asio/detached.hpp>

#include <algorithm>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/mman.h>

using namespace client_tests;
using namespace apimart;

namespace {

// A key that this process knows only in a form that it does not look for.
class inverted_key
{
public:
    inverted_key()
    {
        REQUIRE(RAND_bytes(bytes_, sizeof bytes_) == 1);
        // Letters and digits, inverted.
        for (unsigned char& byte : bytes_)
            byte = static_cast<unsigned char>(~static_cast<unsigned>("abcdefghijklmnop"[byte % 16]));
    }

    api_key make() const
    {
        std::string text(sizeof bytes_, '\0');
        std::transform(std::begin(bytes_), std::end(bytes_), text.begin(),
                       [](unsigned char byte) { return static_cast<char>(~static_cast<unsigned>(byte)); });
        return api_key(std::move(text));
    }

    // How often it stands in memory that this process can write to.
    int copies() const
    {
        int found = 0;
        constexpr std::size_t room = std::size_t{1} << 20U;
        auto* const window = static_cast<unsigned char*>(
            ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(window != MAP_FAILED);
        int const memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        REQUIRE(memory >= 0);
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            std::istringstream in(line);
            std::uintptr_t begin = 0;
            std::uintptr_t end = 0;
            char dash = 0;
            std::string rights;
            in >> std::hex >> begin >> dash >> end >> rights;
            // The shadows of sanitizers are large and hold no texts.
            constexpr std::uintptr_t largest = std::uintptr_t{1} << 30U;
            auto const own = reinterpret_cast<std::uintptr_t>(window);
            if (!rights.starts_with("rw") || end - begin > largest ||
                line.find("[stack]") != std::string::npos)
                continue;
            for (std::uintptr_t at = begin; at < end; at += room - sizeof bytes_) {
                if (at < own + room && own < at + room)
                    continue;
                ssize_t const count =
                    ::pread(memory, window, std::min<std::size_t>(room, end - at), static_cast<off_t>(at));
                if (count < static_cast<ssize_t>(sizeof bytes_))
                    continue;
                unsigned char const* const last = window + count - sizeof bytes_;
                int const first = static_cast<unsigned char>(~static_cast<unsigned>(bytes_[0]));
                for (auto const* found_at = window; found_at <= last; ++found_at) {
                    found_at = static_cast<unsigned char const*>(
                        std::memchr(found_at, first, static_cast<std::size_t>(last - found_at) + 1));
                    if (found_at == nullptr)
                        break;
                    found += stands_at(found_at) ? 1 : 0;
                }
            }
        }
        ::close(memory);
        ::munmap(window, room);
        return found;
    }

private:
    bool stands_at(unsigned char const* at) const
    {
        for (std::size_t i = 0; i < sizeof bytes_; ++i)
            if (static_cast<unsigned char>(~static_cast<unsigned>(bytes_[i])) != at[i])
                return false;
        return true;
    }

    unsigned char bytes_[48];
};

bool cleanses = true; // NOLINT: OpenSSL's function has no other way to it

// Many requests of one client, small and large, up to its end.
void use(emulator_process const& service, inverted_key const& key)
{
    asio::io_context context;
    client_config config = quick_config(service.base_url, service.ca_pem);
    config.key = key.make();
    config.limits.connects_per_second = 100'000;
    std::optional<client> user(std::in_place, context, std::move(config));
    int const kept = key.copies();
    // The setting, one to make headers of, one to look for, and one in the headers of each kind of request.
    CHECK(kept >= 1);
    if (cleanses)
        CHECK(kept <= 5);
    int succeeded = 0;
    for (int i = 0; i < 40; ++i)
        user->generate(corgi(), as_result([&](result<task_result> const& got) { succeeded += got ? 1 : 0; }));
    // Larger than a record, and than what small requests need.
    any_request const large = text_to_video<kling_3_0_turbo>(std::string(2000, 'x'));
    for (int i = 0; i < 10; ++i)
        user->submit(large, as_result([&](result<task> const& got) { succeeded += got ? 1 : 0; }));
    user->status(task("task_nobody_knows"), as_result([](result<task_state> const&) {}));
    run_to_end(context);
    CHECK(succeeded == 50);
    CHECK(user->metrics().connections_open > 1);
    if (cleanses)
        CHECK(key.copies() == kept);
    user.reset();
    run_to_end(context);
}

} // namespace

extern "C" void OPENSSL_cleanse(void* memory, std::size_t size)
{
    if (!cleanses)
        return;
    for (auto volatile* byte = static_cast<unsigned char volatile*>(memory); size > 0; --size)
        *byte++ = 0;
}

TEST_CASE("client: the key stands in memory where the client keeps it, and after its end nowhere")
{
    emulator_process const service;
    inverted_key const key;
    CHECK(key.copies() == 0);
    use(service, key);
    CHECK(key.copies() == 0);
}

TEST_CASE("client: the search for the key in freed memory finds it there where nothing is cleansed")
{
    emulator_process const service;
    inverted_key const key;
    cleanses = false;
    use(service, key);
    cleanses = true;
    CHECK(key.copies() > 0);
}
