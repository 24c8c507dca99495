// Everything mixed: an episode is one shop under a handful of faults, drawn from its seed, which then
// comes to rest and is judged.
// One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/chaos/faults.hpp"
#include "tests/chaos/judging.hpp"

namespace holdfast::chaos {

/// The faults of these names; where none is given, all but those that have to be named. Throws
/// std::invalid_argument.
std::vector<fault> faults_named(const std::vector<std::string>& names);

struct episodes_assignment {
  std::chrono::minutes time{3};
  std::uint64_t seed = 1;
  /// Empty: all.
  std::vector<std::string> faults;
  bool may_mount = false;
};

/// Begins no further episode once the time has passed: one at least, up to the first failure. Prints
/// a line for each, what struck a failed or a single one, and at the end how often there was what.
/// The judgement of the last one.
judgement episodes(const episodes_assignment& what);

}  // namespace holdfast::chaos
