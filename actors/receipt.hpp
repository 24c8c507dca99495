// Child of a reservation whose receipt the desk could not issue or void at the first try: tries again, for
// as long as it takes, with backoff. Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"
#include "actors/receipt_call.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

struct receipt_state {
  using self_pointer = receipt_actor::stateful_pointer<receipt_state>;

  ~receipt_state();

  void attempt();
  void wait();

  self_pointer self = nullptr;
  receipt_order order;
  surroundings_ptr around;
  reservation_actor parent;
  receipt_desk_actor desk;
  step_retry retry;
  /// For the next try; else one is under way.
  bool waiting = false;
  static inline const char* name = "receipt";

 private:
  void again();
  void end(receipt_answer& answer);
};

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order, step_retry retry,
                                     surroundings_ptr around, reservation_actor parent,
                                     receipt_desk_actor desk);

}  // namespace holdfast::actors
