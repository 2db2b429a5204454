// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SRC_HPP
#define APIMART_SRC_HPP

// For programs that want the implementation compiled once: include this in exactly one source file, and
// compile everything with APIMART_SEPARATE_COMPILATION defined.

#ifndef APIMART_SEPARATE_COMPILATION
#error define APIMART_SEPARATE_COMPILATION for the whole program to compile the implementation once
#endif

#include <apimart/any_request.ipp>
#include <apimart/batch.ipp>
#include <apimart/batch_outcome.ipp>
#include <apimart/client_config.ipp>
#include <apimart/config/proxy_options.ipp>
#include <apimart/config/resolver_options.ipp>
#include <apimart/config/tls_options.ipp>
#include <apimart/errors/error_messages.ipp>
#include <apimart/errors/validation_result.ipp>
#include <apimart/http_status.ipp>
#include <apimart/journal.ipp>
#include <apimart/journal_record.ipp>
#include <apimart/json.ipp>
#include <apimart/learned_durations.ipp>
#include <apimart/log_to.ipp>
#include <apimart/observer.ipp>
#include <apimart/operations/client.ipp>
#include <apimart/validation/request_body.ipp>
#include <apimart/webhook.ipp>

#endif
