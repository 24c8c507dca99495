// What the actors of a cluster's node count, for readers outside of them. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "actors/engine.hpp"

namespace holdfast::actors {

class cluster_meter {
 public:
  void joined() { clustered_ = true; }
  void beat_answered(const cluster_figures& seen) {
    members_ = seen.members;
    shards_without_owner_ = seen.shards_without_owner;
    ++beats_answered_;
    in_touch_ = true;
  }
  void beat_failed() { ++beats_failed_; }
  void out_of_touch() { in_touch_ = false; }
  void gained(storage::epoch owner_epoch) {
    ++shards_gained_;
    ++shards_owned_;
    // One actor claims, so none comes between.
    newest_epoch_ = std::max(newest_epoch_.load(), owner_epoch);
  }
  void lost_shard() {
    ++shards_lost_;
    --shards_owned_;
  }
  void forwarded() { commands_forwarded_.fetch_add(1, std::memory_order_relaxed); }
  void asked_again() { commands_asked_again_.fetch_add(1, std::memory_order_relaxed); }

  cluster_figures read() const {
    return {clustered_,
            in_touch_,
            members_,
            shards_owned_,
            shards_without_owner_,
            beats_answered_,
            beats_failed_,
            newest_epoch_,
            shards_gained_,
            shards_lost_,
            commands_forwarded_,
            commands_asked_again_};
  }

 private:
  std::atomic<bool> clustered_ = false;
  std::atomic<bool> in_touch_ = false;
  std::atomic<std::uint32_t> members_ = 0;
  std::atomic<std::uint32_t> shards_owned_ = 0;
  std::atomic<std::uint32_t> shards_without_owner_ = 0;
  std::atomic<std::uint64_t> beats_answered_ = 0;
  std::atomic<std::uint64_t> beats_failed_ = 0;
  std::atomic<std::uint64_t> newest_epoch_ = 0;
  std::atomic<std::uint64_t> shards_gained_ = 0;
  std::atomic<std::uint64_t> shards_lost_ = 0;
  std::atomic<std::uint64_t> commands_forwarded_ = 0;
  std::atomic<std::uint64_t> commands_asked_again_ = 0;
};

}  // namespace holdfast::actors
