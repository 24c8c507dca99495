// Rounds of kill -9 under load, at random moments and at named steps of persistence. Ten rounds make
// a stretch on one store, which comes to rest and is judged at its end; each stretch has a seed of its
// own, so that it can be done again alone.
// One thread.
#pragma once

#include <cstdint>

#include "tests/chaos/judging.hpp"

namespace holdfast::chaos {

/// Up to the first failure; prints a line for each stretch. The judgement of the last stretch.
judgement kill_rounds(std::uint64_t rounds, std::uint64_t seed);

}  // namespace holdfast::chaos
