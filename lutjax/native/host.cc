// The kernels as calls of Python on arrays of the host.

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lattice.h"
#include "parallel.h"

namespace lutjax {
namespace {

// The changes that this build expects of its caller (library.py).
constexpr int32_t kVersion = 2;

// Threads of one call, which ends after them. Where the system has no more, those
// that there are do the work.
class Threads {
 public:
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }

  template <class Task>
  void Schedule(Task task) {
    try {
      threads_.emplace_back(std::move(task));
    } catch (const std::system_error&) {
    }
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace
}  // namespace lutjax

extern "C" int32_t lutjax_version() { return lutjax::kVersion; }

// Maps pixels on the calling thread and up to `threads` - 1 more. `rows` or `nodes`
// may be null; `out` is `in` or does not overlap it.
extern "C" void lutjax_map(const float* rows, int32_t size, const float* limits,
                           const float* nodes, const int32_t* sizes,
                           const float* domain, int32_t method, int32_t depth,
                           int32_t has_alpha, float strength, const void* in, void* out,
                           int64_t count, int32_t threads) {
  lutjax::Lut lut = {{rows, size, {}, {}}, {nodes, {}, {}, {}}};
  if (rows != nullptr) lutjax::SetDomain(limits, lut.curves);
  if (nodes != nullptr) {
    std::copy_n(sizes, 3, lut.lattice.sizes);
    lutjax::SetDomain(domain, lut.lattice);
  }
  const lutjax::Job job = {static_cast<lutjax::Method>(method),
                           static_cast<lutjax::Depth>(depth), has_alpha != 0, strength};
  const lutjax::Run run = lutjax::Chosen();
  const int64_t parts = (count + lutjax::kPart - 1) / lutjax::kPart;
  const int64_t pixel = (has_alpha ? 4 : 3) * lutjax::BytesOf(job.depth);
  auto part = [=](int64_t index) {
    const int64_t from = index * lutjax::kPart;
    run(lut, job, static_cast<const char*>(in) + pixel * from,
        static_cast<char*>(out) + pixel * from, std::min(lutjax::kPart, count - from));
  };
  lutjax::Threads pool;
  const int64_t helpers = std::min<int64_t>(threads, parts) - 1;
  lutjax::ForEachPart(pool, helpers, parts, part);
}
