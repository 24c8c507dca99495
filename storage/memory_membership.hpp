// A cluster's membership in memory: for tests and for simulation. All nodes of it are in this process.
//
// Single-threaded; answers before a call returns. The clock comes from outside.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "storage/membership.hpp"

namespace holdfast::storage {

class memory_membership : public membership {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  memory_membership(std::chrono::milliseconds lease, std::function<time_point()> clock)
      : lease_(lease), clock_(std::move(clock)) {}

  /// What these nodes ask fails, as if they could not reach the store.
  void cut_off(std::set<std::string> names) { cut_off_ = std::move(names); }

  std::chrono::milliseconds lease() const override { return lease_; }
  void beat(heartbeat what, heartbeat_callback done) override;
  void leave(std::string name, std::function<void(membership_result<bool>)> done) override;

 private:
  struct known_member {
    cluster_member who;
    time_point until;
    std::uint64_t last_beat = 0;
  };
  struct known_lease {
    std::string owner;
    time_point until;
  };

  void give_back(const std::string& from, const std::set<shard_id>& except);
  cluster_state state(const std::string& for_whom) const;

  const std::chrono::milliseconds lease_;
  const std::function<time_point()> clock_;
  /// Also those who are gone: their late heartbeats are told by that.
  std::map<std::string, known_member> members_;
  std::array<known_lease, shard_count> leases_;
  std::set<std::string> cut_off_;
};

}  // namespace holdfast::storage
