// Work in parts, shared with threads that have time.

#ifndef LUTJAX_NATIVE_PARALLEL_H_
#define LUTJAX_NATIVE_PARALLEL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace lutjax {

// Does parts 0 to `parts` - 1, in any order, and returns when all are done.
//
// The caller takes parts like everyone and in the end waits only for those that
// another thread has begun. It may therefore run on a thread of the very pool that
// it asks for help, and that pool may be busy, of one thread, or never help: a
// caller that waited for its own tasks to be started would stop for good. Helpers
// that come late find nothing left and touch nothing but the counters, which they
// keep alive.
template <class Pool, class Part>
void ForEachPart(Pool& pool, int64_t helpers, int64_t parts, Part part) {
  struct Shared {
    Shared(Part part, int64_t parts) : part(std::move(part)), parts(parts) {}

    void Work() {
      for (;;) {
        const int64_t index = next.fetch_add(1);
        if (index >= parts) return;
        part(index);
        if (done.fetch_add(1) + 1 == parts) {
          // Under the lock, so that the caller is either before its check or asleep.
          std::lock_guard<std::mutex> lock(mutex);
          all_done.notify_all();
        }
      }
    }

    const Part part;
    const int64_t parts;
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> done{0};
    std::mutex mutex;
    std::condition_variable all_done;
  };
  if (helpers < 1 || parts < 2) {
    for (int64_t index = 0; index < parts; ++index) part(index);
    return;
  }
  auto shared = std::make_shared<Shared>(std::move(part), parts);
  for (int64_t i = 0; i < helpers; ++i) {
    pool.Schedule([shared] { shared->Work(); });
  }
  shared->Work();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done.load() == parts; });
}

}  // namespace lutjax

#endif  // LUTJAX_NATIVE_PARALLEL_H_
