// Replays the journal of reservations: records in the order of their shards become events, each with the
// state that its reservation had right after it. States are kept for a while, for what happens to a
// reservation happens mostly within moments; what is not there is folded from the entity's records.
//
// Refers to the journal. Blocks; used by one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <variant>

#include "domain/reservation.hpp"
#include "storage/blocking_journal.hpp"
#include "storage/journal.hpp"

namespace holdfast::storage {

class event_replay {
 public:
  /// The state counts as many events as the reservation has up to this one.
  using taker = std::function<void(const domain::reservation_event&, const domain::reservation& after)>;

  explicit event_replay(journal& from) : journal_(from) {}

  /// Hands over the events of a record, in order. Fails, having handed over nothing, where the journal can't
  /// be read; a record that can't be read for what it is, is left out with an error in the log.
  journal_result<std::monostate> replay(const journal_record& record, const taker& take);

 private:
  /// States that are kept, at least; at most twice as many.
  static constexpr std::size_t kept_states = 4096;
  using states = std::unordered_map<entity_id, domain::reservation>;

  journal_result<domain::reservation> state_before(const journal_record& record);
  std::optional<domain::reservation> take_kept(entity_id id);
  void keep(entity_id id, domain::reservation state);

  blocking_journal journal_;
  /// The older ones go all at once, when there are too many of the younger ones.
  states younger_;
  states older_;
};

}  // namespace holdfast::storage
