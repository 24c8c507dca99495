// Judges a history by the invariants: one library for simulation, chaos and power loss, which knows
// nothing of how a history came about. It decodes and folds the journal by itself and takes no
// word of the engine for it.
//
//  1 what was acknowledged is in the journal      7 commands and reads of a reservation are in order
//  2 money: nothing or the price, as journalled   8 positions are gapless
//  3 confirmed means captured, and the reverse    9 the view equals the fold of the journal
//  4 cancelled means refunded once, receipt void 10 replay is deterministic, nothing is done twice
//  5 one key, one reservation, one answer        11 everything is answered and ends, or is parked
//  6 receipt numbers are gapless                 12 no card number anywhere
//                                                13 all that is durable is published, and only that
//
// Pure: one history, one verdict. Time and memory grow with the history, n log n.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/proof/history.hpp"

namespace holdfast::proof {

struct violation {
  /// Its number in the list above.
  int invariant = 0;
  /// What is wrong, in a sentence.
  std::string what;
  /// Whom it is about; 0 and empty where it is about no single one.
  reservation_id reservation = 0;
  /// What happened to it, in the order of time, a line each: the operations that matter, the records
  /// of both journals, the provider's calls and ledger, the view's row.
  std::vector<std::string> story;
};

struct verdict {
  std::vector<violation> violations;
  /// What was looked at, so that an empty history is not taken for a good one.
  std::uint64_t operations = 0;
  std::uint64_t reservations = 0;
  std::uint64_t receipts = 0;
  std::uint64_t ledger_lines = 0;

  bool good() const { return violations.empty(); }
};

/// Violations beyond so many are counted by nobody: the first ones tell.
inline constexpr std::size_t most_violations = 20;

verdict check(const history& what);

/// As people read it: a paragraph for each violation, and the command that does it again.
std::string to_text(const verdict& judged, const run_facts& facts);

}  // namespace holdfast::proof
