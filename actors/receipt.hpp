// Child of a reservation whose receipt the desk could not issue or void at the first try: tries again, for
// as long as it takes. Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/receipt_call.hpp"
#include "actors/step_child.hpp"

namespace holdfast::actors {

struct receipt_state : step_child<receipt_state, receipt_actor, receipt_order> {
  void try_step();

  receipt_desk_actor desk;
  static inline const char* name = "receipt";
};

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     receipt_desk_actor desk);

}  // namespace holdfast::actors
