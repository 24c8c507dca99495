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
  if (!*claims.result) return started_(claims.result->error().message);
  // The projector looks at `durable` from its first moment on.
  for (const auto& claim : **claims.result) around_->ports.progress.durable(claim.shard, claim.last_position);
  projector_ = self_->spawn<caf::monitored>(projector, around_);
  reservation_writer_ =
      self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.reservations, projector_);
  receipt_writer_ =
      self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.receipts, projector_actor{});
  breaker_ = self_->spawn<caf::monitored>(breaker, around_);
  desk_ = self_->spawn<caf::monitored>(receipt_desk, around_, receipt_writer_);
  const reservation_links links{{}, reservation_writer_, breaker_, desk_, 0};
  for (const auto& claim : **claims.result) {
    shards_.push_back(self_->spawn<caf::monitored>(shard, around_, links, claim));
  }
  next_shard_ = shard_of_next_id(**claims.result);
  started_(std::nullopt);
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

const shard_actor& engine_state::shard_for(const placement_request& request) {
  if (request.key) return shards_[storage::shard_of_key(request.key->key.data(), request.key->key.size())];
  const auto chosen = next_shard_;
  next_shard_ = (next_shard_ + 1) % shards_.size();
  return shards_[chosen];
}

void engine_state::place(placement_call& call) {
  auto done = std::make_shared<std::function<void(placement_answer)>>(std::move(call.done));
  const auto& to = shard_for(call.request);
  self_->request(to, caf::infinite, place_reservation{std::move(call.request)})
      .then([done](placement_answer& answer) { (*done)(std::move(answer)); },
            [done](const caf::error&) { (*done)({}); });
}

void engine_state::cancel(cancellation_call& call) {
  auto done = std::make_shared<std::function<void(cancellation_answer)>>(std::move(call.done));
  self_->request(shards_[storage::shard_of(call.request.id)], caf::infinite, call.request)
      .then([done](const cancellation_answer& answer) { (*done)(answer); },
            [done](const caf::error&) { (*done)({}); });
}

engine_actor::behavior_type engine_front(engine_state::self_pointer self, surroundings_ptr around,
                                         started_callback started) {
  self->state.start(self, std::move(around), std::move(started));
  self->set_down_handler([self](caf::down_msg& down) { self->state.part_down(down); });
  return {
      [self](placement_call& call) { self->state.place(call); },
      [self](cancellation_call& call) { self->state.cancel(call); },
      [self](const shards_claimed& claims) { self->state.claimed(claims); },
  };
}

}  // namespace holdfast::actors
