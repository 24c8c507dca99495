#include "storage/task_thread.hpp"

#include <pthread.h>

#include <utility>

namespace holdfast::storage {

task_thread::task_thread(const char* name, std::size_t largest_queue)
    : name_(name), largest_queue_(largest_queue), thread_([this] { run(); }) {}

task_thread::~task_thread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wakeup_.notify_one();
  thread_.join();
}

bool task_thread::full() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size() >= largest_queue_;
}

void task_thread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wakeup_.notify_one();
}

void task_thread::run() {
  ::pthread_setname_np(::pthread_self(), name_);
  std::unique_lock lock(mutex_);
  while (true) {
    wakeup_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
    if (tasks_.empty()) {
      return;
    }
    {
      const auto task = std::exchange(tasks_.front(), nullptr);
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
}

}  // namespace holdfast::storage
