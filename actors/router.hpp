// Finds the shard of each command and sends it there, with the one who waits for its answer.
// Thread-safe; must go before the actor system does.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

class router {
 public:
  /// All shards in their order. Placements without a key go round robin from `next_shard` on.
  router(std::vector<shard_actor> shards, std::size_t next_shard)
      : shards_(std::move(shards)), next_shard_(next_shard) {}

  void place(placement_request request, std::function<void(placement_answer)> done);
  void cancel(cancel_reservation what, std::function<void(cancellation_answer)> done);

 private:
  const shard_actor& shard_for(const placement_request& request);

  const std::vector<shard_actor> shards_;
  std::atomic<std::size_t> next_shard_;
};

}  // namespace holdfast::actors
