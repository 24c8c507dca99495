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
  /// Empty where nothing failed.
  std::string failure;
  /// What failed is that something acknowledged is gone; nothing else counts as a loss.
  bool lost = false;
};

/// Up to the first failure; without syncs up to the first loss, since a disk that was lied to may fail in
/// other ways before. Prints a line for each round.
outcome run(const assignment& what);

}  // namespace holdfast::powerloss
