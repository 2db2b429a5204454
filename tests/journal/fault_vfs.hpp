// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTS_JOURNAL_FAULT_VFS_HPP
#define APIMART_TESTS_JOURNAL_FAULT_VFS_HPP

#include <string>

// SQLite's access to the disk, for this process: it counts what is written and synced, fails when told so, and loses what was
// not synced. Nothing is really synced through it.
class fault_vfs
{
public:
    fault_vfs();
    fault_vfs(fault_vfs const&) = delete;
    fault_vfs& operator=(fault_vfs const&) = delete;
    ~fault_vfs();

    // The n-th write, sync or truncation from now on gives that result of SQLite, once.
    void fail(int nth, int result) const;
    // Whether it did.
    bool has_failed() const;
    int syncs() const;
    // How often a lock of the WAL was asked for.
    int locks() const;

    // From now on, what is on the disk is what was synced.
    void remember_synced(std::string const& file) const;
    // The files are as they were when they were last synced.
    void lose_power(std::string const& file) const;
};

#endif
