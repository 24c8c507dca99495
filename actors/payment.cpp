#include "actors/payment.hpp"

#include <utility>

#include "actors/backoff.hpp"

namespace holdfast::actors {

payment_state::~payment_state() {
  if (around) around->retries->remove(order.reservation, order.attempt);
}

void payment_state::attempt() {
  if (!std::exchange(waiting, false)) return;
  ++tries;
  around->meters->sagas.step_retried(order.step);
  try_payment(self, breaker, order, [this](payment_outcome outcome) {
    outcome.known ? end(std::move(outcome)) : again(std::move(outcome.detail));
  });
}

void payment_state::again(std::string why) {
  if (self->clock().now() - began >= parked_after) {
    return end({false, domain::charge_result::unknown, std::move(why)});
  }
  const auto wait = backoff(order.reservation, tries);
  around->retries->put(order.reservation, order.attempt,
                       {order.step, tries, std::move(why), around->ports.clock() + wait});
  waiting = true;
  self->delayed_send(self, wait, retry_due{tries});
}

void payment_state::end(payment_outcome outcome) {
  self->send(parent, payment_ended{order.attempt, order.step, outcome.charge, std::move(outcome.detail),
                                   !outcome.known});
  self->quit();
}

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order,
                                     surroundings_ptr around, reservation_actor parent,
                                     breaker_actor breaker) {
  auto& state = self->state;
  state.self = self;
  state.order = std::move(order);
  state.around = std::move(around);
  state.parent = std::move(parent);
  state.breaker = std::move(breaker);
  state.began = self->clock().now();
  state.again(std::move(state.order.last_answer));
  return {
      [self](retry_due what) {
        // Not one of a wait that an operator cut short.
        if (what.tries == self->state.tries) self->state.attempt();
      },
      [self](tick) { self->state.attempt(); },
  };
}

}  // namespace holdfast::actors
