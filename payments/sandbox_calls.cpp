#include "payments/sandbox_calls.hpp"

#include <string>
#include <string_view>

namespace holdfast::payments {

namespace {

constexpr std::string_view refused = "connection_refused";
constexpr std::string_view server_error = "server_error";
constexpr std::string_view too_many = "too_many_attempts";
constexpr std::string_view not_taken = "parameter_invalid";
constexpr std::string_view another_intent = "another_intent";

refund_answer unknown_refund(std::string_view reason) {
  return {refund_status::unknown, {}, std::string(reason)};
}

settle_answer unknown_settlement(std::string_view reason) {
  return {settle_status::unknown, {}, std::string(reason)};
}

/// Nothing where no answer comes.
std::optional<charge_answer> answer_of(const intent_name& intent, const confirmation& confirmed) {
  using enum confirmation::outcome;
  switch (confirmed.what) {
    case captured:
      return charge_answer{charge_status::captured, intent_id(intent), {}};
    case declined:
      return charge_answer{charge_status::declined, {}, std::string(confirmed.reason)};
    case canceled:
      return charge_answer{charge_status::not_charged, {}, "canceled"};
    case hangs:
      break;
  }
  return std::nullopt;
}

refund_answer answer_of(const intent_name& intent, refund_outcome outcome) {
  switch (outcome) {
    case refund_outcome::refunded:
    case refund_outcome::already_refunded:
      return {refund_status::refunded, refund_id(intent), {}};
    case refund_outcome::not_captured:
      return unknown_refund("not_captured");
    case refund_outcome::amount_differs:
      return unknown_refund("amount_differs");
    case refund_outcome::server_error:
      break;
  }
  return unknown_refund(server_error);
}

bool is_of_an_earlier_order(const payment_intent& intent, domain::timestamp placed_at) {
  return domain::timestamp(intent.created) + memory_of_keys < placed_at;
}

/// One that is still open is as good as a new one.
bool was_an_earlier_orders(const payment_intent& intent, domain::timestamp placed_at) {
  return intent.status != intent_status::requires_payment_method && is_of_an_earlier_order(intent, placed_at);
}

/// What of the order could still move money is closed; the answer that this leaves.
settle_answer close_all(sandbox_bank& bank, const settle_request& request, domain::timestamp now) {
  settle_answer answer{settle_status::not_charged, {}, {}};
  for (const auto& each : bank.find_all(request.reservation)) {
    if (is_of_an_earlier_order(each, request.placed_at)) continue;
    if (bank.cancel(each.name, now).status != intent_status::succeeded) continue;
    const auto id = intent_id(each.name);
    if (answer.status == settle_status::not_charged) {
      answer = {settle_status::captured, id, {}};
    } else if (bank.refund(each.name, each.price.amount_minor, "refund-surplus-" + id, now) ==
               refund_outcome::server_error) {
      return unknown_settlement(server_error);
    }
  }
  return answer;
}

}  // namespace

charge_reply charge(sandbox_bank& bank, const charge_request& request, domain::timestamp now) {
  charge_reply reply;
  const auto answered = [&](charge_status status, std::string_view reason, bool provider_is_well = false) {
    reply.answer = charge_answer{status, {}, std::string(reason), provider_is_well};
    return reply;
  };
  if (bank.knobs().outage) return answered(charge_status::not_charged, refused);
  reply.delay = bank.latency();
  if (bank.fails()) return answered(charge_status::unknown, server_error);
  if (!bank.takes(request.price)) return answered(charge_status::not_charged, not_taken, true);
  const auto intent = bank.create(request.reservation, request.price, request.idempotency_key, now);
  if (!intent) return answered(charge_status::not_charged, too_many);
  if (was_an_earlier_orders(*intent, request.placed_at))
    return answered(charge_status::unknown, another_intent, true);
  if (request.lost()) return answered(charge_status::unknown, reservation_lost, true);
  auto confirmed = bank.confirm(intent->name, request.card_number.reveal(), now);
  reply.answer = answer_of(intent->name, confirmed);
  reply.late = std::move(confirmed.late);
  return reply;
}

bank_reply<settle_answer> settle(sandbox_bank& bank, const settle_request& request, domain::timestamp now) {
  if (bank.knobs().outage) return {unknown_settlement(refused), {}};
  const auto delay = bank.latency();
  if (bank.fails()) return {unknown_settlement(server_error), delay};
  if (bank.takes(request.price)) {
    const auto intent = bank.create(request.reservation, request.price, request.charge_key, now);
    if (!intent) return {unknown_settlement(too_many), delay};
    if (was_an_earlier_orders(*intent, request.placed_at)) return {unknown_settlement(another_intent), delay};
  }
  return {close_all(bank, request, now), delay};
}

bank_reply<refund_answer> refund(sandbox_bank& bank, const refund_request& request, domain::timestamp now) {
  if (bank.knobs().outage) return {unknown_refund(refused), {}};
  const auto delay = bank.latency();
  if (bank.fails()) return {unknown_refund(server_error), delay};
  const auto intent = parse_intent_id(request.transaction_id);
  if (!intent || intent->reservation != request.reservation || !bank.find(*intent)) {
    return {unknown_refund("no_such_transaction"), delay};
  }
  const auto outcome = bank.refund(*intent, request.price.amount_minor, request.idempotency_key, now);
  return {answer_of(*intent, outcome), delay};
}

}  // namespace holdfast::payments
