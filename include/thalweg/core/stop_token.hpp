// A flag that a signal handler or another thread may set, and that the run loop reads between
// steps.
#pragma once

#include <atomic>

namespace thalweg {

class StopToken {
 public:
  void request() noexcept {
    requested_.store(true, std::memory_order_relaxed);
  }  ///< async-signal-safe
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> requested_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace thalweg
