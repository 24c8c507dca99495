// One try of a payment's step against the provider, through the breaker: the first is its reservation's
// own, the others are its payment child's.
#pragma once

#include <caf/duration.hpp>
#include <caf/error.hpp>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "actors/breaker_gate.hpp"
#include "actors/interfaces.hpp"
#include "actors/port_callback.hpp"
#include "actors/provider_call.hpp"
#include "actors/surroundings.hpp"

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
  /// The step's.
  tracing::trace_context trace = {};
  /// Of charge_request.
  std::function<bool()> still_owned = {};
  /// Of charge_request, too.
  domain::timestamp placed_at = {};
};

/// `payment_answered` but for the attempt.
struct payment_outcome {
  bool known = true;
  domain::charge_result charge = domain::charge_result::unknown;
  std::string detail;
};

payment_outcome outcome_of(payments::charge_answer& answer);
/// `nothing` is what it comes to where nothing was charged.
payment_outcome outcome_of(payments::settle_answer& answer, domain::charge_result nothing);
payment_outcome outcome_of(payments::refund_answer& answer);

template <class Call>
struct answer_to;
template <>
struct answer_to<charge_call> {
  using type = payments::charge_answer;
};
template <>
struct answer_to<settle_call> {
  using type = payments::settle_answer;
};
template <>
struct answer_to<refund_call> {
  using type = payments::refund_answer;
};
template <class Call>
using provider_answer = typename answer_to<Call>::type;

charge_call charge_call_for(payment_order& order);
settle_call settle_call_for(const payment_order& order);
refund_call refund_call_for(const payment_order& order);

/// Calls `use` with the call that the order wants, with the card that it has, if any, and with the function
/// that makes the outcome of an answer.
template <class Use>
void with_call(payment_order& order, Use use) {
  if (order.step == domain::step::refund) {
    use(refund_call_for(order), [](payments::refund_answer& answer) { return outcome_of(answer); });
  } else if (order.step == domain::step::charge && order.card_at_hand) {
    use(charge_call_for(order), [](payments::charge_answer& answer) { return outcome_of(answer); });
  } else {
    const auto nothing = order.step == domain::step::charge ? domain::charge_result::interrupted
                                                            : domain::charge_result::not_charged;
    use(settle_call_for(order),
        [nothing](payments::settle_answer& answer) { return outcome_of(answer, nothing); });
  }
}

/// Tries once by way of the breaker. `then` is called with the outcome.
template <class Self, class Then>
void try_payment(Self* self, const breaker_actor& breaker, payment_order& order, Then then) {
  with_call(order, [&]<class Call, class Outcome>(Call call, Outcome outcome) {
    using answer_type = provider_answer<Call>;
    // A charge may have been made.
    constexpr bool known = std::is_same_v<Call, charge_call>;
    self->request(breaker, caf::infinite, std::move(call))
        .then([then, outcome](answer_type& answer) { then(outcome(answer)); },
              [then](caf::error&) {
                then({known, domain::charge_result::unknown, "the breaker went down"});
              });
  });
}

/// Tries once, and without the breaker where no call waits for it. `then` is called with the outcome, or
/// `self` gets it as `payment_answered`.
template <class Self, class Handle, class Then>
void try_payment_at_once(Self* self, const Handle& handle, const surroundings_ptr& around,
                         const breaker_actor& breaker, payment_order& order, Then then) {
  const auto of = order.step == domain::step::charge && order.card_at_hand ? breaker_gate::kind::charging
                                                                           : breaker_gate::kind::compensating;
  const auto ticket = around->breaker->pass(of, self->clock().now());
  if (!ticket) return try_payment(self, breaker, order, std::move(then));
  with_call(order, [&]<class Call, class Outcome>(Call call, Outcome outcome) {
    using answer_type = provider_answer<Call>;
    auto later = to_actor(around, handle,
                          [gate = around->breaker, clock = &self->clock(), ticket = *ticket, outcome,
                           attempt = order.attempt](answer_type answer) {
                            gate->release(ticket, answer, clock->now());
                            auto [known, charge, detail] = outcome(answer);
                            return payment_answered{attempt, known, charge, std::move(detail)};
                          });
    auto answer = call_and_see<answer_type>(around->ports.provider, call.request, std::move(later));
    if (!answer) return;
    around->breaker->release(*ticket, *answer, self->clock().now());
    then(outcome(*answer));
  });
}

}  // namespace holdfast::actors
