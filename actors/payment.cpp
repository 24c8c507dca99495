#include "actors/payment.hpp"

#include <utility>

namespace holdfast::actors {

payment_state::~payment_state() {
  if (around) around->retries->remove(order.reservation, order.attempt);
}

void payment_state::wait() {
  waiting = true;
  self->delayed_send(self, retry.due - self->clock().now(), retry_due{retry.tries});
}

void payment_state::attempt() {
  if (!std::exchange(waiting, false)) return;
  around->meters->sagas.step_retried(order.step);
  try_payment(self, breaker, order, [this](payment_outcome outcome) {
    const bool ends = outcome.known || retry.for_too_long(self->clock().now());
    ends ? end(std::move(outcome)) : again(std::move(outcome.detail));
  });
}

void payment_state::again(std::string why) {
  const auto now = self->clock().now();
  const auto wait_for = retry.put_off(order.reservation, now);
  around->retries->put(order.reservation, order.attempt,
                       {order.step, retry.tries, std::move(why), around->ports.clock() + wait_for});
  wait();
  if (retry.far_off(now)) self->send(parent, try_put_off{order.attempt, retry});
}

void payment_state::end(payment_outcome outcome) {
  self->send(parent, payment_ended{order.attempt, order.step, outcome.charge, std::move(outcome.detail),
                                   !outcome.known});
  self->quit();
}

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     breaker_actor breaker) {
  auto& state = self->state;
  state.self = self;
  state.order = std::move(order);
  state.retry = retry;
  state.around = std::move(around);
  state.parent = std::move(parent);
  state.breaker = std::move(breaker);
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
