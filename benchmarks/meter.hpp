// What a stretch of this process cost: CPU time and allocations.
#pragma once

#include "allocations.hpp"

#include <sys/resource.h>

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
    allocation_counts all{};
    allocation_counts openssl{};

    double cpu_us() const { return user_us + system_us; }

    friend std::ostream& operator<<(std::ostream& out, cost const& c)
    {
        return out << c.operations << ' ' << c.user_us << ' ' << c.system_us << ' ' << c.wall_us << ' '
                   << c.all.calls << ' ' << c.all.bytes << ' ' << c.openssl.calls << ' ' << c.openssl.bytes;
    }
    friend std::istream& operator>>(std::istream& in, cost& c)
    {
        return in >> c.operations >> c.user_us >> c.system_us >> c.wall_us >> c.all.calls >> c.all.bytes >>
               c.openssl.calls >> c.openssl.bytes;
    }
};

/// Measures from `start` to `stop`.
class meter
{
public:
    void start() { begun_ = now(); }

    cost stop(std::uint64_t operations) const
    {
        cost c = now();
        c.operations = operations;
        c.user_us -= begun_.user_us;
        c.system_us -= begun_.system_us;
        c.wall_us -= begun_.wall_us;
        c.all.calls -= begun_.all.calls;
        c.all.bytes -= begun_.all.bytes;
        c.openssl.calls -= begun_.openssl.calls;
        c.openssl.bytes -= begun_.openssl.bytes;
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

    cost begun_;
};

} // namespace bench
