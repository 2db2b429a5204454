// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_STATUS_HPP
#define APIMART_HTTP_STATUS_HPP

#include <apimart/error.hpp>

namespace apimart {

/// What a server that made a call for somebody answers to them where the call failed. `error_info::http_status()` is what the
/// service said to the server, which is another matter: its 401 is about the server's key, not about who asks.
///
/// | status | for |
/// |---|---|
/// | 400 | a callback that is none |
/// | 404 | a task or a resource that the service does not know, a result that the task does not have |
/// | 409 | an idempotency key in use or reused with another body; a file that is there already |
/// | 410 | a link that has expired |
/// | 413 | a request that is too large for the service |
/// | 422 | a request that breaks a rule, here or at the service, or that moderation refuses: show the violations |
/// | 500 | what may be or has been bought without a result to give, and what is wrong with the server itself |
/// | 502 | the service cannot be reached or understood, or refuses the server's key |
/// | 503 | too much at present, here or at the service, no credit, or the server is going down: `Retry-After` if it is known |
/// | 504 | a limit of time |
///
/// An outcome that is not known is a 500 on purpose: proxies and clients repeat a 502, 503 or 504 by themselves.
/// Errors: none; 500 for codes of other libraries, 503 for a call that was cancelled, 200 for no error.
int http_status(error_info const& why) noexcept;

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http_status.ipp>
#endif

#endif
