// Pixels of all kinds, a block at a time: floats or codes of 8 and 16 bits, with
// alpha or without. Included once per target, like vectors.h.

#ifndef LUTJAX_NATIVE_PIXELS_H_
#define LUTJAX_NATIVE_PIXELS_H_

#include <type_traits>

#include "curves.h"
#include "grid.h"
#include "lattice.h"
#include "vectors.h"

namespace lutjax {
namespace {

struct Pixels {
  const void* in;
  void* out;
  int64_t count;
};

// Colours of a block, with room for vectors of four that end past them.
struct alignas(64) Colours {
  float at[kColours + 4];
};

// Loops over codes are left to the compiler, which turns them into vectors better than
// it converts vectors of small integers.

// A code as a float of [0, 1]: the quotient rounded once.
template <class T>
LUTJAX_INLINE float FromCode(T code) {
  return std::is_same_v<T, float> ? code : code / static_cast<float>(T(-1));
}

// The nearest codes, halves to even. One product and one sum, fused where the target
// can: then it is the exact product that is rounded.
template <class T>
LUTJAX_INLINE void ToCodes(const float* from, int count, T* to) {
  if constexpr (std::is_same_v<T, float>) {
    std::memcpy(to, from, sizeof(float) * count);
  } else {
    // Floats from 2^23 on are whole numbers, whose last bits count them.
    constexpr float kTop = static_cast<T>(-1), kWhole = 0x1.8p23f;
    alignas(64) int32_t counted[4 * kBlock];
    for (int i = 0; i < count; i += kLanes) {
      const Wide x = Min(Max(Load<Wide>(from + i), Splat(0.0f)), Splat(1.0f));
      Store(counted + i, Wide(x * kTop + kWhole));
    }
    for (int i = 0; i < count; ++i) to[i] = static_cast<T>(counted[i]);
  }
}

template <class T, int kChannels>
LUTJAX_INLINE void Read(const T* in, Colours& colours) {
  alignas(64) float all[kChannels * kBlock];
  float* to = kChannels == 3 ? colours.at : all;
  for (int i = 0; i < kChannels * kBlock; ++i) to[i] = FromCode(in[i]);
  if (kChannels == 3) return;
  for (int i = 0; i < kBlock; ++i) Store(colours.at + 3 * i, Load<Quad>(all + 4 * i));
}

// Alpha is what it was in `in`, which may be `out`.
template <class T, int kChannels>
LUTJAX_INLINE void Write(const Colours& colours, const T* in, T* out) {
  if (kChannels == 3) {
    ToCodes(colours.at, kColours, out);
    return;
  }
  alignas(64) float all[4 * kBlock];
  for (int i = 0; i < kBlock; ++i) Store(all + 4 * i, Load<Quad>(colours.at + 3 * i));
  T codes[4 * kBlock];
  ToCodes(all, 4 * kBlock, codes);
  for (int i = 0; i < kBlock; ++i) codes[4 * i + 3] = in[4 * i + 3];
  std::memcpy(out, codes, sizeof codes);
}

// What is done to a block: curves, a lattice or both; then the mix with its own.
struct Steps {
  Shaper shaper;  // no rows: none
  Grid grid;      // no nodes: none
  Block block;
  float strength;
};

// `out` may be `in`.
LUTJAX_INLINE void Grade(const Steps& steps, const float* in, float* out) {
  if (steps.shaper.rows == nullptr) return steps.block(steps.grid, in, out);
  if (steps.grid.nodes == nullptr) {
    Shape(steps.shaper, in, out);
    return SpreadNan(out);
  }
  Colours shaped;
  Shape(steps.shaper, in, shaped.at);
  steps.block(steps.grid, shaped.at, out);
}

template <class T, int kChannels>
LUTJAX_INLINE void MapOne(const Steps& steps, const T* in, T* out) {
  Colours own, graded;
  Read<T, kChannels>(in, own);
  Grade(steps, own.at, graded.at);
  if (steps.strength != 1.0f) {
    for (int i = 0; i < kColours; i += kLanes) {
      const Wide from = Load<Wide>(own.at + i), to = Load<Wide>(graded.at + i);
      Store(graded.at + i, Wide(from + steps.strength * (to - from)));
    }
  }
  Write<T, kChannels>(graded, in, out);
}

template <class T, int kChannels>
void MapChannels(const Steps& steps, const Pixels& pixels) {
  const T* in = static_cast<const T*>(pixels.in);
  T* out = static_cast<T*>(pixels.out);
  // Floats without alpha need no copy.
  constexpr bool kCanBeDirect = std::is_same_v<T, float> && kChannels == 3;
  const bool is_direct = kCanBeDirect && steps.strength == 1.0f;
  auto map = [&](const T* from, T* to) {
    if constexpr (kCanBeDirect) {
      if (is_direct) return Grade(steps, from, to);
    }
    MapOne<T, kChannels>(steps, from, to);
  };
  int64_t done = 0;
  for (; done + kBlock <= pixels.count; done += kBlock) {
    map(in + kChannels * done, out + kChannels * done);
  }
  if (done == pixels.count) return;
  T rest[kChannels * kBlock] = {};
  const size_t size = sizeof(T) * kChannels * (pixels.count - done);
  std::memcpy(rest, in + kChannels * done, size);
  map(rest, rest);
  std::memcpy(out + kChannels * done, rest, size);
}

template <class T>
void MapPixels(const Steps& steps, bool has_alpha, const Pixels& pixels) {
  if (has_alpha) {
    MapChannels<T, 4>(steps, pixels);
  } else {
    MapChannels<T, 3>(steps, pixels);
  }
}

}  // namespace
}  // namespace lutjax

#endif  // LUTJAX_NATIVE_PIXELS_H_
