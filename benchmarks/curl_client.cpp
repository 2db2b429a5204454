// libcurl: the multi interface driven through curl_multi_socket_action and epoll, one easy handle per
// connection that is used again for every request, keep-alive, verified.

#include "client_process.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <curl/curl.h>

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

namespace json = boost::json;

template <class Code>
void require(Code code)
{
    if (code != Code())
        throw std::runtime_error("libcurl: error " + std::to_string(code));
}

using header_list = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

header_list headers(std::initializer_list<std::string> lines)
{
    header_list all(nullptr, curl_slist_free_all);
    for (std::string const& line : lines) {
        curl_slist* const longer = curl_slist_append(all.get(), line.c_str());
        if (longer == nullptr)
            throw std::bad_alloc();
        all.release();
        all.reset(longer);
    }
    return all;
}

class transfer
{
public:
    transfer(bench::workload const& work, CURLM* multi)
        : multi_(multi), easy_(curl_easy_init(), curl_easy_cleanup), base_("https://" + work.authority()),
          accept_("Accept: application/json"), bearer_("Authorization: Bearer " + std::string(bench::secret)),
          get_headers_(headers({accept_, bearer_})), post_headers_(nullptr, curl_slist_free_all)
    {
        set(CURLOPT_PRIVATE, static_cast<void*>(this));
        set(CURLOPT_CAINFO, work.ca_file.c_str());
        set(CURLOPT_USERAGENT, std::string(bench::user_agent).c_str());
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_WRITEDATA, static_cast<void*>(&body_));
        set(
            CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* to) {
                static_cast<std::string*>(to)->append(data, size * count);
                return size * count;
            });
    }

    /// False when the book is empty.
    bool start(bench::ledger& book)
    {
        if (!book.take())
            return false;
        book_ = &book;
        is_submit_ = true;
        json::object body;
        body["model"] = bench::model;
        body["prompt"] = bench::prompt;
        body["duration"] = bench::duration;
        body["mode"] = bench::mode;
        sent_ = json::serialize(body);
        post_headers_ = headers(
            {accept_, bearer_, "Content-Type: application/json", "Idempotency-Key: " + bench::random_key()});
        set(CURLOPT_URL, (base_ + std::string(bench::submit_path)).c_str());
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(sent_.size()));
        set(CURLOPT_POSTFIELDS, sent_.c_str());
        set(CURLOPT_HTTPHEADER, post_headers_.get());
        begin();
        return true;
    }

    /// A request is at its end. False when the book is empty.
    bool finished(CURLcode code)
    {
        require(code);
        require(curl_multi_remove_handle(multi_, easy_.get()));
        long status = 0;
        require(curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status));
        if (status != 200)
            throw std::runtime_error("refused: " + body_);
        if (is_submit_) {
            json::value const ticket = json::parse(body_);
            id_ = ticket.at("data").at(0).at("task_id").as_string().c_str();
            is_submit_ = false;
            set(CURLOPT_URL, (base_ + std::string(bench::task_path) + id_).c_str());
            set(CURLOPT_HTTPGET, 1L);
            set(CURLOPT_HTTPHEADER, get_headers_.get());
            begin();
            return true;
        }
        json::value const state = json::parse(body_);
        json::value const& task = state.at("data");
        if (task.at("id").as_string() != id_ || task.at("status").as_string() != "completed")
            throw std::runtime_error("a task is not completed at the first poll: " + body_);
        book_->done(task.at("result").at("videos").at(0).at("url").at(0).as_string());
        return start(*book_);
    }

private:
    template <class Value>
    void set(CURLoption option, Value value)
    {
        require(curl_easy_setopt(easy_.get(), option, value));
    }

    void begin()
    {
        body_.clear();
        require(curl_multi_add_handle(multi_, easy_.get()));
    }

    CURLM* multi_;
    std::unique_ptr<CURL, void (*)(CURL*)> easy_;
    std::string base_;
    std::string accept_;
    std::string bearer_;
    header_list get_headers_;
    header_list post_headers_;
    std::string sent_;
    std::string body_;
    std::string id_;
    bench::ledger* book_ = nullptr;
    bool is_submit_ = false;
};

class curl_client
{
public:
    curl_client(bench::workload const& work, std::vector<std::string> const&)
        : work_(work), epoll_(::epoll_create1(EPOLL_CLOEXEC))
    {
        require(curl_global_init(CURL_GLOBAL_DEFAULT));
        multi_ = curl_multi_init();
        set(CURLMOPT_MAXCONNECTS, static_cast<long>(work.connections));
        set(CURLMOPT_SOCKETDATA, static_cast<void*>(this));
        set(
            CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* self, void* known) {
                static_cast<curl_client*>(self)->watch(fd, what, known != nullptr);
                return 0;
            });
        set(CURLMOPT_TIMERDATA, static_cast<void*>(this));
        set(
            CURLMOPT_TIMERFUNCTION, +[](CURLM*, long milliseconds, void* self) {
                static_cast<curl_client*>(self)->due_ =
                    milliseconds < 0 ? std::nullopt
                                     : std::optional(clock::now() + std::chrono::milliseconds(milliseconds));
                return 0;
            });
    }
    curl_client(curl_client const&) = delete;
    curl_client& operator=(curl_client const&) = delete;
    ~curl_client()
    {
        transfers_.clear();
        curl_multi_cleanup(multi_);
        ::close(epoll_);
        curl_global_cleanup();
    }

    void open()
    {
        for (int i = 0; i < work_.connections; ++i)
            transfers_.push_back(std::make_unique<transfer>(work_, multi_));
        bench::ledger unmeasured(static_cast<std::uint64_t>(work_.connections));
        work(unmeasured);
    }

    void work(bench::ledger& book)
    {
        for (auto& one : transfers_)
            busy_ += one->start(book) ? 1 : 0;
        std::array<epoll_event, 128> ready;
        while (busy_ > 0) {
            int const count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), until_due());
            if (count < 0 && errno != EINTR)
                throw std::system_error(errno, std::generic_category(), "epoll_wait");
            for (int i = 0; i < count; ++i) {
                epoll_event const& event = ready[static_cast<std::size_t>(i)];
                int const what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                                 ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                                 ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
                act(event.data.fd, what);
            }
            if (due_ && *due_ <= clock::now()) {
                due_.reset();
                act(CURL_SOCKET_TIMEOUT, 0);
            }
        }
    }

private:
    using clock = std::chrono::steady_clock;

    template <class Value>
    void set(CURLMoption option, Value value)
    {
        require(curl_multi_setopt(multi_, option, value));
    }

    void watch(int fd, int what, bool known)
    {
        epoll_event event{};
        event.events = ((what & CURL_POLL_IN) != 0 ? unsigned{EPOLLIN} : 0U) |
                       ((what & CURL_POLL_OUT) != 0 ? unsigned{EPOLLOUT} : 0U);
        event.data.fd = fd;
        int const how = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        ::epoll_ctl(epoll_, how, fd, &event);
        if (what != CURL_POLL_REMOVE)
            curl_multi_assign(multi_, fd, this);
    }

    int until_due() const
    {
        if (!due_)
            return -1;
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - clock::now()).count();
        return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
    }

    void act(curl_socket_t fd, int what)
    {
        int running = 0;
        require(curl_multi_socket_action(multi_, fd, what, &running));
        int left = 0;
        while (CURLMsg const* const message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE)
                continue;
            void* owner = nullptr;
            CURLcode const code = message->data.result;
            require(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner));
            busy_ -= static_cast<transfer*>(owner)->finished(code) ? 0 : 1;
        }
    }

    bench::workload work_;
    int epoll_;
    CURLM* multi_ = nullptr;
    std::optional<clock::time_point> due_;
    int busy_ = 0;
    std::vector<std::unique_ptr<transfer>> transfers_;
};

} // namespace

int main(int argc, char** argv)
{
    return bench::be_client<curl_client>(argc, argv);
}
