// The folder that the videos go to.
#ifndef APIMART_EXAMPLES_RESULTS_FOLDER_HPP
#define APIMART_EXAMPLES_RESULTS_FOLDER_HPP

#include "checked_output.hpp"
#include "shown_text.hpp"

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace batch_submit {

// Makes the folder and writes a file there, because nothing else tells whether it can be done: not the permissions, and
// not the free space. Throws std::runtime_error.
inline void check_results_folder(std::filesystem::path const& folder)
{
    auto const refuse = [&](std::error_code why) {
        throw std::runtime_error("--out: cannot write in " + shown(folder.string()) + ": " + why.message());
    };
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed)
        refuse(failed);
    std::string const trial = (folder / (".trial-" + std::to_string(::getpid()))).string();
    int const descriptor = ::open(trial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        refuse(std::error_code(errno, std::generic_category()));
    checked_output out(descriptor);
    out.write(std::string(4096, '\0'));
    failed = out.failure();
    // Some file systems say only here that they are full.
    if (!failed && ::fsync(descriptor) != 0)
        failed = std::error_code(errno, std::generic_category());
    ::close(descriptor);
    ::unlink(trial.c_str());
    if (failed)
        refuse(failed);
}

} // namespace batch_submit

#endif
