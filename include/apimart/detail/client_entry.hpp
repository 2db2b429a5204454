// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_CLIENT_ENTRY_HPP
#define APIMART_DETAIL_CLIENT_ENTRY_HPP

#include <apimart/any_request.hpp>
#include <apimart/client_config.hpp>
#include <apimart/completion.hpp>
#include <apimart/metrics.hpp>
#include <apimart/operation_options.hpp>
#include <apimart/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <type_traits>

// What the client's templates call, without the sockets and machines behind it: where the implementation is
// compiled apart, this is all that a user's file sees of it.
namespace apimart {

namespace detail {

class client_core;
class client_handle;

std::shared_ptr<client_handle> make_client_handle(boost::asio::any_io_executor executor,
                                                  client_config config);

void start_submit(client_handle& handle, any_request request, submit_options options,
                  completion<task> handler);
void start_wait(client_handle& handle, task which, wait_options options, completion<finished_task> handler);
void start_status(client_handle& handle, task which, status_options options, completion<task_state> handler);
void start_generate(client_handle& handle, any_request request, submit_options submit, wait_options wait,
                    completion<finished_task> handler);
void start_download(client_handle& handle, video_file file, std::filesystem::path to,
                    download_options options, completion<std::uint64_t> handler);
void start_shutdown(client_handle& handle, completion<shutdown_report> handler);
metrics read_metrics(client_handle const& handle);
boost::asio::any_io_executor executor_of(client_handle const& handle);

template <class Token, class Options>
concept completion_token_not = !std::is_convertible_v<Token, Options>;

} // namespace detail

} // namespace apimart

#endif
