// SPDX-License-Identifier: BSL-1.0

#include <journal/fault_vfs.hpp>

#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace fs = std::filesystem;

namespace {

std::atomic<int> countdown{0};
std::atomic<int> failure{SQLITE_OK};
std::atomic<bool> failed{false};
std::atomic<int> sync_count{0};
std::atomic<int> lock_count{0};
std::atomic<bool> remembers{false};

int next_result()
{
    if (countdown.load() == 0 || --countdown != 0)
        return SQLITE_OK;
    failed = true;
    return failure;
}

void keep(std::string const& file)
{
    fs::copy_file(file, file + ".synced", fs::copy_options::overwrite_existing);
}

struct shim_file
{
    sqlite3_file base;
    char const* name;
    sqlite3_file* real;
};

shim_file& shim(sqlite3_file* file)
{
    return *reinterpret_cast<shim_file*>(file);
}
sqlite3_file* real(sqlite3_file* file)
{
    return shim(file).real;
}

int close(sqlite3_file* f)
{
    return real(f)->pMethods->xClose(real(f));
}
int read(sqlite3_file* f, void* to, int size, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), to, size, at);
}
int write(sqlite3_file* f, void const* from, int size, sqlite3_int64 at)
{
    int const result = next_result();
    return result != SQLITE_OK ? result : real(f)->pMethods->xWrite(real(f), from, size, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size)
{
    int const result = next_result();
    return result != SQLITE_OK ? result : real(f)->pMethods->xTruncate(real(f), size);
}
int sync(sqlite3_file* f, int)
{
    int const result = next_result();
    if (result != SQLITE_OK)
        return result;
    ++sync_count;
    if (remembers && shim(f).name != nullptr)
        keep(shim(f).name);
    return SQLITE_OK;
}
int size(sqlite3_file* f, sqlite3_int64* to)
{
    return real(f)->pMethods->xFileSize(real(f), to);
}
int lock(sqlite3_file* f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}
int unlock(sqlite3_file* f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}
int is_locked(sqlite3_file* f, int* to)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), to);
}
int control(sqlite3_file* f, int operation, void* argument)
{
    return real(f)->pMethods->xFileControl(real(f), operation, argument);
}
int sector_size(sqlite3_file* f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}
int characteristics(sqlite3_file* f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
int map_shared(sqlite3_file* f, int region, int bytes, int extend, void volatile** to)
{
    return real(f)->pMethods->xShmMap(real(f), region, bytes, extend, to);
}
int lock_shared(sqlite3_file* f, int first, int count, int flags)
{
    ++lock_count;
    return real(f)->pMethods->xShmLock(real(f), first, count, flags);
}
void barrier(sqlite3_file* f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}
int unmap_shared(sqlite3_file* f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

sqlite3_io_methods methods = {
    2,         close,   read,        write,           truncate,   sync,        size,    lock,         unlock,
    is_locked, control, sector_size, characteristics, map_shared, lock_shared, barrier, unmap_shared, nullptr,
    nullptr};

sqlite3_vfs* original = nullptr;
sqlite3_vfs vfs;

int open(sqlite3_vfs*, char const* name, sqlite3_file* f, int flags, int* out_flags)
{
    shim_file& file = shim(f);
    file.base.pMethods = nullptr;
    file.name = name;
    file.real = reinterpret_cast<sqlite3_file*>(&file + 1);
    int const result = original->xOpen(original, name, file.real, flags, out_flags);
    if (file.real->pMethods != nullptr)
        file.base.pMethods = &methods;
    return result;
}

} // namespace

fault_vfs::fault_vfs()
{
    countdown = 0;
    failed = false;
    sync_count = 0;
    remembers = false;
    original = sqlite3_vfs_find(nullptr);
    vfs = *original;
    vfs.zName = "faulty";
    vfs.szOsFile = static_cast<int>(sizeof(shim_file)) + original->szOsFile;
    vfs.pNext = nullptr;
    vfs.xOpen = open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        throw std::runtime_error("no VFS");
}

fault_vfs::~fault_vfs()
{
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(original, 1);
}

void fault_vfs::fail(int nth, int result) const
{
    failure = result;
    failed = false;
    countdown = nth;
}

bool fault_vfs::has_failed() const
{
    return failed;
}

int fault_vfs::syncs() const
{
    return sync_count;
}

int fault_vfs::locks() const
{
    return lock_count;
}

void fault_vfs::remember_synced(std::string const& file) const
{
    for (char const* const each : {"", "-wal"})
        if (fs::exists(file + each))
            keep(file + each);
    remembers = true;
}

void fault_vfs::lose_power(std::string const& file) const
{
    remembers = false;
    for (char const* const each : {"", "-wal", "-shm"}) {
        fs::remove(file + each);
        if (fs::exists(file + each + ".synced"))
            fs::rename(file + each + ".synced", file + each);
    }
}
