// The steps that are tried again and again on this node, published for readers outside of the actors.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "actors/engine.hpp"

namespace holdfast::actors {

class retry_board {
 public:
  /// Some megabytes. Further ones go on all the same, and are not told of.
  static constexpr std::size_t largest = 10'000;
  /// The attempt of a reservation that tries by itself, or sleeps until it does.
  static constexpr std::uint64_t by_itself = 0;

  /// `attempt` names who tries: what it has put only it takes away.
  void put(domain::reservation_id id, std::uint64_t attempt, retried_step what) {
    const std::lock_guard lock(mutex_);
    if (steps_.size() < largest || steps_.contains(id)) steps_[id] = {attempt, std::move(what)};
  }
  void remove(domain::reservation_id id, std::uint64_t attempt) {
    const std::lock_guard lock(mutex_);
    const auto found = steps_.find(id);
    if (found != steps_.end() && found->second.first == attempt) steps_.erase(found);
  }
  /// What the reservation's child has put is its own from now on.
  void take_over(domain::reservation_id id) {
    const std::lock_guard lock(mutex_);
    const auto found = steps_.find(id);
    if (found != steps_.end()) found->second.first = by_itself;
  }
  /// Its next owner tells of those of the shard.
  void remove_shard(storage::shard_id shard) {
    const std::lock_guard lock(mutex_);
    std::erase_if(steps_, [shard](const auto& one) { return storage::shard_of(one.first) == shard; });
  }
  std::optional<retried_step> find(domain::reservation_id id) const {
    const std::lock_guard lock(mutex_);
    const auto found = steps_.find(id);
    return found == steps_.end() ? std::nullopt : std::optional(found->second.second);
  }

 private:
  mutable std::mutex mutex_;
  std::map<domain::reservation_id, std::pair<std::uint64_t, retried_step>> steps_;
};

}  // namespace holdfast::actors
