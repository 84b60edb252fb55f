// Positions on evenly spaced nodes: lutjax/lut/positions.py, step by step. Included
// once per target, like vectors.h.

#ifndef LUTJAX_NATIVE_POSITIONS_H_
#define LUTJAX_NATIVE_POSITIONS_H_

#include "vectors.h"

namespace lutjax {
namespace {

// Evenly spaced nodes from 0 to 1.
struct Nodes {
  float cells;         // nodes less one
  float coarse, fine;  // whose sum is `cells`, 12 bits each
  bool is_exact;       // products with `cells` are: it is a power of two
};

LUTJAX_INLINE Nodes MakeNodes(int32_t size) {
  const int32_t cells = size - 1, fine = cells & 0xfff;
  return {static_cast<float>(cells), static_cast<float>(cells - fine),
          static_cast<float>(fine), (cells & (cells - 1)) == 0};
}

// A domain as [0, 1]; what lies outside is clamped, NaN is kept.
LUTJAX_INLINE Wide Normalize(Wide x, Wide low, Wide high, Wide width, bool is_unit) {
  x = x < low ? low : x;
  x = x > high ? high : x;
  return is_unit ? x : (x - low) / width;
}

// x * cells - whole, rounded once, for a whole near the product.
LUTJAX_INLINE Wide ProductAbove(Wide x, const Nodes& nodes, Wide whole) {
#if LUTJAX_FMA && LUTJAX_LANES == 16
  return (Wide)_mm512_fmsub_ps((__m512)x, _mm512_set1_ps(nodes.cells), (__m512)whole);
#elif LUTJAX_FMA && LUTJAX_LANES == 8
  return (Wide)_mm256_fmsub_ps((__m256)x, _mm256_set1_ps(nodes.cells), (__m256)whole);
#elif LUTJAX_FMA
  return (Wide)vfmaq_n_f32((float32x4_t)-whole, (float32x4_t)x, nodes.cells);
#else
  // Halves of 12 bits have products that a float holds.
  const Wide high = (Wide)((WideInt)x & ~0xfff);
  return (high * nodes.coarse - whole) + high * nodes.fine + (x - high) * nodes.cells;
#endif
}

// Finds the node below each position of [0, 1], and the way from there to the next.
// A NaN lies above some node, too.
LUTJAX_INLINE void Place(const Nodes& nodes, Wide x, WideInt& node, Wide& fraction) {
  const Wide top = Splat(nodes.cells - 1.0f);
  const Wide scaled = x * nodes.cells;
  if (nodes.is_exact) {
    node = ToInt(Min(scaled, top));
    fraction = scaled - ToFloat(node);
    return;
  }
  const Wide whole = ToFloat(ToInt(Min(scaled, Splat(nodes.cells)) + 0.5f));
  const Wide off = ProductAbove(x, nodes, whole);
  const Wide limit = whole * 0x1p-24f;
  const WideInt own = (off <= limit) & (-off <= limit);
  const Wide below = ToFloat(ToInt(Min(own ? whole : scaled, top)));
  fraction = ProductAbove(x, nodes, below);
  fraction = own ? whole - below : fraction;
  // A product that was rounded up to a node lies in the cell below.
  const WideInt passed = fraction < 0.0f;
  node = ToInt(below) + passed;
  fraction = passed ? fraction + 1.0f : fraction;
}

}  // namespace
}  // namespace lutjax

#endif  // LUTJAX_NATIVE_POSITIONS_H_
