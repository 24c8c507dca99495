#include "actors/payment_call.hpp"

namespace holdfast::actors {

namespace {

/// Same reservation and step, same key: a repeated call is the same call.
std::string key_of(domain::reservation_id reservation, const char* step) {
  return std::to_string(reservation) + "-" + step;
}

}  // namespace

payment_outcome outcome_of(payments::charge_answer& answer) {
  using enum payments::charge_status;
  switch (answer.status) {
    case captured:
      return {true, domain::charge_result::captured, std::move(answer.transaction_id)};
    case declined:
      return {true, domain::charge_result::declined, std::move(answer.reason)};
    case not_charged:
      return {true, domain::charge_result::not_charged, std::move(answer.reason)};
    case unknown:
      break;
  }
  return {true, domain::charge_result::unknown, std::move(answer.reason)};
}

payment_outcome outcome_of(payments::settle_answer& answer, domain::charge_result nothing) {
  using enum payments::settle_status;
  switch (answer.status) {
    case captured:
      return {true, domain::charge_result::captured, std::move(answer.transaction_id)};
    case not_charged:
      return {true, nothing, std::move(answer.reason)};
    case unknown:
      break;
  }
  return {false, domain::charge_result::unknown, std::move(answer.reason)};
}

payment_outcome outcome_of(payments::refund_answer& answer) {
  const bool refunded = answer.status == payments::refund_status::refunded;
  return {refunded, domain::charge_result::unknown, std::move(refunded ? answer.refund_id : answer.reason)};
}

charge_call charge_call_for(payment_order& order) {
  return {{order.reservation, order.price, std::move(order.card_number), std::move(order.payment_method),
           key_of(order.reservation, "charge"), order.trace, std::move(order.still_owned), order.placed_at}};
}

settle_call settle_call_for(const payment_order& order) {
  return {
      {order.reservation, order.price, key_of(order.reservation, "charge"), order.trace, order.placed_at}};
}

refund_call refund_call_for(const payment_order& order) {
  return {{order.reservation, order.price, order.transaction_id, key_of(order.reservation, "refund"),
           order.trace}};
}

}  // namespace holdfast::actors
