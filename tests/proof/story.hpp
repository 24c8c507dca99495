// Tells what happened to one reservation, in the order of time: the shortest account of a violation.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

/// Placements, cancellations and `witnesses` of the reservation, and of the keys it was placed with;
/// its records, calls, ledger lines and row; crashes and other faults in between. Of no reservation
/// (0): the witnesses alone.
std::vector<std::string> tell_story(const case_file& file, reservation_id about,
                                    const std::vector<const operation*>& witnesses);

/// One operation in one line, without its time.
std::string to_text(const operation& what);

}  // namespace holdfast::proof
