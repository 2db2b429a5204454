// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_CLIENT_IPP
#define APIMART_OPERATIONS_CLIENT_IPP

#include <apimart/client.hpp>
#include <apimart/operations/catalog.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/download.hpp>
#include <apimart/operations/generate.hpp>
#include <apimart/operations/learned_durations.hpp>
#include <apimart/operations/notify.hpp>
#include <apimart/operations/request.hpp>
#include <apimart/operations/shutdown.hpp>
#include <apimart/operations/status.hpp>
#include <apimart/operations/submit.hpp>
#include <apimart/operations/upload.hpp>
#include <apimart/operations/usage.hpp>
#include <apimart/operations/wait.hpp>
#include <apimart/operations/watch.hpp>
#include <apimart/protocol/balance_response.hpp>
#include <apimart/protocol/catalog_response.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart::detail {

inline error unusable(std::string words)
{
    return error(error_info(errc::invalid_configuration, std::move(words)));
}

inline request_url parse_base_url(std::string const& text, std::string const& name, bool allow_plain)
{
    std::optional<request_url> base = parse_request_url(text);
    if (!base || base->target.find('?') != std::string::npos)
        throw unusable(name + " is not an absolute http or https URL without user information and query");
    if (!base->origin.tls && !allow_plain)
        throw unusable(name + " is not https, and allow_plain_http is not set");
    while (base->target.ends_with('/'))
        base->target.pop_back();
    return std::move(*base);
}

inline void check_limits(client_config const& config)
{
    for (auto const& [host, addresses] : config.resolver.pinned()) {
        for (std::string const& text : addresses) {
            error_code code;
            boost::asio::ip::make_address(text, code);
            if (code)
                throw unusable("the resolver's address for " + host + " is none: " + text);
        }
    }
    if (config.limits.max_connections < 1 || config.limits.max_concurrent_submits < 1 ||
        config.limits.max_concurrent_downloads < 1 || config.limits.max_concurrent_uploads < 1 ||
        config.limits.connects_per_second < 1)
        throw unusable("limits must be at least one");
    if (config.poll.max_concurrent < 1 || config.poll.min_interval.count() < 1)
        throw unusable("poll.max_concurrent and poll.min_interval must be at least one");
    if (config.retry.max_retries < 0 || config.retry.max_resends < 0 ||
        config.retry.max_rate_limit_retries < 0)
        throw unusable("retry counts must not be negative");
}

APIMART_INLINE std::shared_ptr<client_handle> make_client(boost::asio::any_io_executor const& on,
                                                          client_config config)
{
    std::vector<request_url> bases{parse_base_url(config.base_url, "base_url", config.allow_plain_http)};
    for (std::size_t i = 0; i < config.fallback_base_urls.size(); ++i)
        bases.push_back(parse_base_url(config.fallback_base_urls[i],
                                       "fallback_base_urls[" + std::to_string(i) + "]",
                                       config.allow_plain_http));
    check_limits(config);
    for (auto* const each :
         {&config.timeouts.resolve, &config.timeouts.connect, &config.timeouts.connection_attempt_delay,
          &config.timeouts.tls_handshake, &config.timeouts.send, &config.timeouts.response,
          &config.timeouts.read, &config.timeouts.abandoned_response, &config.timeouts.pool_idle,
          &config.timeouts.idle_for_submit, &config.timeouts.shutdown_grace, &config.poll.initial_delay,
          &config.poll.min_interval, &config.poll.max_interval, &config.poll.max_wait})
        *each = bounded(*each);
    auto tls = tls_context::make(config.tls);
    if (!tls)
        throw error(tls.error());
    auto proxy = proxy_rules::make(config.proxy);
    if (!proxy)
        throw error(proxy.error());
    auto state =
        std::make_shared<client_state>(on, std::move(config), bases, std::move(*proxy), std::move(*tls));
    state->follow_clock();
    return std::make_shared<client_handle>(std::move(state));
}

APIMART_INLINE boost::asio::any_io_executor executor_of(client_handle const& client)
{
    return client.state->get_executor();
}

APIMART_INLINE metrics metrics_of(client_handle const& client)
{
    return client.state->runtime.counters.snapshot();
}

APIMART_INLINE void begin_submit(client_handle const& client, completion<task> handler, any_request request,
                                 submit_settings options)
{
    client.state->launch(
        std::move(handler), request_kind::submit, options.tag,
        [request = std::move(request), options = std::move(options)](client_state& state, operation& op) {
            return submit(state, op, request, options);
        });
}

APIMART_INLINE void begin_wait(client_handle const& client, completion<task_result> handler, std::string id,
                               std::string duration_class,
                               std::optional<std::chrono::steady_clock::time_point> accepted,
                               wait_options options)
{
    start_wait(*client.state, std::move(id), std::move(duration_class), accepted, options,
               std::move(handler));
}

APIMART_INLINE std::shared_ptr<watch_handle>
begin_watch(client_handle const& client, std::string id, std::string duration_class,
            std::optional<std::chrono::steady_clock::time_point> accepted, watch_options options)
{
    return start_watch(*client.state, std::move(id), std::move(duration_class), accepted, options);
}

APIMART_INLINE std::shared_ptr<task_watch> const& watch_of(watch_handle const& handle)
{
    return handle.watch;
}

APIMART_INLINE boost::asio::any_io_executor executor_of(task_watch const& watch)
{
    return watch.client().get_executor();
}

APIMART_INLINE void begin_next(std::shared_ptr<task_watch> const& watch,
                               completion<std::optional<task_state>> handler)
{
    start_next(watch, std::move(handler));
}

APIMART_INLINE void begin_notify(client_handle const& client, completion<callback_effect> handler,
                                 std::string id)
{
    start_notify(*client.state, std::move(id), std::move(handler));
}

APIMART_INLINE void begin_learned_durations(client_handle const& client,
                                            completion<learned_durations> handler)
{
    start_learned_durations(*client.state, std::move(handler));
}

APIMART_INLINE void begin_status(client_handle const& client, completion<task_state> handler, task task,
                                 status_options options)
{
    client.state->launch(std::move(handler), request_kind::status, options.tag,
                         [id = task.id(), options](client_state& state, operation& op) {
                             return status(state, op, id, options);
                         });
}

APIMART_INLINE void begin_generate(client_handle const& client, completion<task_result> handler,
                                   any_request request, std::optional<std::chrono::milliseconds> timeout,
                                   submit_settings submit_with, wait_options wait_with)
{
    client.state->launch(std::move(handler), request_kind::submit, submit_with.tag,
                         [request = std::move(request), timeout, submit_with = std::move(submit_with),
                          wait_with](client_state& state, operation& op) {
                             return generate(state, op, request, timeout, submit_with, wait_with);
                         });
}

APIMART_INLINE void begin_download(client_handle const& client, completion<std::uint64_t> handler,
                                   video_file file, std::string to, download_settings settings)
{
    client.state->launch(std::move(handler), request_kind::download, settings.options.tag,
                         [file = std::move(file), to = std::move(to),
                          settings = std::move(settings)](client_state& state, operation& op) {
                             return download(state, op, file, to, settings);
                         });
}

APIMART_INLINE void begin_download_into_memory(client_handle const& client, completion<std::string> handler,
                                               video_file file, into_memory to, download_settings settings)
{
    client.state->launch(
        std::move(handler), request_kind::download, settings.options.tag,
        [file = std::move(file), to, settings = std::move(settings)](client_state& state, operation& op) {
            return download(state, op, file, to, settings);
        });
}

APIMART_INLINE void begin_upload(client_handle const& client, completion<uploaded_image> handler,
                                 image_source source, upload_settings options)
{
    client.state->launch(
        std::move(handler), request_kind::upload, options.tag,
        [source = std::move(source), options = std::move(options)](client_state& state, operation& op) {
            return upload(state, op, source, options);
        });
}

APIMART_INLINE void begin_upload_files(client_handle const& client, completion<any_request> handler,
                                       any_request request, upload_settings options)
{
    client.state->launch(
        std::move(handler), request_kind::upload, options.tag,
        [request = std::move(request), options = std::move(options)](client_state& state, operation& op) {
            return upload_files(state, op, request, options);
        });
}

APIMART_INLINE void begin_download_into_sink(client_handle const& client, completion<std::uint64_t> handler,
                                             video_file file, sink_reference to, download_settings settings)
{
    client.state->launch(std::move(handler), request_kind::download, settings.options.tag,
                         [file = std::move(file), to = std::move(to),
                          settings = std::move(settings)](client_state& state, operation& op) {
                             return download(state, op, file, to, settings);
                         });
}

APIMART_INLINE void begin_download_all(client_handle const& client,
                                       completion<std::vector<std::string>> handler, task_state of,
                                       std::string to, download_settings settings)
{
    client.state->launch(std::move(handler), request_kind::download, settings.options.tag,
                         [of = std::move(of), to = std::move(to),
                          settings = std::move(settings)](client_state& state, operation& op) {
                             return download_all(state, op, of, to, settings);
                         });
}

APIMART_INLINE void begin_request(client_handle const& client, completion<api_response> handler,
                                  api_request wanted, status_options options)
{
    client.state->launch(std::move(handler), request_kind::request, options.tag,
                         [wanted = std::move(wanted), options](client_state& state, operation& op) {
                             return send_request(state, op, wanted, options);
                         });
}

// A GET whose answer `read` judges.
template <class T>
void begin_reading(client_handle const& client, completion<T> handler, api_request wanted,
                   status_options options, result<T> (*read)(http_response const&, std::chrono::sys_seconds))
{
    client.state->launch(std::move(handler), request_kind::request, options.tag,
                         [wanted = std::move(wanted), options, read](client_state& state, operation& op) {
                             return get_value(state, op, wanted, options, read);
                         });
}

APIMART_INLINE void begin_balance(client_handle const& client, completion<balance> handler,
                                  api_request wanted, status_options options)
{
    begin_reading(client, std::move(handler), std::move(wanted), options, &read_balance_response);
}

APIMART_INLINE void begin_usage(client_handle const& client, completion<usage_report> handler,
                                usage_settings asked)
{
    client.state->launch(std::move(handler), request_kind::request, asked.limits.tag,
                         [asked = std::move(asked)](client_state& state, operation& op) {
                             return get_usage(state, op, asked);
                         });
}

APIMART_INLINE void begin_models(client_handle const& client, completion<std::vector<listed_model>> handler,
                                 bool expand, std::string category, status_options options)
{
    begin_reading(client, std::move(handler), api_request(models_path(expand, category)), options,
                  &read_models_response);
}

APIMART_INLINE void begin_schema(client_handle const& client, completion<model_schema> handler,
                                 std::string model, status_options options)
{
    begin_reading(client, std::move(handler), api_request(schema_path(model)), options,
                  &read_schema_response);
}

APIMART_INLINE void begin_shutdown(client_handle const& client, completion<shutdown_report> handler,
                                   shutdown_options options)
{
    start_shutdown(*client.state, options, std::move(handler));
}

} // namespace apimart::detail

namespace apimart {

APIMART_INLINE client::client(executor_type executor, client_config config)
    : handle_(detail::make_client(executor, std::move(config)))
{}

} // namespace apimart

#endif
