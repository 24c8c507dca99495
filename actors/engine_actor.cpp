#include "actors/engine_actor.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <utility>

#include "actors/breaker.hpp"
#include "actors/forwarder.hpp"
#include "actors/journal_writer.hpp"
#include "actors/node_gate.hpp"
#include "actors/projector.hpp"
#include "actors/receipt_desk.hpp"
#include "actors/scheduler.hpp"

namespace holdfast::actors {

void engine_state::start(self_pointer self, surroundings_ptr around, started_callback started) {
  self_ = self;
  around_ = std::move(around);
  auto& meters = *around_->meters;
  const auto served = std::make_shared<routes>(around_->ports.progress);
  projector_ = self_->spawn<caf::monitored>(projector, around_);
  const auto reservations = std::make_shared<journal_intake>();
  reservation_writer_ = self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.reservations,
                                                     &meters.reservations, reservations, projector_);
  reservations->open(reservation_writer_);
  const auto receipts = std::make_shared<journal_intake>();
  receipt_writer_ = self_->spawn<caf::monitored>(journal_writer, around_, &around_->ports.receipts,
                                                 &meters.receipts, receipts, projector_actor{});
  receipts->open(receipt_writer_);
  breaker_ = self_->spawn<caf::monitored>(breaker, around_);
  around_->breaker->open(breaker_);
  run_first(self_->system(), caf::actor_cast<caf::actor>(breaker_));
  if (clustered(*around_)) forwarder_ = self_->spawn<caf::monitored>(forwarder, around_, served);
  desk_ = self_->spawn<caf::monitored>(receipt_desk, around_, receipts, forwarder_);
  if (clustered(*around_)) gate_ = self_->spawn<caf::monitored>(node_gate, served, desk_);
  const reservation_links links{around_, {}, reservations, breaker_, desk_, {}, forwarder_, 0};
  keeper_ = self_->spawn<caf::monitored>(shard_keeper, keeper_parts{links, served, projector_, gate_},
                                         std::move(started));
}

engine_state::~engine_state() {
  const auto end = [](const auto& handle) {
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  };
  // From the outside in, so that nobody meets a part that is gone.
  end(gate_);
  end(forwarder_);
  end(keeper_);
  end(desk_);
  end(breaker_);
  end(reservation_writer_);
  end(receipt_writer_);
  end(projector_);
}

void engine_state::hand_over_shards(const hand_over& what) {
  self_->send(keeper_, what);
}

void engine_state::tell_breaker(const set_breaker& what) {
  self_->send(breaker_, what);
}

void engine_state::tell_projector(const rebuild_view& what) {
  self_->send(projector_, what);
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
      [self](const hand_over& what) { self->state.hand_over_shards(what); },
      [self](const set_breaker& what) { self->state.tell_breaker(what); },
      [self](const rebuild_view& what) { self->state.tell_projector(what); },
  };
}

}  // namespace holdfast::actors
