// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_CLIENT_IPP
#define APIMART_OPERATIONS_CLIENT_IPP

#include <apimart/client.hpp>
#include <apimart/http/tls_context.hpp>
#include <apimart/operations/download.ipp>
#include <apimart/operations/generate.ipp>
#include <apimart/operations/shutdown.ipp>
#include <apimart/operations/status.ipp>
#include <apimart/operations/submit.ipp>
#include <apimart/operations/wait.ipp>
#include <apimart/runtime/client_core.hpp>
#include <apimart/runtime/client_core.ipp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <new>

namespace apimart::detail {

// What an awaiting coroutine's handler sees: the value, or an exception.
template <class T, class Handler>
class exception_handler
{
public:
    explicit exception_handler(Handler handler) : inner(std::move(handler)) {}

    void operator()(result<T> outcome)
    {
        std::exception_ptr why;
        try {
            if (!outcome)
                why = std::make_exception_ptr(error(outcome.error()));
        } catch (std::bad_alloc const&) {
            why = std::current_exception();
        }
        if (outcome)
            std::move(inner)(why, std::move(*outcome));
        else
            std::move(inner)(why, T());
    }

    Handler inner;
};

} // namespace apimart::detail

template <template <class, class> class Associator, class T, class Handler, class Default>
struct boost::asio::associator<Associator, apimart::detail::exception_handler<T, Handler>, Default>
    : Associator<Handler, Default>
{
    static auto get(apimart::detail::exception_handler<T, Handler> const& h) noexcept
    {
        return Associator<Handler, Default>::get(h.inner);
    }
    static auto get(apimart::detail::exception_handler<T, Handler> const& h, Default const& d) noexcept
    {
        return Associator<Handler, Default>::get(h.inner, d);
    }
};

namespace apimart::detail {

// An operation as an awaitable that throws.
template <class T, class Start>
boost::asio::awaitable<T> throwing(Start start)
{
    using token = boost::asio::use_awaitable_t<>;
    return boost::asio::async_initiate<token const&, void(std::exception_ptr, T)>(
        [](auto handler, Start&& begin) {
            begin(completion<T>(exception_handler<T, decltype(handler)>(std::move(handler))));
        },
        boost::asio::use_awaitable, std::move(start));
}

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

APIMART_INLINE void submit_start::operator()(completion<task>&& handler)
{
    handle_->core->start_submit(std::move(request_), std::move(options_), std::move(handler));
}

APIMART_INLINE void wait_start::operator()(completion<finished_task>&& handler)
{
    handle_->core->start_wait(std::move(task_), options_, std::move(handler));
}

APIMART_INLINE void status_start::operator()(completion<task_state>&& handler)
{
    handle_->core->start_status(std::move(task_), options_, std::move(handler));
}

APIMART_INLINE void generate_start::operator()(completion<finished_task>&& handler)
{
    handle_->core->start_generate(std::move(request_), std::move(submit_), wait_, std::move(handler));
}

APIMART_INLINE void download_start::operator()(completion<std::uint64_t>&& handler)
{
    handle_->core->start_download(std::move(file_), std::move(to_), options_, std::move(handler));
}

APIMART_INLINE void shutdown_start::operator()(completion<shutdown_report>&& handler)
{
    handle_->core->start_shutdown(std::move(handler));
}

} // namespace apimart::detail

namespace apimart {

APIMART_INLINE client::client(executor_type executor, client_config config)
    : handle_(detail::make_client_handle(std::move(executor), std::move(config)))
{}

APIMART_INLINE client::executor_type client::get_executor() const
{
    return handle_->core->executor();
}

APIMART_INLINE boost::asio::awaitable<task> client::submit(any_request request, submit_options options)
{
    return detail::throwing<task>(detail::submit_start(handle_, std::move(request), std::move(options)));
}

APIMART_INLINE boost::asio::awaitable<finished_task> client::wait(task which, wait_options options)
{
    return detail::throwing<finished_task>(detail::wait_start(handle_, std::move(which), options));
}

APIMART_INLINE boost::asio::awaitable<task_state> client::status(task which, status_options options)
{
    return detail::throwing<task_state>(detail::status_start(handle_, std::move(which), options));
}

APIMART_INLINE boost::asio::awaitable<finished_task>
client::generate(any_request request, submit_options submit, wait_options wait)
{
    return detail::throwing<finished_task>(
        detail::generate_start(handle_, std::move(request), std::move(submit), wait));
}

APIMART_INLINE boost::asio::awaitable<std::uint64_t> client::download(video_file file, std::string to,
                                                                      download_options options)
{
    return detail::throwing<std::uint64_t>(
        detail::download_start(handle_, std::move(file), std::move(to), options));
}

APIMART_INLINE boost::asio::awaitable<shutdown_report> client::shutdown()
{
    return detail::throwing<shutdown_report>(detail::shutdown_start(handle_));
}

APIMART_INLINE metrics client::metrics() const
{
    return handle_->core->read_metrics();
}

} // namespace apimart

#endif
