// Rounds of power loss: the server under load on a volume whose power is cut, started again on what
// the volume has kept, judged. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::powerloss {

struct assignment {
  std::uint64_t rounds = 30;
  std::uint64_t seed = 1;
  /// Every sync of the server's does nothing.
  bool no_sync = false;
};

struct outcome {
  std::uint64_t rounds = 0;
  /// What fails before the first one has nothing to do with power.
  std::uint64_t cuts = 0;
  /// Empty where nothing was lost.
  std::string failure;
};

/// Up to the first failure. Prints a line for each round.
outcome run(const assignment& what);

}  // namespace holdfast::powerloss
