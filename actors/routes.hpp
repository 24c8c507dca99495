// The shards that this node serves. The keeper puts them in and takes them out; commands look here first, and
// find none once the leases have run out: what the actors remember may be old by then.
// Thread-safe; must go before the actor system does.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "actors/interfaces.hpp"
#include "storage/projection_progress.hpp"
#include "storage/shard.hpp"

namespace holdfast::actors {

class routes {
 public:
  explicit routes(const storage::projection_progress& progress) : progress_(progress) {}

  void put(storage::shard_id shard, shard_actor actor) {
    const std::unique_lock lock(mutex_);
    if (!actors_[shard]) served_.insert(std::upper_bound(served_.begin(), served_.end(), shard), shard);
    actors_[shard] = std::move(actor);
  }
  void remove(storage::shard_id shard) {
    const std::unique_lock lock(mutex_);
    actors_[shard] = shard_actor();
    std::erase(served_, shard);
  }
  void clear() {
    const std::unique_lock lock(mutex_);
    actors_.fill(shard_actor());
    served_.clear();
  }

  /// The next placement without a key goes there, where that is served.
  void go_on_with(storage::shard_id shard) {
    const std::shared_lock lock(mutex_);
    const auto place = std::lower_bound(served_.begin(), served_.end(), shard) - served_.begin();
    next_ = static_cast<std::size_t>(place);
  }

  /// Null where the shard is not served here.
  shard_actor find(storage::shard_id shard) const {
    if (!progress_.may_serve()) return shard_actor();
    const std::shared_lock lock(mutex_);
    return actors_[shard];
  }
  /// Round robin; null where none is served.
  shard_actor next() {
    if (!progress_.may_serve()) return shard_actor();
    const std::shared_lock lock(mutex_);
    if (served_.empty()) return shard_actor();
    return actors_[served_[next_.fetch_add(1, std::memory_order_relaxed) % served_.size()]];
  }

 private:
  const storage::projection_progress& progress_;
  mutable std::shared_mutex mutex_;
  std::array<shard_actor, storage::shard_count> actors_;
  /// In their order.
  std::vector<storage::shard_id> served_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace holdfast::actors
