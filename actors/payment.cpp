#include "actors/payment.hpp"

#include <utility>

#include "actors/backoff.hpp"

namespace holdfast::actors {

namespace {

/// Same reservation and step, same key: a repeated call is the same call.
std::string key_of(domain::reservation_id reservation, const char* step) {
  return std::to_string(reservation) + "-" + step;
}

}  // namespace

void payment_state::attempt() {
  ++tries;
  switch (order.step) {
    case domain::step::charge:
      return order.card_at_hand ? charge() : settle();
    case domain::step::settle:
      return settle();
    default:
      return refund();
  }
}

void payment_state::charge() {
  charge_call call{{order.reservation, order.price, std::move(order.card_number),
                    std::move(order.payment_method), key_of(order.reservation, "charge")}};
  self->request(breaker, caf::infinite, std::move(call))
      .then(
          [this](payments::charge_answer& answer) {
            using enum payments::charge_status;
            switch (answer.status) {
              case captured:
                return end(domain::charge_result::captured, std::move(answer.transaction_id));
              case declined:
                return end(domain::charge_result::declined, std::move(answer.reason));
              case not_charged:
                return end(domain::charge_result::not_charged, std::move(answer.reason));
              case unknown:
                return end(domain::charge_result::unknown, std::move(answer.reason));
            }
          },
          // The breaker went down with the call: it may have charged.
          [this](caf::error&) { end(domain::charge_result::unknown, "the breaker went down"); });
}

void payment_state::settle() {
  const auto nothing = order.step == domain::step::charge ? domain::charge_result::interrupted
                                                          : domain::charge_result::not_charged;
  self->request(breaker, caf::infinite,
                settle_call{{order.reservation, order.price, key_of(order.reservation, "charge")}})
      .then(
          [this, nothing](payments::settle_answer& answer) {
            using enum payments::settle_status;
            switch (answer.status) {
              case captured:
                return end(domain::charge_result::captured, std::move(answer.transaction_id));
              case not_charged:
                return end(nothing, std::move(answer.reason));
              case unknown:
                return again(answer.reason);
            }
          },
          [this](caf::error&) { again("the breaker went down"); });
}

void payment_state::refund() {
  refund_call call{
      {order.reservation, order.price, order.transaction_id, key_of(order.reservation, "refund")}};
  self->request(breaker, caf::infinite, std::move(call))
      .then(
          [this](payments::refund_answer& answer) {
            if (answer.status == payments::refund_status::unknown) return again(answer.reason);
            end(domain::charge_result::unknown, std::move(answer.refund_id));
          },
          [this](caf::error&) { again("the breaker went down"); });
}

void payment_state::again(const std::string& why) {
  if (self->clock().now() - began >= parked_after) {
    return end(domain::charge_result::unknown, why, true);
  }
  self->delayed_send(self, backoff(order.reservation, tries), tick{});
}

void payment_state::end(domain::charge_result result, std::string detail, bool gave_up) {
  self->send(parent, payment_ended{order.attempt, order.step, result, std::move(detail), gave_up});
  self->quit();
}

payment_actor::behavior_type payment(payment_state::self_pointer self, payment_order order,
                                     reservation_actor parent, breaker_actor breaker) {
  auto& state = self->state;
  state.self = self;
  state.order = std::move(order);
  state.parent = std::move(parent);
  state.breaker = std::move(breaker);
  state.began = self->clock().now();
  state.attempt();
  return {[self](tick) { self->state.attempt(); }};
}

}  // namespace holdfast::actors
