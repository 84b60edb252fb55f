// What the kernels work on, and the functions that run them.

#ifndef LUTJAX_NATIVE_LATTICE_H_
#define LUTJAX_NATIVE_LATTICE_H_

#include <cstdint>

namespace lutjax {

enum class Method : int32_t { kTrilinear = 0, kTetrahedral = 1 };

// A view of nodes [sizes[0], sizes[1], sizes[2], 3], indexed [r, g, b], that
// spans the box from low to high.
struct Lattice {
  const float* nodes;
  int32_t sizes[3];
  float low[3];
  float high[3];
};

// A view of [size, 3] samples of one curve per channel, evenly from low to high.
struct Curves {
  const float* rows;
  int32_t size;
  float low[3];
  float high[3];
};

// Curves, then a lattice; what has no samples is left out, but not both.
struct Lut {
  Curves curves;
  Lattice lattice;
};

// From rows of minimum and maximum.
template <class View>
void SetDomain(const float* domain, View& view) {
  for (int i = 0; i < 3; ++i) {
    view.low[i] = domain[i];
    view.high[i] = domain[3 + i];
  }
}

// Floats of the largest lattice: offsets are of 32 bits.
constexpr int64_t kMaxFloats = INT32_MAX;

enum class Depth : int32_t { kFloat = 0, k8Bits = 1, k16Bits = 2 };

constexpr int64_t BytesOf(Depth depth) {
  return depth == Depth::kFloat ? 4 : depth == Depth::k16Bits ? 2 : 1;
}

// Pixels per part of a call: what a thread does in a tenth of a millisecond or two.
constexpr int64_t kPart = 1 << 15;

struct Job {
  Method method;
  Depth depth;
  bool has_alpha;  // a fourth channel, which is kept
  float strength;  // 0 keeps the colours, 1 maps them, in between mixes
};

// Maps `count` pixels. `out` is `in` or does not overlap it.
using Run = void (*)(const Lut& lut, const Job& job, const void* in, void* out,
                     int64_t count);

// The same source, compiled for three kinds of processor.
void RunPlain(const Lut&, const Job&, const void*, void*, int64_t);
void RunAvx2(const Lut&, const Job&, const void*, void*, int64_t);
void RunAvx512(const Lut&, const Job&, const void*, void*, int64_t);

// The one that was asked for, or the fastest that this processor runs.
Run Chosen();

}  // namespace lutjax

#endif  // LUTJAX_NATIVE_LATTICE_H_
