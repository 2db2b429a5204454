// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_FORK_WATCH_HPP
#define APIMART_RUNTIME_FORK_WATCH_HPP

#include <sys/mman.h>
#include <unistd.h>

namespace apimart::detail {

// Whether this is still the process that made it. Asked at every turn, and so without a system call: a mark lies
// in memory that the system wipes in a forked child.
class fork_watch
{
public:
    fork_watch()
    {
        void* const page =
            ::mmap(nullptr, sizeof(bool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return;
        if (::madvise(page, sizeof(bool), MADV_WIPEONFORK) == 0) {
            mark_ = static_cast<bool*>(page);
            *mark_ = true;
        } else {
            ::munmap(page, sizeof(bool));
        }
    }
    fork_watch(fork_watch const&) = delete;
    fork_watch& operator=(fork_watch const&) = delete;
    ~fork_watch()
    {
        if (mark_ != nullptr)
            ::munmap(mark_, sizeof(bool));
    }

    bool forked() const noexcept { return mark_ != nullptr ? !*mark_ : ::getpid() != maker_; }

private:
    bool* mark_ = nullptr;
    pid_t const maker_ = ::getpid();
};

} // namespace apimart::detail

#endif
