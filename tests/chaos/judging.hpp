// The end of every run: faults are over, everything comes to rest within a bounded time, and the
// checker judges what is left.
// One thread, that of the run.
#pragma once

#include <chrono>
#include <string>

#include "tests/chaos/recorded_customers.hpp"
#include "tests/chaos/recorded_reader.hpp"
#include "tests/chaos/site.hpp"
#include "tests/proof/checker.hpp"

namespace holdfast::chaos {

struct run_identity {
  /// "chaos", "power loss".
  std::string producer;
  std::uint64_t seed = 0;
  std::string replay;
  /// For everything together to come to rest after the last fault: backed-off retries and the
  /// breaker's rests included. Nothing waits for it to pass unless something is wrong.
  std::chrono::seconds rest_within{180};
};

struct judgement {
  bool good = true;
  /// Something that had been acknowledged, or that is gone from amid the journal. Whatever else is bad
  /// is no loss.
  bool lost = false;
  /// For people; says how to do it again where it is bad.
  std::string text;
  /// What was at work, in a line.
  std::string figures;
};

/// With servers that run, a provider that is well and customers who have left. Lets them repeat
/// their keys, waits for rest, and judges, also what `reader`, where there is one, was told since the site
/// was new, and what is published. A bad history is kept in a file that the text names.
judgement judge(site& at, recorded_crowd& customers, const run_identity& run,
                const recorded_reader* reader = nullptr);

}  // namespace holdfast::chaos
