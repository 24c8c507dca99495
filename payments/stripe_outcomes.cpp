#include "payments/stripe_outcomes.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace holdfast::payments::stripe {

namespace {

constexpr std::string_view unexpected_state = "payment_intent_unexpected_state";
constexpr std::string_view already_refunded = "charge_already_refunded";

charge_answer captured(const std::string& intent) {
  return {charge_status::captured, intent, {}};
}
charge_answer cancelled() {
  return {charge_status::not_charged, {}, "cancelled"};
}
charge_answer unknown(std::string reason) {
  return {charge_status::unknown, {}, std::move(reason)};
}
refund_answer not_known_to_be_refunded(std::string reason) {
  return {refund_status::unknown, {}, std::move(reason)};
}

charge_answer outcome_of(const intent& intent) {
  switch (intent.status) {
    case intent_status::succeeded:
      return captured(intent.id);
    case intent_status::canceled:
      return cancelled();
    case intent_status::unpaid:
    case intent_status::pending:
      break;
  }
  return unknown("processing");
}

/// The bank's reason, where it gives one that says more than the code.
std::string decline_reason(const error& declined) {
  if (!declined.decline_code.empty() && declined.decline_code != "generic_decline") {
    return declined.decline_code;
  }
  return declined.code.empty() ? "card_declined" : declined.code;
}

/// The intent that an error says is in another state than the request needs.
const intent* unexpectedly(const error& failed, const std::string& intent) {
  const bool told = failed.code == unexpected_state && failed.about && failed.about->id == intent;
  return told ? &*failed.about : nullptr;
}

const std::string another_intent = "another_intent";

bool is_of(const order& of, const intent& each) {
  return each.reservation == of.reservation && each.price == of.price;
}

bool is_of_an_earlier_order(const order& of, const intent& each) {
  const auto earliest = std::chrono::floor<std::chrono::seconds>(of.placed_at - memory_of_keys);
  return each.created < earliest.time_since_epoch().count();
}

/// Numbers in ids in the order of counting.
auto rank(const intent& each) {
  return std::make_tuple(each.created, each.id.size(), std::cref(each.id));
}

}  // namespace

bool is_refused_for_good(const answer<intent>& created) {
  const auto* failed = std::get_if<error>(&created);
  if (failed == nullptr || failed->type != "invalid_request_error") return false;
  return failed->status == 400 || failed->status == 402 || failed->status == 422;
}

tl::expected<intent, std::string> created_intent(const answer<intent>& created, const order& of) {
  const auto* made = std::get_if<intent>(&created);
  if (made == nullptr) return tl::unexpected(reason_of(created));
  // One that is still open is as good as a new one, whatever the clocks say.
  const bool was_anothers = made->status != intent_status::unpaid && is_of_an_earlier_order(of, *made);
  if (!is_of(of, *made) || was_anothers) return tl::unexpected(another_intent);
  return *made;
}

std::variant<std::string, charge_answer> after_create(const answer<intent>& created,
                                                      const charge_request& request) {
  const auto made = created_intent(created, {request.reservation, request.price, request.placed_at});
  if (is_refused_for_good(created)) return charge_answer{charge_status::not_charged, {}, made.error()};
  if (!made) return unknown(made.error());
  if (made->status == intent_status::unpaid) return made->id;
  return outcome_of(*made);
}

charge_answer after_confirm(const answer<intent>& confirmed, const std::string& id) {
  if (const auto* told = std::get_if<intent>(&confirmed)) {
    return told->id == id ? outcome_of(*told) : unknown(another_intent);
  }
  const auto* failed = std::get_if<error>(&confirmed);
  if (failed == nullptr) return unknown(reason_of(confirmed));
  if (const auto* told = unexpectedly(*failed, id)) return outcome_of(*told);
  const bool is_about_this = !failed->about || failed->about->id == id;
  const bool is_unpaid = !failed->about || failed->about->status == intent_status::unpaid;
  if (failed->status == 402 && failed->type == "card_error" && is_about_this && is_unpaid) {
    return {charge_status::declined, {}, decline_reason(*failed)};
  }
  return unknown(reason_of(confirmed));
}

tl::expected<std::vector<intent>, std::string> after_search(const settle_request& request,
                                                            const std::optional<intent>& created,
                                                            const answer<intent_list>& found) {
  const auto* list = std::get_if<intent_list>(&found);
  if (list == nullptr) return tl::unexpected(reason_of(found));
  // A reservation has one intent for each attempt: so many are nobody's that could be settled here.
  if (list->has_more || list->intents.size() > items_of_a_list)
    return tl::unexpected<std::string>("too_many_intents");
  auto all = list->intents;
  const order of{request.reservation, request.price, request.placed_at};
  std::erase_if(all, [&](const intent& each) { return is_of_an_earlier_order(of, each); });
  if (!std::all_of(all.begin(), all.end(), [&](const intent& each) { return is_of(of, each); })) {
    return tl::unexpected(another_intent);
  }
  // The search may not know yet what was created a moment ago; what it knows is newer.
  const auto is_created = [&](const auto& each) { return each.id == created->id; };
  if (created && std::none_of(all.begin(), all.end(), is_created)) all.push_back(*created);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return all;
}

std::optional<intent_status> after_cancel(const answer<intent>& cancelled, const std::string& id) {
  const auto* told = std::get_if<intent>(&cancelled);
  if (const auto* failed = std::get_if<error>(&cancelled)) told = unexpectedly(*failed, id);
  if (told == nullptr || told->id != id) return std::nullopt;
  const bool is_final = told->status == intent_status::canceled || told->status == intent_status::succeeded;
  return is_final ? std::optional(told->status) : std::nullopt;
}

std::optional<refund_answer> after_refund(const answer<refund>& refunded, const refund_request& request) {
  if (const auto* done = std::get_if<refund>(&refunded)) {
    const bool is_this =
        done->intent == request.transaction_id && done->amount_minor == request.price.amount_minor;
    if (!is_this) return not_known_to_be_refunded("another_refund");
    if (!done->given_back) return not_known_to_be_refunded("refund_failed");
    return refund_answer{refund_status::refunded, done->id, {}};
  }
  const auto* failed = std::get_if<error>(&refunded);
  if (failed != nullptr && failed->code == already_refunded) return std::nullopt;
  return not_known_to_be_refunded(reason_of(refunded));
}

refund_answer after_lookup(const answer<refund_list>& found, const refund_request& request) {
  const auto* list = std::get_if<refund_list>(&found);
  if (list == nullptr) return not_known_to_be_refunded(reason_of(found));
  for (const auto& each : list->refunds) {
    if (each.given_back && each.intent == request.transaction_id) {
      return {refund_status::refunded, each.id, {}};
    }
  }
  return not_known_to_be_refunded("no_such_refund");
}

refund_request surplus_refund(const intent& surplus) {
  return {surplus.reservation, surplus.price, surplus.id, "refund-surplus-" + surplus.id};
}

}  // namespace holdfast::payments::stripe
