// What the writer of a Redis view has found out and its readers need: whose rows to expect, and
// on which run of the server the writer has opened the view. A server that was restarted may have
// come back with an older copy of its data; until the writer has opened the view on that run,
// readers must not answer from it.
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace holdfast::storage {

/// Nothing was opened yet while `stamp` is empty.
struct redis_session {
  std::string stamp;
  std::string server_run;
};

class redis_session_holder {
 public:
  /// Never null.
  std::shared_ptr<const redis_session> current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  void replace(redis_session session) {
    auto next = std::make_shared<const redis_session>(std::move(session));
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const redis_session> current_ = std::make_shared<const redis_session>();
};

}  // namespace holdfast::storage
