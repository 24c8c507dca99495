// Calls on their way to an adapter's own threads, in order.
// Thread-safe. Not bounded by itself: every caller waits for its answers, so the callers' own
// bounds (the journal writer's one append under way, the engine's admission) bound it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace holdfast::storage {

template <class Call>
class call_queue {
 public:
  void push(Call call) {
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(std::move(call));
    }
    ready_.notify_one();
  }

  /// Waits for calls and takes the oldest ones, at most `most` of them. Takes none once the queue
  /// is closed and empty.
  std::deque<Call> take(std::size_t most) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return closed_ || !calls_.empty(); });
    if (calls_.size() <= most) {
      return std::exchange(calls_, {});
    }
    std::deque<Call> taken;
    for (; taken.size() < most; calls_.pop_front()) {
      taken.push_back(std::move(calls_.front()));
    }
    return taken;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Call> calls_;
  bool closed_ = false;
};

}  // namespace holdfast::storage
