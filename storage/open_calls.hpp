// Counts the calls that were not answered yet, so that a destructor can wait for the answers.
// Thread-safe. Must outlive the threads that answer.
#pragma once

#include <atomic>
#include <cstddef>

namespace holdfast::storage {

class open_calls {
 public:
  void begin() { count_.fetch_add(1, std::memory_order_relaxed); }
  /// To be called when the callback has returned: a callback may begin another call.
  void end() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      count_.notify_all();
    }
  }
  void wait_for_none() const {
    for (auto count = count_.load(); count != 0; count = count_.load()) {
      count_.wait(count);
    }
  }

 private:
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace holdfast::storage
