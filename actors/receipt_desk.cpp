#include "actors/receipt_desk.hpp"

#include <spdlog/spdlog.h>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <utility>

#include "actors/backoff.hpp"
#include "actors/receipt_clerk.hpp"
#include "actors/receipt_door.hpp"

namespace holdfast::actors {

receipt_desk_state::~receipt_desk_state() {
  around->door->lead_to({}, {});
  if (clerk) caf::anon_send_exit(clerk, caf::exit_reason::user_shutdown);
}

void receipt_desk_state::hire() {
  clerk = self->spawn<caf::monitored>(receipt_clerk, around, journal);
  hired_at = self->clock().now();
  if (!shards.empty()) self->send(clerk, shards_gained{{shards.begin(), shards.end()}});
  around->door->lead_to(clerk, shards);
}

void receipt_desk_state::gain(const shards_gained& what) {
  shards.insert(what.shards.begin(), what.shards.end());
  if (clerk) self->send(clerk, what);
  around->door->lead_to(clerk, shards);
}

void receipt_desk_state::lose(const shards_lost& what) {
  for (const auto shard : what.shards) shards.erase(shard);
  around->door->lead_to(clerk, shards);
  if (clerk) self->send(clerk, what);
}

void receipt_desk_state::clerk_down(const caf::down_msg& down) {
  if (!clerk || down.source != clerk.address()) return;
  // One that did its work for long starts the count anew.
  if (self->clock().now() - hired_at > longest_backoff) downs = 0;
  const auto wait = backoff(0, ++downs);
  if (!*around->stopping) {
    spdlog::error("the receipt desk is down and comes back in {} ms: {}", wait.count(),
                  self->system().render(down.reason));
  }
  clerk = nullptr;
  around->door->lead_to({}, {});
  self->delayed_send(self, wait, tick{});
}

template <class Command>
caf::result<receipt_answer> receipt_desk_state::hand_on(const Command& command) {
  if (!shards.contains(storage::shard_of(command.reservation))) {
    if (forwarder && !command.from_other_node) return self->delegate(forwarder, command);
    return caf::make_error(caf::sec::runtime_error, "the book is not kept here");
  }
  if (!clerk) return caf::make_error(caf::sec::runtime_error, "the receipt desk is down");
  return self->delegate(clerk, command);
}

receipt_desk_actor::behavior_type receipt_desk(receipt_desk_state::self_pointer self, surroundings_ptr around,
                                               journal_intake_ptr journal, forwarder_actor forwarder) {
  auto& state = self->state;
  state.self = self;
  state.around = std::move(around);
  state.journal = std::move(journal);
  state.forwarder = std::move(forwarder);
  state.hire();
  self->set_down_handler([self](caf::down_msg& down) { self->state.clerk_down(down); });
  return {
      [self](const issue_receipt& what) { return self->state.hand_on(what); },
      [self](const void_receipt& what) { return self->state.hand_on(what); },
      [self](const shards_gained& what) { self->state.gain(what); },
      [self](const shards_lost& what) { self->state.lose(what); },
      [self](tick) { self->state.hire(); },
  };
}

}  // namespace holdfast::actors
