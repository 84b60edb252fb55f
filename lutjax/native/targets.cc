// Which kernels run, asked of the processor once.

#include <atomic>

#include "lattice.h"

namespace lutjax {
namespace {

enum Target : int32_t { kPlain = 0, kAvx2 = 1, kAvx512 = 2, kTargets = 3 };

bool Has(int32_t target) {
  switch (target) {
    case kPlain:
      return true;
#if defined(__x86_64__)
    case kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case kAvx512:
      return Has(kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
#endif
    default:
      return false;
  }
}

Run Of([[maybe_unused]] int32_t target) {
#if defined(__x86_64__)
  if (target == kAvx2) return RunAvx2;
  if (target == kAvx512) return RunAvx512;
#endif
  return RunPlain;
}

Run Fastest() {
  int32_t target = kTargets - 1;
  while (!Has(target)) --target;
  return Of(target);
}

std::atomic<Run>& Choice() {
  static std::atomic<Run> choice{Fastest()};
  return choice;
}

}  // namespace

Run Chosen() { return Choice().load(std::memory_order_relaxed); }

}  // namespace lutjax

// Whether this processor runs the kernels of a target.
extern "C" int32_t lutjax_has(int32_t target) { return lutjax::Has(target); }

// Makes all calls from now on run those of one target, or the fastest for -1.
// Returns whether there are such.
extern "C" int32_t lutjax_use(int32_t target) {
  if (target >= 0 && !lutjax::Has(target)) return 0;
  lutjax::Choice() = target < 0 ? lutjax::Fastest() : lutjax::Of(target);
  return 1;
}
