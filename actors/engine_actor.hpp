// The root of the actors: claims the shards, spawns everything below it, and ends it with itself.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// The shards, in their order, and the one that the next placement without a key goes to.
struct started_shards {
  std::vector<shard_actor> shards;
  std::size_t next_shard = 0;
};

/// Called once: with the shards when commands are served, or with what failed.
using started_callback = std::function<void(tl::expected<started_shards, std::string>)>;

class engine_state {
 public:
  using self_pointer = engine_actor::stateful_pointer<engine_state>;

  ~engine_state();

  void start(self_pointer self, surroundings_ptr around, started_callback started);
  void claimed(const shards_claimed& claims);
  void part_down(const caf::down_msg& down);

  static inline const char* name = "engine";

 private:
  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  started_callback started_;
  projector_actor projector_;
  journal_writer_actor reservation_writer_;
  journal_writer_actor receipt_writer_;
  breaker_actor breaker_;
  receipt_desk_actor desk_;
  std::vector<shard_actor> shards_;
};

engine_actor::behavior_type engine_front(engine_state::self_pointer self, surroundings_ptr around,
                                         started_callback started);

}  // namespace holdfast::actors
