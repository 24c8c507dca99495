#include "actors/receipt.hpp"

#include <utility>

#include "actors/backoff.hpp"

namespace holdfast::actors {

receipt_state::~receipt_state() {
  if (around) around->retries->remove(order.reservation, order.attempt);
}

void receipt_state::attempt() {
  if (!std::exchange(waiting, false)) return;
  ++tries;
  around->meters->sagas.step_retried(order.step);
  try_receipt(
      self, desk, order, [this](receipt_answer& answer) { end(answer); }, [this](caf::error&) { again(); });
}

void receipt_state::end(receipt_answer& answer) {
  self->send(parent, receipt_ended{order.attempt, std::move(answer)});
  self->quit();
}

void receipt_state::again() {
  const auto wait = backoff(order.reservation, tries);
  around->retries->put(order.reservation, order.attempt,
                       {order.step, tries, "the receipt desk is away", around->ports.clock() + wait});
  waiting = true;
  self->delayed_send(self, wait, retry_due{tries});
}

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order,
                                     surroundings_ptr around, reservation_actor parent,
                                     receipt_desk_actor desk) {
  auto& state = self->state;
  state.self = self;
  state.order = order;
  state.around = std::move(around);
  state.parent = std::move(parent);
  state.desk = std::move(desk);
  state.again();
  return {
      [self](retry_due what) {
        // Not one of a wait that an operator cut short.
        if (what.tries == self->state.tries) self->state.attempt();
      },
      [self](tick) { self->state.attempt(); },
  };
}

}  // namespace holdfast::actors
