// The kernels for x86-64-v3, from Haswell and Zen on.

#if defined(__x86_64__)

// Before the first function: all that follows is compiled for the target, and
// nothing of it may be called before the processor has been asked.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define LUTJAX_RUN RunAvx2
#define LUTJAX_LANES 8
#define LUTJAX_FMA 1

#include "interpolate.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
