// Vectors of numbers in the extensions of GCC and Clang, which become whatever
// the target has: SSE2, NEON, AVX2, AVX-512.
//
// Included once per target (interpolate.h). All is in an unnamed namespace: two
// targets must never share a function, or the linker would keep one for both.

#ifndef LUTJAX_NATIVE_VECTORS_H_
#define LUTJAX_NATIVE_VECTORS_H_

#include <cstdint>
#include <cstring>

#if LUTJAX_FMA && defined(__x86_64__)
#include <immintrin.h>
#elif LUTJAX_FMA
#include <arm_neon.h>
#endif

#define LUTJAX_INLINE inline __attribute__((always_inline))

namespace lutjax {
namespace {

constexpr int kLanes = LUTJAX_LANES;

// One pixel and a float that does not count.
typedef float Quad __attribute__((vector_size(16)));
typedef int32_t QuadInt __attribute__((vector_size(16)));
// Two neighbouring nodes and two floats that do not count.
typedef float Oct __attribute__((vector_size(32)));
// One channel of kLanes pixels.
typedef float Wide __attribute__((vector_size(4 * kLanes)));
typedef int32_t WideInt __attribute__((vector_size(4 * kLanes)));

template <class V>
LUTJAX_INLINE V Load(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V>
LUTJAX_INLINE void Store(void* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

// Subtracting zero keeps every value, -0 included.
LUTJAX_INLINE Quad SplatQuad(float x) { return Quad{x, x, x, x}; }
LUTJAX_INLINE Oct SplatOct(float x) { return Oct{x, x, x, x, x, x, x, x}; }
LUTJAX_INLINE Wide Splat(float x) { return x - Wide{}; }
LUTJAX_INLINE WideInt Splat(int32_t x) { return x - WideInt{}; }

LUTJAX_INLINE Wide ToFloat(WideInt x) { return __builtin_convertvector(x, Wide); }
LUTJAX_INLINE WideInt ToInt(Wide x) { return __builtin_convertvector(x, WideInt); }

// These give the second where one is NaN.
LUTJAX_INLINE Wide Min(Wide a, Wide b) { return a < b ? a : b; }
LUTJAX_INLINE Wide Max(Wide a, Wide b) { return a > b ? a : b; }

// GCC has __builtin_shufflevector from 12 on; before, vectors of two lengths meet
// in memory, which is right but slow.
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define LUTJAX_SHUFFLE __builtin_shufflevector
#endif
#endif

template <int A, int B, int C, int D>
LUTJAX_INLINE Quad Shuffle(Quad a, Quad b) {
#if defined(LUTJAX_SHUFFLE)
  return LUTJAX_SHUFFLE(a, b, A, B, C, D);
#else
  return __builtin_shuffle(a, b, QuadInt{A, B, C, D});
#endif
}

LUTJAX_INLINE Oct Join(Quad a, Quad b) {
#if defined(LUTJAX_SHUFFLE)
  return LUTJAX_SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  const Quad both[2] = {a, b};
  return Load<Oct>(both);
#endif
}

template <int A, int B, int C, int D>
LUTJAX_INLINE Quad Select(Oct v) {
#if defined(LUTJAX_SHUFFLE)
  return LUTJAX_SHUFFLE(v, v, A, B, C, D);
#else
  return Quad{v[A], v[B], v[C], v[D]};
#endif
}

// In each group of four lanes: lanes A and B of `a`, lanes C and D of `b`.
template <int A, int B, int C, int D>
LUTJAX_INLINE Wide Within(Wide a, Wide b) {
#if LUTJAX_LANES == 4
  return Shuffle<A, B, C + 4, D + 4>(a, b);
#elif defined(LUTJAX_SHUFFLE) && LUTJAX_LANES == 8
  return LUTJAX_SHUFFLE(a, b, A, B, C + 8, D + 8, A + 4, B + 4, C + 12, D + 12);
#elif defined(LUTJAX_SHUFFLE)
  return LUTJAX_SHUFFLE(a, b, A, B, C + 16, D + 16, A + 4, B + 4, C + 20, D + 20,
                        A + 8, B + 8, C + 24, D + 24, A + 12, B + 12, C + 28,
                        D + 28);
#else
  WideInt index;
  for (int i = 0; i < kLanes; i += 4) {
    index[i] = A + i;
    index[i + 1] = B + i;
    index[i + 2] = C + i + kLanes;
    index[i + 3] = D + i + kLanes;
  }
  return __builtin_shuffle(a, b, index);
#endif
}

// Four floats from every twelfth on, one group of lanes each.
LUTJAX_INLINE Wide LoadGroups(const float* from) {
#if LUTJAX_LANES == 4
  return Load<Quad>(from);
#else
  const Oct low = Join(Load<Quad>(from), Load<Quad>(from + 12));
#if LUTJAX_LANES == 8
  return low;
#else
  const Oct high = Join(Load<Quad>(from + 24), Load<Quad>(from + 36));
#if defined(LUTJAX_SHUFFLE)
  return LUTJAX_SHUFFLE(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                        15);
#else
  const Oct both[2] = {low, high};
  return Load<Wide>(both);
#endif
#endif
#endif
}

}  // namespace
}  // namespace lutjax

#endif  // LUTJAX_NATIVE_VECTORS_H_
