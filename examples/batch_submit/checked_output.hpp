// Writing that is not believed before it is done: a full disk and a closed pipe are told.
#ifndef APIMART_EXAMPLES_CHECKED_OUTPUT_HPP
#define APIMART_EXAMPLES_CHECKED_OUTPUT_HPP

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace batch_submit {

// A descriptor that is written to at once, without a buffer. It belongs to the caller.
class checked_output
{
public:
    explicit checked_output(int descriptor) : descriptor_(descriptor) {}

    // Nothing more is written after the first failure.
    void write(std::string_view text)
    {
        while (!text.empty() && !failure_) {
            ssize_t const wrote = ::write(descriptor_, text.data(), text.size());
            if (wrote > 0)
                text.remove_prefix(static_cast<std::size_t>(wrote));
            else if (errno == EAGAIN)
                wait(); // whoever shares the terminal can have made it non-blocking
            else if (errno != EINTR)
                failure_ = std::error_code(errno, std::generic_category());
        }
    }

    std::error_code failure() const { return failure_; }

private:
    void wait() const
    {
        pollfd writable{descriptor_, POLLOUT, 0};
        ::poll(&writable, 1, -1);
    }

    int descriptor_;
    std::error_code failure_;
};

} // namespace batch_submit

#endif
