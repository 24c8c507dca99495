// Child of a reservation: one charge, settlement or refund against the provider, through the
// breaker. A charge is tried once; a settlement or a refund is repeated with backoff until its
// outcome is known, or for so long that an operator has to look. Tells its reservation and ends.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <string>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

/// After trying this long without an outcome the step is parked.
inline constexpr std::chrono::hours parked_after{1};

struct payment_order {
  std::uint64_t attempt = 0;
  /// charge, settle or refund.
  domain::step step = domain::step::none;
  domain::reservation_id reservation = 0;
  domain::money price;
  /// Whether the card of the request is at hand. A charge without it was interrupted by a crash
  /// and becomes a settlement.
  bool card_at_hand = false;
  domain::secret card_number;
  domain::secret payment_method;
  /// What to refund.
  std::string transaction_id;
};

struct payment_state {
  using self_pointer = payment_actor::stateful_pointer<payment_state>;

  void attempt();

  self_pointer self = nullptr;
  payment_order order;
  reservation_actor parent;
  breaker_actor breaker;
  std::uint32_t tries = 0;
  caf::actor_clock::time_point began;
  static inline const char* name = "payment";

 private:
  void charge();
  void settle();
  void refund();
  void again(const std::string& why);
  void end(domain::charge_result result, std::string detail, bool gave_up = false);
};

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order,
                                     reservation_actor parent, breaker_actor breaker);

}  // namespace holdfast::actors
