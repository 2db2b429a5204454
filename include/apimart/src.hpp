// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SRC_HPP
#define APIMART_SRC_HPP

// For programs that want the implementation compiled once: include this in exactly one source file, and
// compile everything with APIMART_SEPARATE_COMPILATION defined.

#ifndef APIMART_SEPARATE_COMPILATION
#error define APIMART_SEPARATE_COMPILATION for the whole program to compile the implementation once
#endif

#include <apimart/detail/impl/any_request.ipp>
#include <apimart/detail/impl/client.ipp>
#include <apimart/detail/impl/client_config.ipp>
#include <apimart/detail/impl/connection.ipp>
#include <apimart/detail/impl/connection_pool.ipp>
#include <apimart/detail/impl/download.ipp>
#include <apimart/detail/impl/download_rules.ipp>
#include <apimart/detail/impl/error.ipp>
#include <apimart/detail/impl/exchange.ipp>
#include <apimart/detail/impl/exchange_outcome.ipp>
#include <apimart/detail/impl/generate.ipp>
#include <apimart/detail/impl/observer.ipp>
#include <apimart/detail/impl/origin.ipp>
#include <apimart/detail/impl/poll_schedule.ipp>
#include <apimart/detail/impl/proxy_rules.ipp>
#include <apimart/detail/impl/rate_limiter.ipp>
#include <apimart/detail/impl/reply_json.ipp>
#include <apimart/detail/impl/reply_parser.ipp>
#include <apimart/detail/impl/request_body.ipp>
#include <apimart/detail/impl/resolver.ipp>
#include <apimart/detail/impl/resolver_options.ipp>
#include <apimart/detail/impl/shutdown.ipp>
#include <apimart/detail/impl/status.ipp>
#include <apimart/detail/impl/submit.ipp>
#include <apimart/detail/impl/submit_machine.ipp>
#include <apimart/detail/impl/submit_reply.ipp>
#include <apimart/detail/impl/task.ipp>
#include <apimart/detail/impl/task_reply.ipp>
#include <apimart/detail/impl/tls_context.ipp>
#include <apimart/detail/impl/tls_options.ipp>
#include <apimart/detail/impl/tls_session.ipp>
#include <apimart/detail/impl/transport.ipp>
#include <apimart/detail/impl/violation.ipp>
#include <apimart/detail/impl/wait.ipp>

#endif
