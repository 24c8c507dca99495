#include "actors/receipt.hpp"

#include <utility>

namespace holdfast::actors {

receipt_state::~receipt_state() {
  if (around) around->retries->remove(order.reservation, order.attempt);
}

void receipt_state::wait() {
  waiting = true;
  self->delayed_send(self, retry.due - self->clock().now(), retry_due{retry.tries});
}

void receipt_state::attempt() {
  if (!std::exchange(waiting, false)) return;
  around->meters->sagas.step_retried(order.step);
  try_receipt(
      self, desk, order, [this](receipt_answer& answer) { end(answer); }, [this](caf::error&) { again(); });
}

void receipt_state::again() {
  const auto now = self->clock().now();
  const auto wait_for = retry.put_off(order.reservation, now);
  around->retries->put(order.reservation, order.attempt,
                       {order.step, retry.tries, desk_is_away, around->ports.clock() + wait_for});
  wait();
  if (retry.far_off(now)) self->send(parent, try_put_off{order.attempt, retry});
}

void receipt_state::end(receipt_answer& answer) {
  self->send(parent, receipt_ended{order.attempt, std::move(answer)});
  self->quit();
}

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     receipt_desk_actor desk) {
  auto& state = self->state;
  state.self = self;
  state.order = order;
  state.retry = retry;
  state.around = std::move(around);
  state.parent = std::move(parent);
  state.desk = std::move(desk);
  state.wait();
  return {
      [self](retry_due what) {
        // Not one of a wait that an operator cut short.
        if (what.tries == self->state.retry.tries) self->state.attempt();
      },
      [self](tick) { self->state.attempt(); },
  };
}

}  // namespace holdfast::actors
