// One run of the whole engine, drawn from one seed: customers, faults and crashes, then a time
// without faults in which everything has to end, an audit, and the history of it all.
// Deterministic: one seed is one run, byte for byte. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <ostream>

#include "tests/proof/checker.hpp"
#include "tests/proof/history.hpp"
#include "tests/simulation/plan.hpp"

namespace holdfast::simulation {

struct run_result {
  proof::history history;
  proof::verdict judged;
  std::array<std::uint64_t, fault_count> struck{};
  std::uint64_t steps = 0;
};

/// The trace is written where it is wanted.
run_result simulate(std::uint64_t seed, std::ostream* trace = nullptr);

}  // namespace holdfast::simulation
