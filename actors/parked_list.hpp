// The reservations that are parked for an operator, published for readers outside of the actors.
// Every parked one is in it: those of before the start are in the unfinished index, and come to
// the list as they are resumed. Thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "actors/engine.hpp"

namespace holdfast::actors {

class parked_list {
 public:
  /// Some megabytes. Further ones are logged and stay parked, but are not listed.
  static constexpr std::size_t largest = 10'000;

  void put(parked_reservation one) {
    const std::lock_guard lock(mutex_);
    if (listed_.size() < largest || listed_.contains(one.id)) listed_[one.id] = std::move(one);
  }
  void remove(domain::reservation_id id) {
    const std::lock_guard lock(mutex_);
    listed_.erase(id);
  }
  /// Its next owner lists those of the shard.
  void remove_shard(storage::shard_id shard) {
    const std::lock_guard lock(mutex_);
    std::erase_if(listed_, [shard](const auto& one) { return storage::shard_of(one.first) == shard; });
  }
  parked_reservations read(std::size_t at_most) const {
    const std::lock_guard lock(mutex_);
    parked_reservations seen;
    seen.total = listed_.size();
    seen.first.reserve(std::min(at_most, seen.total));
    for (const auto& [id, one] : listed_) {
      if (seen.first.size() == at_most) break;
      seen.first.push_back(one);
    }
    return seen;
  }

 private:
  mutable std::mutex mutex_;
  std::map<domain::reservation_id, parked_reservation> listed_;
};

}  // namespace holdfast::actors
