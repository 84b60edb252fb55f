// The kernels as calls of XLA.

#include <algorithm>
#include <cstdint>

#include "lattice.h"
#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace lutjax {
namespace {

namespace ffi = xla::ffi;

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

// The axes of a table: of a lattice [N1, N2, N3, 3] or of curves [S, 3].
constexpr size_t kOfLattice = 4, kOfCurves = 2;

template <size_t kAxes>
Lut MakeLut(const float* table, const int64_t* sizes, const float* domain) {
  Lut lut = {};
  if constexpr (kAxes == kOfLattice) {
    lut.lattice.nodes = table;
    for (int i = 0; i < 3; ++i) lut.lattice.sizes[i] = static_cast<int32_t>(sizes[i]);
    SetDomain(domain, lut.lattice);
  } else {
    lut.curves.rows = table;
    lut.curves.size = static_cast<int32_t>(sizes[0]);
    SetDomain(domain, lut.curves);
  }
  return lut;
}

// Table [..., N, 3] or [..., N1, N2, N3, 3], domain [..., 2, 3], pixels [..., P..., 3].
template <size_t kAxes>
ffi::Error Map(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> table,
               ffi::Buffer<ffi::F32> domain, ffi::Buffer<ffi::F32> pixels,
               ffi::Result<ffi::Buffer<ffi::F32>> result, int32_t method) {
  const auto sizes = table.dimensions(), shape = result->dimensions();
  const auto limits = domain.dimensions(), source = pixels.dimensions();
  if (sizes.size() < kAxes) {
    return ffi::Error::InvalidArgument("Expected a table of more axes.");
  }
  const size_t axes = sizes.size() - kAxes;
  const int64_t floats = Product(sizes, axes, sizes.size());
  if (sizes.back() != 3 || floats > kMaxFloats || limits.size() != axes + 2 ||
      Product(limits, axes, axes + 2) != 6 || shape.size() <= axes ||
      source.size() != shape.size() || shape.back() != 3) {
    return ffi::Error::InvalidArgument(
        "Expected table [..., N, 3], domain [..., 2, 3], pixels [..., 3].");
  }
  for (size_t axis = axes; axis + 1 < sizes.size(); ++axis) {
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
    const int64_t own = is_one ? 0 : BatchIndex(sizes, shape, axes, item);
    const int64_t box = is_one ? 0 : BatchIndex(limits, shape, axes, item);
    const int64_t image = is_one ? 0 : BatchIndex(source, shape, axes, item);
    const Lut lut = MakeLut<kAxes>(table.typed_data() + own * floats,
                                   sizes.begin() + axes, domain.typed_data() + 6 * box);
    run(lut, job, in + 3 * (image * count + from), out + 3 * (item * count + from),
        std::min(kPart, count - from));
  };
  const int64_t parts = batch * each;
  const int64_t helpers =
      std::min({pool.num_threads() - 1, parts - 1, batch * count / kPart});
  ForEachPart(pool, helpers, parts, part);
  return ffi::Error::Success();
}

auto Binding() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<ffi::Buffer<ffi::F32>>()
      .Arg<ffi::Buffer<ffi::F32>>()
      .Arg<ffi::Buffer<ffi::F32>>()
      .Ret<ffi::Buffer<ffi::F32>>()
      .Attr<int32_t>("method");
}

}  // namespace
}  // namespace lutjax

XLA_FFI_DEFINE_HANDLER_SYMBOL(lutjax_interpolate, lutjax::Map<lutjax::kOfLattice>,
                              lutjax::Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(lutjax_curves, lutjax::Map<lutjax::kOfCurves>,
                              lutjax::Binding());
