// Where the lines of a batch come from: a file, a pipe, standard input.
#ifndef APIMART_EXAMPLES_REQUEST_SOURCE_HPP
#define APIMART_EXAMPLES_REQUEST_SOURCE_HPP

#include "request_lines.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace batch_submit {

// All lines of a file are judged before the first is sent, and read a second time then. A pipe is kept in a file of its own for
// that, unless it is to be read while the batch runs.
class request_source
{
public:
    // `-` is standard input. Throws unusable_input.
    request_source(std::string const& path, bool while_it_runs, boost::asio::any_io_executor on)
        : name_(path == "-" ? "<stdin>" : path), path_(path == "-" ? "/dev/stdin" : path)
    {
        int const descriptor = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status
        {};
        if (descriptor < 0 || ::fstat(descriptor, &status) != 0)
            throw unusable_input("cannot read " + shown(name_) + ": " +
                                 std::generic_category().message(errno));
        boost::asio::posix::stream_descriptor owner(on, descriptor);
        if (S_ISDIR(status.st_mode))
            throw unusable_input(shown(name_) + " is a folder; name the file with the requests");
        bool const is_file = S_ISREG(status.st_mode);
        if (while_it_runs && !is_file) {
            pipe_.emplace(std::move(owner));
            in_.emplace(&buffer_);
            lines_.emplace(*in_, name_);
            return;
        }
        is_pipe_ = !is_file || path == "-";
        file_.open(path_, std::ios::binary);
        if (!file_)
            throw unusable_input("cannot read " + shown(name_));
        lines_.emplace(file_, name_);
    }

    // Judges all lines, tells what was found, and begins again.
    judgement judge(std::ostream& messages)
    {
        std::ofstream copy;
        if (is_pipe_) {
            std::string name = (std::filesystem::temp_directory_path() / "batch_submit-XXXXXX").string();
            int const made = ::mkstemp(name.data());
            if (made < 0)
                throw unusable_input("cannot keep " + name_ + " in " + name + ": " +
                                     std::generic_category().message(errno));
            ::close(made);
            copy.open(name, std::ios::binary);
            path_ = name;
        }
        judgement found;
        try {
            found = judge_all(*lines_, messages, is_pipe_ ? &copy : nullptr);
        } catch (...) {
            if (is_pipe_)
                ::unlink(path_.c_str());
            throw;
        }
        file_ = std::ifstream(path_, std::ios::binary);
        if (is_pipe_)
            ::unlink(path_.c_str());
        lines_.emplace(file_, name_);
        return found;
    }

    // None at the end, or when it is cancelled. A line that comes later does not hold up what is under way.
    boost::asio::awaitable<std::optional<request_line>> next()
    {
        if (pipe_ && !lines_->has_line()) {
            auto const [code, size] = co_await boost::asio::async_read_until(
                *pipe_, buffer_, '\n', boost::asio::as_tuple(boost::asio::use_awaitable));
            if (code == boost::asio::error::operation_aborted)
                co_return std::nullopt;
            if (code == boost::asio::error::not_found)
                throw unusable_input("a line of " + name_ + " is longer than any request");
        }
        co_return lines_->next();
    }

    std::string name() const { return shown(name_); }

private:
    std::string name_;
    std::string path_;
    bool is_pipe_ = false;
    std::ifstream file_;
    std::optional<boost::asio::posix::stream_descriptor> pipe_;
    boost::asio::streambuf buffer_{apimart::any_request::max_text_size + 2};
    std::optional<std::istream> in_;
    std::optional<request_lines> lines_;
};

} // namespace batch_submit

#endif
