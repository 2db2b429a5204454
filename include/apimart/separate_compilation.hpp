// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SEPARATE_COMPILATION_HPP
#define APIMART_SEPARATE_COMPILATION_HPP

// Definitions outside class bodies are inline while everything is header-only, and ordinary functions where
// one translation unit includes <apimart/src.hpp> and all are compiled with APIMART_SEPARATE_COMPILATION.
#ifdef APIMART_SEPARATE_COMPILATION
#define APIMART_INLINE
#else
#define APIMART_INLINE inline
#endif

#endif
