// Child of a reservation: gets its receipt issued or voided by the receipt desk, for as long as
// it takes: while the desk is down it tries again with backoff. Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

struct receipt_order {
  std::uint64_t attempt = 0;
  /// issue_receipt or void_receipt.
  domain::step step = domain::step::none;
  domain::reservation_id reservation = 0;
  domain::timestamp paid_at{};
  /// No earlier attempt can have reached the desk.
  bool first_attempt = false;
};

struct receipt_state {
  using self_pointer = receipt_actor::stateful_pointer<receipt_state>;

  void attempt();

  self_pointer self = nullptr;
  receipt_order order;
  reservation_actor parent;
  receipt_desk_actor desk;
  std::uint32_t tries = 0;
  static inline const char* name = "receipt";

 private:
  void end(receipt_answer& answer);
  void again();
};

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order,
                                     reservation_actor parent, receipt_desk_actor desk);

}  // namespace holdfast::actors
