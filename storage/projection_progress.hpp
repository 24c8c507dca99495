// How far the view lags behind the journal, for each shard: what lets a reader know that a row
// may be older than an answer already given, and has to be folded from the journal instead.
// Thread-safe: the journal writer advances `durable`, the projector `projected`, readers look.
#pragma once

#include <array>
#include <atomic>

#include "storage/journal.hpp"

namespace holdfast::storage {

class projection_progress {
 public:
  /// Must be called before anything up to `to` is acknowledged.
  void durable(shard_id shard, position to) { durable_[shard].store(to, std::memory_order_release); }
  void projected(shard_id shard, position to) { projected_[shard].store(to, std::memory_order_release); }

  position durable(shard_id shard) const { return durable_[shard].load(std::memory_order_acquire); }
  position projected(shard_id shard) const { return projected_[shard].load(std::memory_order_acquire); }

  /// Whether some durable record of the shard is not in the view yet. Look before reading.
  bool lags(shard_id shard) const { return projected(shard) < durable(shard); }

 private:
  std::array<std::atomic<position>, shard_count> durable_{};
  std::array<std::atomic<position>, shard_count> projected_{};
};

}  // namespace holdfast::storage
