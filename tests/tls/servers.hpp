// Real TLS servers that answer as the service does: `openssl s_server` and nginx.
#pragma once

#include "certificates.hpp"
#include "process.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tls_tests {

/// The id for which both servers know a task.
inline constexpr std::string_view known_task = "task_0123456789abcdefghijklmnop";
/// Where both servers have a file, and what is in it.
inline constexpr std::string_view video_path = "/video.mp4";
inline constexpr std::string_view video_bytes("\0\0\0\x20"
                                              "ftypisom and then some more",
                                              31);

/// Answers questions for `known_task` and for the file, one connection after the other, and closes each. It
/// does not answer submits: s_server serves files and knows no POST.
class openssl_server
{
public:
    /// `options` are those of s_server beyond the certificate's.
    explicit openssl_server(identity const& who, std::vector<std::string> const& options = {},
                            std::string_view address = "127.0.0.1");

    unsigned short port() const { return port_; }
    std::string output() const { return process_->output(); }

private:
    std::unique_ptr<process> process_;
    unsigned short port_ = 0;
};

/// Any number of servers on ports of their own, in one process. Each answers submits, questions for tasks and
/// for the file. The task's status is "resumed" where the TLS session was, else "full".
class nginx_server
{
public:
    /// Returns the server's number. Words that begin with `extra` are nginx's own.
    int add(identity const& who, std::string_view version, std::string_view extra = "",
            std::string_view address = "127.0.0.1");
    /// Without TLS.
    int add_plain();
    /// One port, and which of two certificates is shown depends on the name the client asks for.
    int add_by_name(std::string_view version, identity const& other, identity const& good);

    void start();
    unsigned short port(int number) const { return sites_.at(static_cast<std::size_t>(number)).port; }
    std::string output() const { return process_ ? process_->output() : std::string(); }

private:
    class site
    {
    public:
        std::string address;
        std::string text; ///< of the configuration, with a mark for the address
        unsigned short port = 0;
    };

    std::string configuration() const;

    std::vector<site> sites_;
    std::unique_ptr<process> process_;
};

} // namespace tls_tests
