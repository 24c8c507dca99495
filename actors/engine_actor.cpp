#include "actors/engine_actor.hpp"

#include <algorithm>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <numeric>
#include <utility>

#include "actors/breaker.hpp"
#include "actors/journal_writer.hpp"
#include "actors/port_callback.hpp"
#include "actors/projector.hpp"
#include "actors/receipt_desk.hpp"
#include "actors/scheduler.hpp"
#include "actors/shard.hpp"
#include "storage/projection_progress.hpp"

namespace holdfast::actors {

namespace {

/// The shard whose next id is the smallest, so that ids go on where they were before a restart.
std::size_t shard_of_next_id(const std::vector<storage::shard_claim>& claims) {
  const auto next_id = [](const storage::shard_claim& claim) {
    return claim.last_entity == 0 ? storage::id_of(claim.shard, 1) : claim.last_entity + storage::shard_count;
  };
  const auto smallest = std::min_element(
      claims.begin(), claims.end(), [&](const auto& a, const auto& b) { return next_id(a) < next_id(b); });
  return static_cast<std::size_t>(smallest - claims.begin());
}

}  // namespace

void engine_state::start(self_pointer self, surroundings_ptr around, started_callback started) {
  self_ = self;
  around_ = std::move(around);
  started_ = std::move(started);
  std::vector<storage::shard_id> all(storage::shard_count);
  std::iota(all.begin(), all.end(), storage::shard_id{0});
  around_->ports.reservations.claim(
      std::move(all), result_to_actor<shards_claimed>(around_, caf::actor_cast<engine_actor>(self)));
}

void engine_state::claimed(const shards_claimed& claims) {
  if (!*claims.result) return started_(tl::unexpected(claims.result->error().message));
  // The projector looks at `durable` from its first moment on.
  for (const auto& claim : **claims.result) around_->ports.progress.claimed(claim.shard, claim.last_position);
  projector_ = self_->spawn<caf::monitored>(projector, around_);
  auto& meters = *around_->meters;
  reservation_writer_ = self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.reservations,
                                                     &meters.reservations, projector_);
  receipt_writer_ = self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.receipts,
                                                 &meters.receipts, projector_actor{});
  breaker_ = self_->spawn<caf::monitored>(breaker, around_);
  run_first(self_->system(), caf::actor_cast<caf::actor>(breaker_));
  desk_ = self_->spawn<caf::monitored>(receipt_desk, around_, receipt_writer_);
  const reservation_links links{around_, {}, reservation_writer_, breaker_, desk_, 0};
  for (const auto& claim : **claims.result) {
    shards_.push_back(self_->spawn<caf::monitored>(shard, around_, links, claim));
  }
  started_(started_shards{shards_, shard_of_next_id(**claims.result)});
}

engine_state::~engine_state() {
  const auto end = [](const auto& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  };
  // From the outside in, so that nobody meets a part that is gone.
  for (const auto& one : shards_) end(one);
  end(desk_);
  end(breaker_);
  end(reservation_writer_);
  end(receipt_writer_);
  end(projector_);
}

void engine_state::part_down(const caf::down_msg& down) {
  if (!down.reason || down.reason == caf::exit_reason::user_shutdown) return;
  // These hold what only a replay can bring back.
  around_->ports.on_fatal("a part of the engine went down: " + self_->system().render(down.reason));
}

engine_actor::behavior_type engine_front(engine_state::self_pointer self, surroundings_ptr around,
                                         started_callback started) {
  self->state.start(self, std::move(around), std::move(started));
  self->set_down_handler([self](caf::down_msg& down) { self->state.part_down(down); });
  return {
      [self](const shards_claimed& claims) { self->state.claimed(claims); },
  };
}

}  // namespace holdfast::actors
