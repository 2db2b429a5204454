// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERROR_HPP
#define APIMART_ERROR_HPP

#include <apimart/version.hpp>

#include <apimart/errors/codes.hpp>
#include <apimart/errors/error_info.hpp>
#include <apimart/errors/validation_result.hpp>

#endif
