// Everything that can happen to a cluster, mixed: an episode is three nodes under customers and faults drawn
// from its seed, some at a time and a rolling restart in the middle; then it comes to rest and is judged.
// One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/chaos/judging.hpp"

namespace holdfast::chaos {

struct cluster_assignment {
  std::chrono::seconds time{180};
  std::uint64_t seed = 1;
  /// Empty: all.
  std::vector<std::string> faults;
};

/// Throws std::invalid_argument where there is no such fault.
void check_cluster_faults(const std::vector<std::string>& names);

/// Begins no further episode once the time has passed: one at least, up to the first failure. Prints a line
/// for each, what struck a failed or a single one, and at the end how often there was what. In a world of its
/// own (own_world.hpp). The judgement of the last one.
judgement cluster_episodes(const cluster_assignment& what);

}  // namespace holdfast::chaos
