// Walks over all reservations of a journal, each folded to what it is now.
//
// Threading: one thread; blocks on the journal, which must not be changing meanwhile. Memory: the
// reservations of one shard at a time, one of 256.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "domain/reservation.hpp"
#include "storage/journal.hpp"

namespace holdfast {

struct stored_reservation {
  domain::reservation_id id = 0;
  domain::reservation state;
};

/// Each one, shard by shard, by id within the shard; or why the journal can't be read.
tl::expected<void, std::string> for_each_stored_reservation(
    storage::journal& journal, const std::function<void(const stored_reservation&)>& each);

/// One of them; version 0 where there is none.
tl::expected<stored_reservation, std::string> read_stored_reservation(storage::journal& journal,
                                                                      domain::reservation_id id);

}  // namespace holdfast
