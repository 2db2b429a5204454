// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_CLIENT_IPP
#define APIMART_DETAIL_IMPL_CLIENT_IPP

#include <apimart/detail/client_core.hpp>
#include <apimart/detail/client_entry.hpp>
#include <apimart/detail/config.hpp>
#include <apimart/detail/impl/client_core.ipp>
#include <apimart/detail/impl/download.ipp>
#include <apimart/detail/impl/generate.ipp>
#include <apimart/detail/impl/shutdown.ipp>
#include <apimart/detail/impl/status.ipp>
#include <apimart/detail/impl/submit.ipp>
#include <apimart/detail/impl/wait.ipp>
#include <apimart/detail/transport/tls_context.hpp>

namespace apimart::detail {

APIMART_INLINE std::shared_ptr<client_handle> make_client_handle(boost::asio::any_io_executor executor,
                                                                 client_config config)
{
    auto const unusable = [](std::string words) {
        return error(failure(errc::invalid_configuration, std::move(words)));
    };
    std::vector<request_url> bases;
    auto const add_base = [&](std::string const& text, std::string const& name) {
        std::optional<request_url> base = parse_request_url(text);
        if (!base || base->target.find('?') != std::string::npos)
            throw unusable(name + " is not an absolute http or https URL without user information and query");
        if (!base->origin.tls && !config.allow_plain_http)
            throw unusable(name + " is not https, and allow_plain_http is not set");
        while (base->target.ends_with('/'))
            base->target.pop_back();
        bases.push_back(std::move(*base));
    };
    add_base(config.base_url, "base_url");
    for (std::size_t i = 0; i < config.fallback_base_urls.size(); ++i)
        add_base(config.fallback_base_urls[i], "fallback_base_urls[" + std::to_string(i) + "]");
    for (auto const& [host, addresses] : config.resolver.pinned()) {
        for (std::string const& text : addresses) {
            error_code code;
            boost::asio::ip::make_address(text, code);
            if (code)
                throw unusable("the resolver's address for " + host + " is none: " + text);
        }
    }
    if (config.limits.connections < 1 || config.limits.submits < 1 || config.limits.downloads < 1 ||
        config.limits.connects_per_second < 1)
        throw unusable("limits must be at least one");
    if (config.poll.concurrent < 1 || config.poll.shortest.count() < 1)
        throw unusable("poll.concurrent and poll.shortest must be at least one");
    if (config.retry.max_retries < 0 || config.retry.max_resends < 0 ||
        config.retry.max_rate_limit_retries < 0)
        throw unusable("retry counts must not be negative");
    for (auto* const each :
         {&config.timeouts.resolve, &config.timeouts.connect, &config.timeouts.connect_stagger,
          &config.timeouts.tls_handshake, &config.timeouts.send, &config.timeouts.response,
          &config.timeouts.stall, &config.timeouts.detached_answer, &config.timeouts.idle,
          &config.timeouts.idle_for_submit, &config.timeouts.drain, &config.poll.first, &config.poll.shortest,
          &config.poll.longest, &config.poll.max_wait})
        *each = bounded(*each);
    auto tls = tls_context::make(config.tls);
    if (!tls)
        throw error(tls.error());
    auto proxy = proxy_rules::make(config.proxy);
    if (!proxy)
        throw error(proxy.error());
    return std::make_shared<client_handle>(std::make_shared<client_core>(
        std::move(executor), std::move(config), std::move(bases), std::move(*proxy), std::move(*tls)));
}

APIMART_INLINE void start_submit(client_handle& handle, any_request request, submit_options options,
                                 completion<task> handler)
{
    handle.core->start_submit(std::move(request), std::move(options), std::move(handler));
}

APIMART_INLINE void start_wait(client_handle& handle, task which, wait_options options,
                               completion<finished_task> handler)
{
    handle.core->start_wait(std::move(which), options, std::move(handler));
}

APIMART_INLINE void start_status(client_handle& handle, task which, status_options options,
                                 completion<task_state> handler)
{
    handle.core->start_status(std::move(which), options, std::move(handler));
}

APIMART_INLINE void start_generate(client_handle& handle, any_request request, submit_options submit,
                                   wait_options wait, completion<finished_task> handler)
{
    handle.core->start_generate(std::move(request), std::move(submit), wait, std::move(handler));
}

APIMART_INLINE void start_download(client_handle& handle, video_file file, std::filesystem::path to,
                                   download_options options, completion<std::uint64_t> handler)
{
    handle.core->start_download(std::move(file), std::move(to), options, std::move(handler));
}

APIMART_INLINE void start_shutdown(client_handle& handle, completion<shutdown_report> handler)
{
    handle.core->start_shutdown(std::move(handler));
}

APIMART_INLINE metrics read_metrics(client_handle const& handle)
{
    return handle.core->read_metrics();
}

APIMART_INLINE boost::asio::any_io_executor executor_of(client_handle const& handle)
{
    return handle.core->executor();
}

} // namespace apimart::detail

#endif
