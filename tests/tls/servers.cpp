#include "servers.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tls_tests {

namespace {

constexpr std::string_view address_mark = "{address}";

std::string task_json(std::string_view status)
{
    return R"({"code":200,"data":{"id":")" + std::string(known_task) + R"(","status":")" +
           std::string(status) + R"(","progress":10}})";
}

std::string submit_json()
{
    return R"({"code":200,"data":[{"status":"submitted","task_id":")" + std::string(known_task) + R"("}]})";
}

std::string whole_answer(std::string_view type, std::string_view body)
{
    return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

// s_server's pages are files that hold whole answers.
std::filesystem::path pages()
{
    auto const& run = certificates::of_this_run();
    auto const folder = run.folder() / "pages";
    if (!std::filesystem::exists(folder)) {
        std::filesystem::create_directories(folder / "v1" / "tasks");
        run.write("pages/v1/tasks/" + std::string(known_task),
                  whole_answer("application/json", task_json("processing")));
        run.write("pages" + std::string(video_path), whole_answer("video/mp4", video_bytes));
    }
    return folder;
}

sockaddr_storage as_address(std::string const& text, socklen_t& size)
{
    sockaddr_storage storage{};
    if (text.find(':') == std::string::npos) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        ::inet_pton(AF_INET, text.c_str(), &v4.sin_addr);
        size = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        v6.sin6_family = AF_INET6;
        ::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
        size = sizeof v6;
    }
    return storage;
}

// A port that was free a moment ago. Kept bound while others are chosen, so that they differ.
class chosen_port
{
public:
    explicit chosen_port(std::string const& address) : socket_(-1)
    {
        socklen_t size = 0;
        sockaddr_storage where = as_address(address, size);
        auto* const plain = reinterpret_cast<sockaddr*>(&where);
        socket_ = ::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (socket_ < 0 || ::bind(socket_, plain, size) != 0 || ::getsockname(socket_, plain, &size) != 0)
            throw std::system_error(errno, std::generic_category(), "no free port on " + address);
        number = ntohs(where.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(where).sin_port
                                                  : reinterpret_cast<sockaddr_in6&>(where).sin6_port);
    }
    chosen_port(chosen_port const&) = delete;
    chosen_port& operator=(chosen_port const&) = delete;
    ~chosen_port() { ::close(socket_); }

    unsigned short number = 0;

private:
    int socket_;
};

std::string listen_text(std::string const& address, unsigned short port)
{
    bool const v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

} // namespace

openssl_server::openssl_server(identity const& who, std::vector<std::string> const& options,
                               std::string_view address)
{
    std::string const where(address);
    std::vector<std::string> command = {
        "openssl", "s_server", "-accept", listen_text(where, 0), "-HTTP", "-cert", who.leaf, "-key", who.key};
    // Or it would complete the chain from what the machine trusts.
    for (char const* const each : {"-no-CApath", "-no-CAstore"})
        command.emplace_back(each);
    bool own_authority = false;
    for (std::string const& each : options)
        own_authority = own_authority || each == "-CAfile";
    if (!own_authority)
        command.emplace_back("-no-CAfile");
    if (!who.rest.empty()) {
        command.emplace_back("-cert_chain");
        command.emplace_back(who.rest);
    }
    command.insert(command.end(), options.begin(), options.end());
    process_ = std::make_unique<process>(std::move(command), pages());
    std::string const ready = "ACCEPT " + listen_text(where, 0).substr(0, listen_text(where, 0).size() - 1);
    std::string text;
    if (process_->wait_for("ACCEPT") && process_->wait_for("\n")) {
        text = process_->output();
        if (auto const at = text.find(ready); at != std::string::npos)
            port_ = static_cast<unsigned short>(std::stoul(text.substr(at + ready.size())));
    }
    if (port_ == 0)
        throw std::runtime_error("openssl s_server did not start; it said: " + process_->output());
}

int nginx_server::add(identity const& who, std::string_view version, std::string_view extra,
                      std::string_view address)
{
    site one;
    one.address = std::string(address);
    // The level of security first: it decides which certificates are read.
    one.text = "server { listen {address} ssl; ssl_protocols " + std::string(version) + "; " +
               std::string(extra) + " ssl_certificate " + who.chain.string() + "; ssl_certificate_key " +
               who.key.string() + "; include answers.conf; }\n";
    sites_.push_back(std::move(one));
    return static_cast<int>(sites_.size()) - 1;
}

int nginx_server::add_plain()
{
    site one;
    one.address = "127.0.0.1";
    one.text = "server { listen {address}; include answers.conf; }\n";
    sites_.push_back(std::move(one));
    return static_cast<int>(sites_.size()) - 1;
}

int nginx_server::add_by_name(std::string_view version, identity const& other, identity const& good)
{
    site one;
    one.address = "127.0.0.1";
    for (auto const& [name, who] : {std::pair("other.test", &other), std::pair("good.test", &good)})
        one.text += "server { listen {address} ssl; server_name " + std::string(name) + "; ssl_protocols " +
                    std::string(version) + "; ssl_certificate " + who->chain.string() +
                    "; ssl_certificate_key " + who->key.string() + "; include answers.conf; }\n";
    sites_.push_back(std::move(one));
    return static_cast<int>(sites_.size()) - 1;
}

std::string nginx_server::configuration() const
{
    // One process, whose id is the one that was started.
    std::string text = "daemon off; master_process off; pid nginx.pid; error_log stderr notice;\n"
                       "events { worker_connections 1024; }\n"
                       "http { access_log off; default_type application/json; server_tokens off;\n"
                       "types_hash_max_size 2048; server_names_hash_bucket_size 128;\n"
                       "map $ssl_session_reused $session { r resumed; default full; }\n";
    for (char const* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        text += std::string(kind) + "_temp_path " + kind + ";\n";
    for (site const& each : sites_) {
        std::string part = each.text;
        for (auto at = part.find(address_mark); at != std::string::npos; at = part.find(address_mark, at))
            part.replace(at, address_mark.size(), listen_text(each.address, each.port));
        text += part;
    }
    return text + "}\n";
}

void nginx_server::start()
{
    auto const& run = certificates::of_this_run();
    auto const folder = run.folder() / "nginx";
    std::filesystem::create_directories(folder);
    run.write("nginx/answers.conf", "location /v1/tasks/ { return 200 '" + task_json("$session") +
                                        "'; }\nlocation = /v1/videos/generations { return 200 '" +
                                        submit_json() + "'; }\nlocation = " + std::string(video_path) +
                                        " { default_type video/mp4; return 200 '" + std::string(video_bytes) +
                                        "'; }\n");
    // Another program can take a port between its choice and its use.
    for (int attempt = 0; attempt < 5; ++attempt) {
        {
            std::vector<std::unique_ptr<chosen_port>> ports;
            for (site& each : sites_) {
                ports.push_back(std::make_unique<chosen_port>(each.address));
                each.port = ports.back()->number;
            }
        }
        run.write("nginx/nginx.conf", configuration());
        process_ = std::make_unique<process>(
            std::vector<std::string>{"nginx", "-e", "stderr", "-p", folder.string(), "-c", "nginx.conf"},
            folder);
        if (process_->wait_for("event method"))
            return;
        if (process_->output().find("Address already in use") == std::string::npos)
            break;
    }
    throw std::runtime_error("nginx did not start; it said: " + output());
}

} // namespace tls_tests
