// The root of the actors: spawns everything that shards stand on, and the keeper of the shards; ends it all
// with itself.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>

#include "actors/interfaces.hpp"
#include "actors/shard_keeper.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

class engine_state {
 public:
  using self_pointer = engine_actor::stateful_pointer<engine_state>;

  ~engine_state();

  void start(self_pointer self, surroundings_ptr around, started_callback started);
  void hand_over_shards(const hand_over& what);
  void tell_breaker(const set_breaker& what);
  void tell_projector(const rebuild_view& what);
  void part_down(const caf::down_msg& down);

  static inline const char* name = "engine";

 private:
  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  projector_actor projector_;
  journal_writer_actor reservation_writer_;
  journal_writer_actor receipt_writer_;
  breaker_actor breaker_;
  receipt_desk_actor desk_;
  shard_keeper_actor keeper_;
  /// Null without a cluster.
  node_gate_actor gate_;
  forwarder_actor forwarder_;
};

engine_actor::behavior_type engine_front(engine_state::self_pointer self, surroundings_ptr around,
                                         started_callback started);

}  // namespace holdfast::actors
