// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HPP
#define APIMART_HPP

// Everything but the tools for tests and what needs more than the library does.

#include <apimart/batch.hpp>
#include <apimart/client.hpp>
#include <apimart/image_file.hpp>
#include <apimart/journal.hpp>
#include <apimart/models.hpp>
#include <apimart/price.hpp>
#include <apimart/schema.hpp>
#include <apimart/version.hpp>
#include <apimart/visit.hpp>
#include <apimart/webhook.hpp>

#endif
