// The kernels, compiled once per target: each of plain.cc, avx2.cc and avx512.cc sets
// LUTJAX_RUN (the name of what it defines), LUTJAX_LANES and LUTJAX_FMA first.
//
// Pixels go through in blocks. A plan finds, a channel of kLanes pixels at a time,
// the cell and the weights of each; then each pixel is a weighted sum of nodes,
// which are rows of three floats, read as vectors of four. Twelve gathers of
// eight, as other engines have them, take twice as long on AVX2.
//
// What must hold is what lutjax/lut/interpolate.py says: nodes are exact, one NaN
// makes a pixel NaN, infinities clamp. See there and in lut/positions.py for why.

#include "curves.h"
#include "grid.h"
#include "lattice.h"
#include "pixels.h"
#include "positions.h"
#include "vectors.h"

namespace lutjax {
namespace {

struct Plan {
  alignas(64) int32_t corner[kBlock], first[kBlock], second[kBlock];
  alignas(64) float weight[4][kBlock];
};

// Trilinear: the fractions are the weights.
LUTJAX_INLINE void PlanTrilinear(const Wide* fraction, int at, Plan& plan) {
  for (int i = 0; i < 3; ++i) Store(&plan.weight[i][at], fraction[i]);
}

// Tetrahedral: steps in falling order of the fractions, whose gaps are the weights.
LUTJAX_INLINE void PlanTetrahedral(const Grid& grid, const Wide* fraction,
                                   WideInt corner, int at, Plan& plan) {
  const Wide r = fraction[0], g = fraction[1], b = fraction[2];
  const WideInt red = Splat(grid.axes[0].stride), green = Splat(grid.axes[1].stride),
                blue = Splat(grid.axes[2].stride);
  const Wide high = Max(r, g), low = Min(r, g);
  const Wide most = Max(high, b), least = Min(low, b);
  const Wide middle = Max(low, Min(high, b));
  const WideInt is_red = r >= g;
  const WideInt longest = high >= b ? (is_red ? red : green) : blue;
  const WideInt shortest = b < low ? blue : (is_red ? green : red);
  Store(plan.first + at, WideInt(corner + longest));
  Store(plan.second + at, WideInt(corner + grid.far - shortest));
  // Zero, or NaN where a channel is: the comparisons above hide it.
  const Wide blank = 0.0f * (r + g + b);
  Store(&plan.weight[0][at], Wide(1.0f - most + blank));
  Store(&plan.weight[1][at], Wide(most - middle));
  Store(&plan.weight[2][at], Wide(middle - least));
  Store(&plan.weight[3][at], least);
}

template <Method kMethod>
LUTJAX_INLINE void MakePlan(const Grid& grid, const float* in, Plan& plan) {
  for (int at = 0; at < kBlock; at += kLanes, in += 3 * kLanes) {
    // Of each four pixels: r0 g0 b0 r1, g1 b1 r2 g2, b2 r3 g3 b3.
    const Wide one = LoadGroups(in), two = LoadGroups(in + 4),
               three = LoadGroups(in + 8);
    const Wide late = Within<2, 3, 1, 2>(two, three);  // r2 g2 r3 g3
    const Wide early = Within<1, 2, 0, 1>(one, two);   // g0 b0 g1 b1
    const Wide colour[3] = {Within<0, 3, 0, 2>(one, late),
                            Within<0, 2, 1, 3>(early, late),
                            Within<1, 3, 0, 3>(early, three)};
    Wide fraction[3];
    WideInt corner = {};
    for (int i = 0; i < 3; ++i) {
      const Axis& axis = grid.axes[i];
      const Wide unit = Normalize(colour[i], Splat(axis.low), Splat(axis.high),
                                  Splat(axis.width), axis.is_unit);
      WideInt node;
      Place(axis.nodes, unit, node, fraction[i]);
      corner += node * axis.stride;
    }
    Store(plan.corner + at, corner);
    if (kMethod == Method::kTetrahedral) {
      PlanTetrahedral(grid, fraction, corner, at, plan);
    } else {
      PlanTrilinear(fraction, at, plan);
    }
  }
}

// The last node of a table ends with it: it is read from one float earlier.
LUTJAX_INLINE Quad LoadLast(const float* node) {
  const Quad v = Load<Quad>(node - 1);
  return Shuffle<1, 2, 3, 3>(v, v);
}

LUTJAX_INLINE Quad SumTetrahedral(const Grid& grid, const Plan& plan, int at) {
  const float* nodes = grid.nodes;
  const float* corner = nodes + plan.corner[at];
  const Quad near = SplatQuad(plan.weight[0][at]) * Load<Quad>(corner) +
                    SplatQuad(plan.weight[1][at]) * Load<Quad>(nodes + plan.first[at]);
  const Quad far = SplatQuad(plan.weight[3][at]) * LoadLast(corner + grid.far) +
                   SplatQuad(plan.weight[2][at]) * Load<Quad>(nodes + plan.second[at]);
  return near + far;
}

// Exactly `a` at 0 and `b` at 1.
template <class V>
LUTJAX_INLINE V Mix(V a, V b, V fraction) {
  return (a - fraction * a) + fraction * b;
}

// Two nodes along blue are neighbours: one vector of eight holds both.
LUTJAX_INLINE Quad SumTrilinear(const Grid& grid, const Plan& plan, int at) {
  const float* corner = grid.nodes + plan.corner[at];
  const int32_t red = grid.axes[0].stride, green = grid.axes[1].stride;
  const float* last = corner + red + green;
  const Quad tail = Load<Quad>(last + 2);  // Not past the end of the table.
  const Oct corners = Join(Load<Quad>(last), Shuffle<2, 3, 3, 3>(tail, tail));
  const Oct by_red = SplatOct(plan.weight[0][at]);
  const Oct near = Mix(Load<Oct>(corner), Load<Oct>(corner + red), by_red);
  const Oct far = Mix(Load<Oct>(corner + green), corners, by_red);
  const Oct pair = Mix(near, far, SplatOct(plan.weight[1][at]));
  const Quad low = Select<0, 1, 2, 3>(pair), rest = Select<4, 5, 6, 7>(pair);
  return Mix(low, Shuffle<3, 4, 5, 6>(low, rest), SplatQuad(plan.weight[2][at]));
}

template <Method kMethod>
LUTJAX_INLINE Quad Sum(const Grid& grid, const Plan& plan, int at) {
  return kMethod == Method::kTetrahedral ? SumTetrahedral(grid, plan, at)
                                         : SumTrilinear(grid, plan, at);
}

// A block is planned whole before any of it is written: `out` may be `in`.
template <Method kMethod>
void MapBlock(const Grid& grid, const float* in, float* out) {
  Plan plan;
  MakePlan<kMethod>(grid, in, plan);
  for (int at = 0; at < kBlock; at += 4, out += 12) {
    const Quad a = Sum<kMethod>(grid, plan, at), b = Sum<kMethod>(grid, plan, at + 1),
               c = Sum<kMethod>(grid, plan, at + 2),
               d = Sum<kMethod>(grid, plan, at + 3);
    Store(out, Shuffle<0, 1, 2, 4>(a, b));
    Store(out + 4, Shuffle<1, 2, 4, 5>(b, c));
    // In two steps that are one instruction each on x86.
    Store(out + 8, Shuffle<6, 1, 2, 3>(Shuffle<0, 0, 1, 2>(d, d), c));
  }
}

}  // namespace

void LUTJAX_RUN(const Lut& lut, const Job& job, const void* in, void* out,
                int64_t count) {
  const Block block = job.method == Method::kTetrahedral
                          ? MapBlock<Method::kTetrahedral>
                          : MapBlock<Method::kTrilinear>;
  const Steps steps = {MakeShaper(lut.curves), MakeGrid(lut.lattice), block,
                       job.strength};
  const Pixels pixels = {in, out, count};
  switch (job.depth) {
    case Depth::kFloat:
      return MapPixels<float>(steps, job.has_alpha, pixels);
    case Depth::k8Bits:
      return MapPixels<uint8_t>(steps, job.has_alpha, pixels);
    case Depth::k16Bits:
      return MapPixels<uint16_t>(steps, job.has_alpha, pixels);
  }
}

}  // namespace lutjax
