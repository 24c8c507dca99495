// The engine's actor: claims the shards, spawns everything below it, takes calls from the facade,
// sends each to its shard and hands the answer back.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Called once: nothing when commands are served, or what failed.
using started_callback = std::function<void(std::optional<std::string>)>;

class engine_state {
 public:
  using self_pointer = engine_actor::stateful_pointer<engine_state>;

  ~engine_state();

  void start(self_pointer self, surroundings_ptr around, started_callback started);
  void claimed(const shards_claimed& claims);
  void place(placement_call& call);
  void cancel(cancellation_call& call);
  void part_down(const caf::down_msg& down);

  static inline const char* name = "engine";

 private:
  const shard_actor& shard_for(const placement_request& request);

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  started_callback started_;
  projector_actor projector_;
  journal_writer_actor reservation_writer_;
  journal_writer_actor receipt_writer_;
  breaker_actor breaker_;
  receipt_desk_actor desk_;
  std::vector<shard_actor> shards_;
  std::size_t next_shard_ = 0;
};

engine_actor::behavior_type engine_front(engine_state::self_pointer self, surroundings_ptr around,
                                         started_callback started);

}  // namespace holdfast::actors
