// Says once that something has come about, to whoever waits for it outside of the actors. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace holdfast::actors {

class latch {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait_for(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace holdfast::actors
