// The way to the receipt clerk past the desk: who finds it open asks the clerk himself. Thread-safe: the desk
// opens and shuts it.
#pragma once

#include <mutex>
#include <set>
#include <utility>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

class receipt_door {
 public:
  /// These books are kept by this clerk. Shut where there is none.
  void lead_to(receipt_clerk_actor clerk, std::set<storage::shard_id> shards) {
    const std::lock_guard lock(mutex_);
    clerk_ = std::move(clerk);
    shards_ = std::move(shards);
  }

  /// Null where the desk has to be asked: it says that it is away, or reaches the book at another node.
  receipt_clerk_actor clerk_of(storage::shard_id shard) const {
    const std::lock_guard lock(mutex_);
    return shards_.contains(shard) ? clerk_ : receipt_clerk_actor{};
  }

 private:
  mutable std::mutex mutex_;
  receipt_clerk_actor clerk_;
  std::set<storage::shard_id> shards_;
};

}  // namespace holdfast::actors
