// A lattice as the kernels need it. Included once per target, like vectors.h.

#ifndef LUTJAX_NATIVE_GRID_H_
#define LUTJAX_NATIVE_GRID_H_

#include "lattice.h"
#include "positions.h"
#include "vectors.h"

namespace lutjax {
namespace {

// Pixels of a block, and their colours.
constexpr int kBlock = 64, kColours = 3 * kBlock;

struct Axis {
  float low, high, width;
  bool is_unit;  // low is 0 and high is 1
  Nodes nodes;
  int32_t stride;
};

struct Grid {
  const float* nodes;
  Axis axes[3];
  int32_t far;  // from the lowest corner of a cell to the highest
};

LUTJAX_INLINE Grid MakeGrid(const Lattice& lattice) {
  Grid grid = {lattice.nodes, {}, 0};
  if (lattice.nodes == nullptr) return grid;
  int32_t stride = 3;
  for (int i = 2; i >= 0; --i) {
    const float low = lattice.low[i], high = lattice.high[i];
    grid.axes[i] = {low,
                    high,
                    high - low,
                    low == 0.0f && high == 1.0f,
                    MakeNodes(lattice.sizes[i]),
                    stride};
    grid.far += stride;
    stride *= lattice.sizes[i];
  }
  return grid;
}

// Maps kBlock pixels of three floats. `out` may be `in`.
using Block = void (*)(const Grid& grid, const float* in, float* out);

}  // namespace
}  // namespace lutjax

#endif  // LUTJAX_NATIVE_GRID_H_
