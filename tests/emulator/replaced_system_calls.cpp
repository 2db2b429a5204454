// The program's own definitions stand before those of the C library.
#include "replaced_system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace client_tests {

std::atomic<replaced_system_calls*> replaced_system_calls::current = nullptr;

} // namespace client_tests

using client_tests::replaced_system_calls;

namespace {

int failed(int code)
{
    errno = code;
    return -1;
}

bool is_regular(int descriptor)
{
    struct stat found;
    return ::fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode);
}

} // namespace

extern "C" int link(char const* from, char const* to) noexcept
{
    replaced_system_calls const* const now = replaced_system_calls::current;
    if (now != nullptr && now->link_error != 0)
        return failed(now->link_error);
    return ::linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

extern "C" int renameat2(int from_folder, char const* from, int to_folder, char const* to,
                         unsigned flags) noexcept
{
    replaced_system_calls const* const now = replaced_system_calls::current;
    if (now != nullptr && now->rename_error != 0)
        return failed(now->rename_error);
    return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

extern "C" ssize_t write(int descriptor, void const* bytes, size_t count)
{
    replaced_system_calls* const now = replaced_system_calls::current;
    if (now != nullptr && now->write_error != 0 && is_regular(descriptor)) {
        if (now->room == 0)
            return failed(now->write_error);
        count = static_cast<size_t>(std::min(now->room, static_cast<std::int64_t>(count)));
        now->room -= static_cast<std::int64_t>(count);
    }
    return ::syscall(SYS_write, descriptor, bytes, count);
}

extern "C" int connect(int descriptor, sockaddr const* address, socklen_t size)
{
    replaced_system_calls const* const now = replaced_system_calls::current;
    sockaddr_in home{};
    if (now != nullptr && now->leads_fake_ip_home && address->sa_family == AF_INET) {
        home = *reinterpret_cast<sockaddr_in const*>(address);
        if (ntohl(home.sin_addr.s_addr) >> 17U == 0xC6120000U >> 17U) {
            home.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            address = reinterpret_cast<sockaddr const*>(&home);
        }
    }
    return static_cast<int>(::syscall(SYS_connect, descriptor, address, size));
}
