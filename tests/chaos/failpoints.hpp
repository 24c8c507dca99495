// The named steps of persistence at which a process can be killed: before the call, after it, or
// amid a write.
// Pure but for the random numbers.
#pragma once

#include <random>
#include <string>

#include "tests/chaos/faulty_process.hpp"

namespace holdfast::chaos {

struct failpoint {
  /// "reservations-log", to be named in lists of faults.
  std::string name;
  disk_fault where;
};

/// One of them, by chance, killing the process.
failpoint draw_failpoint(std::mt19937_64& random);

/// One that leaves half a record at the end of a journal's log.
failpoint draw_torn_tail(std::mt19937_64& random);

}  // namespace holdfast::chaos
