// The kernels for x86-64-v4, from Skylake-X and Zen 4 on.

#if defined(__x86_64__)

// Before the first function: all that follows is compiled for the target, and
// nothing of it may be called before the processor has been asked.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#endif

#define LUTJAX_RUN RunAvx512
#define LUTJAX_LANES 16
#define LUTJAX_FMA 1

#include "interpolate.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
