// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SRC_HPP
#define APIMART_SRC_HPP

// For programs that want the implementation compiled once: include this in exactly one source file, and
// compile everything with APIMART_SEPARATE_COMPILATION defined.

#ifndef APIMART_SEPARATE_COMPILATION
#error define APIMART_SEPARATE_COMPILATION for the whole program to compile the implementation once
#endif

#include <apimart/impl/client.ipp>
#include <apimart/impl/client_config.ipp>
#include <apimart/impl/connection_pool.ipp>
#include <apimart/impl/download.ipp>
#include <apimart/impl/download_rules.ipp>
#include <apimart/impl/error.ipp>
#include <apimart/impl/exchange_outcome.ipp>
#include <apimart/impl/http_exchange.ipp>
#include <apimart/impl/origin.ipp>
#include <apimart/impl/poll_schedule.ipp>
#include <apimart/impl/submit_machine.ipp>
#include <apimart/impl/tls_context.ipp>
#include <apimart/impl/wire.ipp>

#endif
