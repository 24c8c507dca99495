// The receipt desk as everybody else sees it: hands each command to its clerk, brings the clerk
// back with backoff when it goes down, and answers at once that it is away meanwhile: reserving
// and paying go on, and the receipts catch up. Books that another node keeps it reaches by way of the
// forwarder.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <set>

#include "actors/interfaces.hpp"
#include "actors/journal_intake.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

struct receipt_desk_state {
  using self_pointer = receipt_desk_actor::stateful_pointer<receipt_desk_state>;

  ~receipt_desk_state();

  void hire();
  void gain(const shards_gained& what);
  void lose(const shards_lost& what);
  void clerk_down(const caf::down_msg& down);
  template <class Command>
  caf::result<receipt_answer> hand_on(const Command& command);

  self_pointer self = nullptr;
  surroundings_ptr around;
  journal_intake_ptr journal;
  /// Null without a cluster.
  forwarder_actor forwarder;
  receipt_clerk_actor clerk;
  /// Whose books it keeps.
  std::set<storage::shard_id> shards;
  std::uint32_t downs = 0;
  caf::actor_clock::time_point hired_at;
  static inline const char* name = "receipt_desk";
};

receipt_desk_actor::behavior_type receipt_desk(receipt_desk_state::self_pointer self, surroundings_ptr around,
                                               journal_intake_ptr journal, forwarder_actor forwarder);

}  // namespace holdfast::actors
