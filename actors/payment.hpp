// Child of a reservation: a settlement or a refund whose first try had no outcome, tried again against
// the provider until its outcome is known, or for so long that an operator has to look.
// Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/payment_call.hpp"
#include "actors/step_child.hpp"

namespace holdfast::actors {

struct payment_state : step_child<payment_state, payment_actor, payment_order> {
  void try_step();

  breaker_actor breaker;
  static inline const char* name = "payment";
};

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     breaker_actor breaker);

}  // namespace holdfast::actors
