// What was published, for invariant 13: what a reader of /events was told, and what the Redis stream holds,
// each as soon as that is everything that the journal has, or as it is when that takes too long.
// Waits; one thread, that of the run.
#pragma once

#include <vector>

#include "tests/chaos/recorded_reader.hpp"
#include "tests/proof/history.hpp"
#include "tests/support/redis_server.hpp"

namespace holdfast::chaos {

std::vector<proof::event_line> told_to(const recorded_reader& reader,
                                       const std::vector<proof::journal_line>& journal);

/// In the order of its entries; they count as those of reader `number`.
std::vector<proof::event_line> published_in(const testing::redis_server& redis, std::uint32_t number,
                                            const std::vector<proof::journal_line>& journal);

}  // namespace holdfast::chaos
