// One try of a payment's step against the provider, through the breaker: the first is its reservation's
// own, the others are its payment child's.
#pragma once

#include <caf/duration.hpp>
#include <caf/error.hpp>
#include <string>
#include <utility>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

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
  /// Why the first try had no outcome.
  std::string last_answer = {};
  /// The step's.
  tracing::trace_context trace = {};
};

struct payment_outcome {
  /// Otherwise the step has to be tried again. A charge is tried once: `unknown` is an outcome of it.
  bool known = true;
  domain::charge_result charge = domain::charge_result::unknown;
  /// The transaction, the refund, or the reason.
  std::string detail;
};

payment_outcome outcome_of(payments::charge_answer& answer);
/// `nothing` is what it comes to where nothing was charged.
payment_outcome outcome_of(payments::settle_answer& answer, domain::charge_result nothing);
payment_outcome outcome_of(payments::refund_answer& answer);

charge_call charge_call_for(payment_order& order);
settle_call settle_call_for(const payment_order& order);
refund_call refund_call_for(const payment_order& order);

/// Tries once, with the card that the order has, if any. `then` is called with the outcome.
template <class Self, class Then>
void try_payment(Self* self, const breaker_actor& breaker, payment_order& order, Then then) {
  const auto broken = [then](bool known) {
    return [then, known](caf::error&) {
      then({known, domain::charge_result::unknown, "the breaker went down"});
    };
  };
  if (order.step == domain::step::refund) {
    self->request(breaker, caf::infinite, refund_call_for(order))
        .then([then](payments::refund_answer& answer) { then(outcome_of(answer)); }, broken(false));
  } else if (order.step == domain::step::charge && order.card_at_hand) {
    self->request(breaker, caf::infinite, charge_call_for(order))
        .then([then](payments::charge_answer& answer) { then(outcome_of(answer)); },
              // It may have charged.
              broken(true));
  } else {
    const auto nothing = order.step == domain::step::charge ? domain::charge_result::interrupted
                                                            : domain::charge_result::not_charged;
    self->request(breaker, caf::infinite, settle_call_for(order))
        .then([then, nothing](payments::settle_answer& answer) { then(outcome_of(answer, nothing)); },
              broken(false));
  }
}

}  // namespace holdfast::actors
