// One curve per channel, read linearly. Included once per target, like vectors.h.
//
// Pixels stay as they are, r g b r g b: what differs between channels is held in
// vectors, which repeat after three. The two samples of a curve that a value lies
// between are 12 bytes apart and read as one vector of four.

#ifndef LUTJAX_NATIVE_CURVES_H_
#define LUTJAX_NATIVE_CURVES_H_

#include "grid.h"
#include "lattice.h"
#include "positions.h"
#include "vectors.h"

namespace lutjax {
namespace {

// Curves, as `Shape` needs them: lane by lane of three vectors.
struct Shaper {
  const float* rows;
  Nodes nodes;
  bool is_unit;
  Wide low[3], high[3], width[3];
  WideInt channel[3];
};

LUTJAX_INLINE Shaper MakeShaper(const Curves& curves) {
  Shaper shaper = {};
  if (curves.rows == nullptr) return shaper;
  shaper.rows = curves.rows;
  shaper.nodes = MakeNodes(curves.size);
  shaper.is_unit = true;
  for (int i = 0; i < 3 * kLanes; ++i) {
    const int channel = i % 3, vector = i / kLanes, lane = i % kLanes;
    const float low = curves.low[channel], high = curves.high[channel];
    shaper.low[vector][lane] = low;
    shaper.high[vector][lane] = high;
    shaper.width[vector][lane] = high - low;
    shaper.channel[vector][lane] = channel;
    shaper.is_unit &= low == 0.0f && high == 1.0f;
  }
  return shaper;
}

// Reads the curves at the colours of a block. `out` may be `in`.
inline void Shape(const Shaper& shaper, const float* in, float* out) {
  alignas(64) int32_t sample[kColours];
  alignas(64) float fraction[kColours];
  for (int at = 0; at < kColours; at += 3 * kLanes) {
    for (int i = 0; i < 3; ++i) {
      const int from = at + i * kLanes;
      const Wide unit = Normalize(Load<Wide>(in + from), shaper.low[i], shaper.high[i],
                                  shaper.width[i], shaper.is_unit);
      WideInt node;
      Wide way;
      Place(shaper.nodes, unit, node, way);
      Store(sample + from, WideInt(3 * node + shaper.channel[i]));
      Store(fraction + from, way);
    }
  }
  for (int at = 0; at < kColours; at += 4) {
    const auto pair = [&](int i) {
      return Load<Quad>(shaper.rows + sample[at + i]);
    };
    const Quad early = Shuffle<0, 3, 4, 7>(pair(0), pair(1));
    const Quad late = Shuffle<0, 3, 4, 7>(pair(2), pair(3));
    const Quad up = Load<Quad>(fraction + at);
    const Quad low = Shuffle<0, 2, 4, 6>(early, late);
    const Quad high = Shuffle<1, 3, 5, 7>(early, late);
    Store(out + at, Quad((1.0f - up) * low + up * high));
  }
}

// Makes all of a pixel NaN where a channel is, as a lattice does.
inline void SpreadNan(float* colours) {
  WideInt any = {};
  for (int at = 0; at < kColours; at += kLanes) {
    const Wide x = Load<Wide>(colours + at);
    any |= x != x;
  }
  int32_t found = 0;
  for (int lane = 0; lane < kLanes; ++lane) found |= any[lane];
  if (!found) return;
  for (float* rgb = colours; rgb < colours + kColours; rgb += 3) {
    const float blank = 0.0f * (rgb[0] + rgb[1] + rgb[2]);
    if (blank != blank) rgb[0] = rgb[1] = rgb[2] = blank;
  }
}

}  // namespace
}  // namespace lutjax

#endif  // LUTJAX_NATIVE_CURVES_H_
