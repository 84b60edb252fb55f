// The kernels as calls of XLA, and of Python on arrays of the host.

#include <algorithm>
#include <cstdint>

#include "lattice.h"
#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace lutjax {
namespace {

namespace ffi = xla::ffi;

// Pixels per part of a call: what a thread does in a tenth of a millisecond or two.
constexpr int64_t kPart = 1 << 15;

// The changes that this build expects of its caller (library.py).
constexpr int32_t kVersion = 1;

// Where one operand of a mapped call lies: its leading axes are those of the
// result, or 1 where it is the same for all.
int64_t BatchIndex(ffi::AnyBuffer::Dimensions own, ffi::AnyBuffer::Dimensions all,
                   size_t axes, int64_t index) {
  int64_t result = 0, step = 1;
  for (size_t axis = axes; axis-- > 0;) {
    if (own[axis] != 1) result += step * (index % all[axis]);
    step *= own[axis];
    index /= all[axis];
  }
  return result;
}

int64_t Product(ffi::AnyBuffer::Dimensions dimensions, size_t from, size_t to) {
  int64_t product = 1;
  for (size_t axis = from; axis < to; ++axis) product *= dimensions[axis];
  return product;
}

// Lattice [..., N1, N2, N3, 3], domain [..., 2, 3], pixels [..., P..., 3].
ffi::Error Interpolate(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> lattice,
                       ffi::Buffer<ffi::F32> domain, ffi::Buffer<ffi::F32> pixels,
                       ffi::Result<ffi::Buffer<ffi::F32>> result, int32_t method) {
  const auto sizes = lattice.dimensions(), shape = result->dimensions();
  const auto limits = domain.dimensions(), source = pixels.dimensions();
  if (sizes.size() < 4) {
    return ffi::Error::InvalidArgument("Expected a lattice [..., N, N, N, 3].");
  }
  const size_t axes = sizes.size() - 4;
  const int64_t floats = Product(sizes, axes, axes + 4);
  if (sizes.back() != 3 || floats > kMaxFloats || limits.size() != axes + 2 ||
      Product(limits, axes, axes + 2) != 6 || shape.size() <= axes ||
      source.size() != shape.size() || shape.back() != 3) {
    return ffi::Error::InvalidArgument(
        "Expected lattice [..., N, N, N, 3], domain [..., 2, 3], pixels [..., 3].");
  }
  for (size_t axis = axes; axis < axes + 3; ++axis) {
    if (sizes[axis] < 2) return ffi::Error::InvalidArgument("Expected N >= 2.");
  }
  int64_t batch = Product(shape, 0, axes);
  int64_t count = Product(shape, axes, shape.size() - 1);
  if (batch == 0 || count == 0) return ffi::Error::Success();
  const bool is_one = Product(sizes, 0, axes) == 1 && Product(limits, 0, axes) == 1 &&
                      pixels.element_count() == result->element_count();
  if (is_one) {
    count *= batch;
    batch = 1;
  }

  const Run run = Chosen();
  const Job job = {static_cast<Method>(method), Depth::kFloat, false, 1.0f};
  const float* in = pixels.typed_data();
  float* out = result->typed_data();
  const int64_t each = (count + kPart - 1) / kPart;
  auto part = [=](int64_t index) {
    const int64_t item = index / each, from = index % each * kPart;
    const int64_t table = is_one ? 0 : BatchIndex(sizes, shape, axes, item);
    const int64_t box = is_one ? 0 : BatchIndex(limits, shape, axes, item);
    const int64_t image = is_one ? 0 : BatchIndex(source, shape, axes, item);
    Lattice view = {lattice.typed_data() + table * floats, {}, {}, {}};
    const float* edges = domain.typed_data() + 6 * box;
    for (int i = 0; i < 3; ++i) {
      view.sizes[i] = static_cast<int32_t>(sizes[axes + i]);
      view.low[i] = edges[i];
      view.high[i] = edges[3 + i];
    }
    run(view, job, in + 3 * (image * count + from), out + 3 * (item * count + from),
        std::min(kPart, count - from));
  };
  const int64_t parts = batch * each;
  const int64_t helpers =
      std::min({pool.num_threads() - 1, parts - 1, batch * count / kPart});
  ForEachPart(pool, helpers, parts, part);
  return ffi::Error::Success();
}

}  // namespace
}  // namespace lutjax

XLA_FFI_DEFINE_HANDLER_SYMBOL(lutjax_interpolate, lutjax::Interpolate,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int32_t>("method"));

extern "C" int32_t lutjax_version() { return lutjax::kVersion; }

// On the calling thread: `out` is `in` or does not overlap it.
extern "C" void lutjax_interpolate_host(const float* nodes, const int32_t* sizes,
                                        const float* domain, int32_t method,
                                        int32_t depth, int32_t has_alpha,
                                        float strength, const void* in, void* out,
                                        int64_t count) {
  lutjax::Lattice view = {nodes, {}, {}, {}};
  for (int i = 0; i < 3; ++i) {
    view.sizes[i] = sizes[i];
    view.low[i] = domain[i];
    view.high[i] = domain[3 + i];
  }
  const lutjax::Job job = {static_cast<lutjax::Method>(method),
                           static_cast<lutjax::Depth>(depth), has_alpha != 0, strength};
  lutjax::Chosen()(view, job, in, out, count);
}
