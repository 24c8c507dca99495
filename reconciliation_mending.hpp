// Mends differences between the provider's ledger and the journal: gives back at the provider,
// parks reservations in the journal. Mending the same difference again does no harm: a refund has
// a key that its transaction gives it, and a parked reservation stays as it is.
//
// Threading: one thread; blocks. Provider and journal must outlive it, and nobody else may own
// the journal: parking claims its shards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>

#include "payments/provider.hpp"
#include "reconciliation.hpp"
#include "storage/journal.hpp"

namespace holdfast {

enum class mending : std::uint8_t { none, refunded, parked, left };

struct mending_result {
  mending what = mending::none;
  /// Why, where it is left as it was, or may be.
  std::string why;
};

class difference_mender {
 public:
  difference_mender(payments::provider& provider, storage::journal& journal,
                    std::function<domain::timestamp()> clock)
      : provider_(provider), journal_(journal), clock_(std::move(clock)) {}

  /// For the differences in the order of compare(): a reservation is parked only where its money
  /// has been given back before, because a parked one is not judged again.
  mending_result mend(const difference& what);

 private:
  mending_result refund(const difference& what);
  mending_result park(const difference& what);
  std::optional<std::string> append_parking(const difference& what);
  tl::expected<storage::epoch, std::string> epoch_of(storage::shard_id shard);

  payments::provider& provider_;
  storage::journal& journal_;
  std::function<domain::timestamp()> clock_;
  std::unordered_map<storage::shard_id, storage::epoch> epochs_;
  /// The reservation that a refund was left of last.
  std::optional<domain::reservation_id> not_given_back_;
};

/// The refund's idempotency key. For a missing refund it is the one that the engine used, so that
/// a refund of which only the ledger's line is missing is not given twice.
std::string refund_key_for(const difference& what);

/// What it says about a difference, in a sentence without a full stop.
std::string explain(const difference& what);

}  // namespace holdfast
