// What this process takes: of the heap what is in use, and of memory what is resident. glibc and Linux only.
#pragma once

#include <algorithm>
#include <fstream>

#include <malloc.h>
#include <unistd.h>

namespace bench {

struct memory
{
    long heap = 0;
    long resident = 0;

    static memory now()
    {
        struct mallinfo2 const in_use = ::mallinfo2();
        memory m;
        m.heap = static_cast<long>(in_use.uordblks + in_use.hblkhd);
        long pages = 0;
        std::ifstream("/proc/self/statm") >> pages >> pages;
        m.resident = pages * ::sysconf(_SC_PAGESIZE);
        return m;
    }
    void raise_to(memory const& other)
    {
        heap = std::max(heap, other.heap);
        resident = std::max(resident, other.resident);
    }
};

} // namespace bench
