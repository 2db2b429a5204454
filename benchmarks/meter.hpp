// What a stretch of this process cost: CPU time, instructions where the kernel counts them, allocations.
#pragma once

#include "allocations.hpp"

#include <boost/asio/io_context.hpp>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <istream>
#include <ostream>

namespace bench {

/// The cost of a stretch; written by the process that was measured and read by the one that asked.
struct cost
{
    std::uint64_t operations = 0;
    double user_us = 0;
    double system_us = 0;
    double wall_us = 0;
    double instructions = -1; ///< below zero: not counted
    allocation_counts all{};
    allocation_counts openssl{};

    double cpu_us() const { return user_us + system_us; }

    friend std::ostream& operator<<(std::ostream& out, cost const& c)
    {
        return out << c.operations << ' ' << c.user_us << ' ' << c.system_us << ' ' << c.wall_us << ' '
                   << c.instructions << ' ' << c.all.calls << ' ' << c.all.bytes << ' ' << c.openssl.calls
                   << ' ' << c.openssl.bytes;
    }
    friend std::istream& operator>>(std::istream& in, cost& c)
    {
        return in >> c.operations >> c.user_us >> c.system_us >> c.wall_us >> c.instructions >> c.all.calls >>
               c.all.bytes >> c.openssl.calls >> c.openssl.bytes;
    }
};

/// Measures from `start` to `stop`.
class meter
{
public:
    meter()
    {
        perf_event_attr what{};
        what.type = PERF_TYPE_HARDWARE;
        what.size = sizeof what;
        what.config = PERF_COUNT_HW_INSTRUCTIONS;
        what.disabled = 1;
        what.exclude_kernel = 1;
        what.exclude_hv = 1;
        perf_ = static_cast<int>(::syscall(SYS_perf_event_open, &what, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
    }
    meter(meter const&) = delete;
    meter& operator=(meter const&) = delete;
    ~meter()
    {
        if (perf_ >= 0)
            ::close(perf_);
    }

    void start()
    {
        begun_ = now();
        if (perf_ >= 0) {
            ::ioctl(perf_, PERF_EVENT_IOC_RESET, 0);
            ::ioctl(perf_, PERF_EVENT_IOC_ENABLE, 0);
        }
    }

    cost stop(std::uint64_t operations)
    {
        cost c;
        std::uint64_t count = 0;
        if (perf_ >= 0) {
            ::ioctl(perf_, PERF_EVENT_IOC_DISABLE, 0);
            if (::read(perf_, &count, sizeof count) == sizeof count && count > 0)
                c.instructions = static_cast<double>(count);
        }
        cost const ended = now();
        c.operations = operations;
        c.user_us = ended.user_us - begun_.user_us;
        c.system_us = ended.system_us - begun_.system_us;
        c.wall_us = ended.wall_us - begun_.wall_us;
        c.all.calls = ended.all.calls - begun_.all.calls;
        c.all.bytes = ended.all.bytes - begun_.all.bytes;
        c.openssl.calls = ended.openssl.calls - begun_.openssl.calls;
        c.openssl.bytes = ended.openssl.bytes - begun_.openssl.bytes;
        return c;
    }

private:
    static double microseconds(timeval const& t)
    {
        return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    }

    static cost now()
    {
        rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        cost c;
        c.user_us = microseconds(used.ru_utime);
        c.system_us = microseconds(used.ru_stime);
        c.wall_us =
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
                .count();
        c.all = all_allocations;
        c.openssl = openssl_allocations;
        return c;
    }

    int perf_ = -1;
    cost begun_;
};

} // namespace bench

/// Runs what is measured. A function of its own, never inlined and with a plain name (a compiler may append
/// to it), so that callgrind can be told to count only what is called from here.
extern "C" [[gnu::noinline]] inline void apimart_measured_part(boost::asio::io_context& context)
{
    context.run();
    asm volatile(""); // a jump instead of a call would end the function before it has begun
}
