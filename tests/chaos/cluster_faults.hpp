// What can happen to a cluster, each under its name. A fault begins, goes on for a bounded time while others
// may begin, and is ended by whoever let it begin.
// One thread, that of the run.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/cluster.hpp"

namespace holdfast::chaos {

/// What faults work on.
struct cluster_scene {
  cluster& at;
  recorder& into;
  std::mt19937_64& random;
};

struct fault_under_way {
  std::chrono::milliseconds lasts{0};
  /// To be undone when it is over.
  std::function<void()> end = [] {};
  /// At every look at it; false where it is over before its time.
  std::function<bool()> goes_on = [] { return true; };
};

struct cluster_fault {
  std::string name;
  /// Nothing where it can't be had at this moment.
  std::optional<fault_under_way> (*begin)(cluster_scene&);
};

/// By name, every one.
std::vector<cluster_fault> all_cluster_faults();

/// Each node in turn is told to end and comes back, as in an upgrade.
std::optional<fault_under_way> restart_in_turn(cluster_scene& in);

}  // namespace holdfast::chaos
