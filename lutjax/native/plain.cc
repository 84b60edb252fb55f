// The kernels for whatever the compiler targets by itself: x86-64-v1, NEON.

#define LUTJAX_RUN RunPlain
#define LUTJAX_LANES 4
#if defined(__aarch64__)
#define LUTJAX_FMA 1
#else
#define LUTJAX_FMA 0
#endif

#include "interpolate.h"
