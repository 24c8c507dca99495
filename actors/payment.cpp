#include "actors/payment.hpp"

#include <utility>

namespace holdfast::actors {

void payment_state::try_step() {
  try_payment(self_, breaker, order_, [this](payment_outcome outcome) {
    if (!outcome.known && !tried_for_too_long()) return again(std::move(outcome.detail));
    end(payment_ended{order_.attempt, order_.step, outcome.charge, std::move(outcome.detail),
                      !outcome.known});
  });
}

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     breaker_actor breaker) {
  self->state.breaker = std::move(breaker);
  return self->state.start(self, std::move(order), retry, std::move(around), std::move(parent));
}

}  // namespace holdfast::actors
