// Child of a reservation: a settlement or a refund whose first try had no outcome, tried again against
// the provider, with backoff, until its outcome is known, or for so long that an operator has to look.
// Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/payment_call.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

struct payment_state {
  using self_pointer = payment_actor::stateful_pointer<payment_state>;

  ~payment_state();

  void attempt();
  void wait();

  self_pointer self = nullptr;
  payment_order order;
  surroundings_ptr around;
  reservation_actor parent;
  breaker_actor breaker;
  step_retry retry;
  /// For the next try; else one is under way.
  bool waiting = false;
  static inline const char* name = "payment";

 private:
  void again(std::string why);
  void end(payment_outcome outcome);
};

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     breaker_actor breaker);

}  // namespace holdfast::actors
