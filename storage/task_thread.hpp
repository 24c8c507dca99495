// A thread that runs tasks one after the other, in the order they were given: where adapters do
// their blocking I/O.
// Threading: post() and full() may be called from any thread. The destructor runs what was
// posted before, then ends the thread. Tasks must not throw.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace holdfast::storage {

class task_thread {
 public:
  /// Is full from `largest_queue` waiting tasks on. The name, at most 15 characters, is what the system
  /// shows.
  task_thread(const char* name, std::size_t largest_queue);
  ~task_thread();
  task_thread(const task_thread&) = delete;
  task_thread& operator=(const task_thread&) = delete;

  /// Whoever posts looks first, and where it is full posts a refusal or nothing.
  bool full() const;
  void post(std::function<void()> task);

 private:
  void run();

  const char* const name_;
  const std::size_t largest_queue_;
  mutable std::mutex mutex_;
  std::condition_variable wakeup_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace holdfast::storage
