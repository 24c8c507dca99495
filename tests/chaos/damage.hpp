// A byte of a journal flips between two runs: the server has to refuse it with a message that says
// where, or to have lost nothing by it. Tried on a copy.
// Blocks; one thread.
#pragma once

#include <filesystem>
#include <random>
#include <string>

namespace holdfast::chaos {

struct damage_report {
  /// "bit 3 of byte 4711 of reservations/000012.log, 9000 bytes".
  std::string what;
  /// "refused: ...", "nothing lost".
  std::string came_of_it;
  /// Empty where it is as it has to be.
  std::string wrong;
};

/// The data must not be in use.
damage_report try_damaged_copy(const std::filesystem::path& data, std::mt19937_64& random);

}  // namespace holdfast::chaos
