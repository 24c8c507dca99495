// The reservations of a shard that wait out of memory for their next try, and the alarm that each has. Some
// 120 bytes each. Owned by the shard, used by it alone.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "actors/step_retry.hpp"

namespace holdfast::actors {

class sleepers {
 public:
  using time_point = step_retry::time_point;

  std::size_t size() const { return asleep_.size(); }
  bool contains(domain::reservation_id id) const { return asleep_.contains(id); }

  void put(domain::reservation_id id, const step_retry& what) {
    asleep_.emplace(id, what);
    alarms_.emplace(what.due, id);
  }
  /// What it waits for; it sleeps no more.
  std::optional<step_retry> take(domain::reservation_id id) {
    const auto found = asleep_.extract(id);
    if (!found) return std::nullopt;
    alarms_.erase({found.mapped().due, id});
    return found.mapped();
  }
  /// time_point::max() where nobody sleeps.
  time_point next_alarm() const { return alarms_.empty() ? time_point::max() : alarms_.begin()->first; }
  /// Who is woken next.
  domain::reservation_id first() const { return alarms_.begin()->second; }

  void clear() {
    asleep_.clear();
    alarms_.clear();
  }

 private:
  std::unordered_map<domain::reservation_id, step_retry> asleep_;
  std::set<std::pair<time_point, domain::reservation_id>> alarms_;
};

}  // namespace holdfast::actors
