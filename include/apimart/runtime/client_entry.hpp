// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CLIENT_ENTRY_HPP
#define APIMART_RUNTIME_CLIENT_ENTRY_HPP

#include <apimart/any_request.hpp>
#include <apimart/as_result.hpp>
#include <apimart/operation_options.hpp>
#include <apimart/task.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

// How the client's templates start an operation, without the sockets and machines behind it: where the
// implementation is compiled apart, this is all that a user's file sees of it. Each class holds an operation's
// arguments until its handler is known; classes rather than lambdas, because a token such as use_awaitable or
// deferred stores them.
namespace apimart::detail {

class client_handle;

class submit_start
{
public:
    submit_start(std::shared_ptr<client_handle> handle, any_request&& request, submit_options&& options)
        : handle_(std::move(handle)), request_(std::move(request)), options_(std::move(options))
    {}
    void operator()(completion<task>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
    any_request request_;
    submit_options options_;
};

class wait_start
{
public:
    wait_start(std::shared_ptr<client_handle> handle, task&& which, wait_options const& options)
        : handle_(std::move(handle)), task_(std::move(which)), options_(options)
    {}
    void operator()(completion<finished_task>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
    task task_;
    wait_options options_;
};

class status_start
{
public:
    status_start(std::shared_ptr<client_handle> handle, task&& which, status_options const& options)
        : handle_(std::move(handle)), task_(std::move(which)), options_(options)
    {}
    void operator()(completion<task_state>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
    task task_;
    status_options options_;
};

class generate_start
{
public:
    generate_start(std::shared_ptr<client_handle> handle, any_request&& request, submit_options&& submit,
                   wait_options const& wait)
        : handle_(std::move(handle)), request_(std::move(request)), submit_(std::move(submit)), wait_(wait)
    {}
    void operator()(completion<finished_task>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
    any_request request_;
    submit_options submit_;
    wait_options wait_;
};

class download_start
{
public:
    download_start(std::shared_ptr<client_handle> handle, video_file&& file, std::string&& to,
                   download_options const& options)
        : handle_(std::move(handle)), file_(std::move(file)), to_(std::move(to)), options_(options)
    {}
    void operator()(completion<std::uint64_t>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
    video_file file_;
    std::string to_;
    download_options options_;
};

class shutdown_start
{
public:
    explicit shutdown_start(std::shared_ptr<client_handle> handle) : handle_(std::move(handle)) {}
    void operator()(completion<shutdown_report>&& handler);

private:
    std::shared_ptr<client_handle> handle_;
};

template <class Token, class Options>
concept completion_token_not = !std::is_convertible_v<Token, Options>;

} // namespace apimart::detail

#endif
