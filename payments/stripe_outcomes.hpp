// What the provider's answers mean for a call: the one place where an answer becomes an outcome.
// Whatever is not clear is unknown. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "payments/provider.hpp"
#include "payments/stripe_dialect.hpp"

namespace holdfast::payments::stripe {

/// One word that says why an answer is none.
template <class Value>
std::string reason_of(const answer<Value>& answer) {
  if (const auto* failed = std::get_if<error>(&answer)) {
    return failed->code.empty() ? "status_" + std::to_string(failed->status) : failed->code;
  }
  const auto* unclear = std::get_if<nonsense>(&answer);
  return unclear == nullptr ? "unexpected_answer" : unclear->reason;
}

/// Whether the provider answered as one that works: with what was asked for, or with a refusal that
/// is about this request alone. A wrong key (401, 403) and too many requests (429) concern all.
template <class Value>
bool is_clear(const answer<Value>& answer) {
  const auto* failed = std::get_if<error>(&answer);
  if (failed == nullptr) return std::holds_alternative<Value>(answer);
  const auto status = failed->status;
  return status >= 400 && status < 500 && status != 401 && status != 403 && status != 429;
}

/// Whether the provider refuses the request itself, as it would each time: nothing was ever made for this key
/// and body, or that would have come back. A key that was used with another body, one of a request that is
/// under way, a wrong one and too many requests say nothing of the kind.
bool is_refused_for_good(const answer<intent>& created);

/// Which order an intent has to be of.
struct order {
  domain::reservation_id reservation = 0;
  domain::money price;
  domain::timestamp placed_at;
};

/// The intent that was created, now or by an earlier request with the same key. The error is a word
/// that says why it is none, or none of this order.
tl::expected<intent, std::string> created_intent(const answer<intent>& created, const order& of);

/// The intent that is to be confirmed, or the end of the charge.
std::variant<std::string, charge_answer> after_create(const answer<intent>& created,
                                                      const charge_request& request);

charge_answer after_confirm(const answer<intent>& confirmed, const std::string& intent);

/// Every intent of the order: the one that the settlement created, if it could, and those that were found.
/// In the order in which one stands and further captures are surplus: by time, then by id.
tl::expected<std::vector<intent>, std::string> after_search(const settle_request& request,
                                                            const std::optional<intent>& created,
                                                            const answer<intent_list>& found);

/// The intent's final state. Nothing where it isn't known to have one.
std::optional<intent_status> after_cancel(const answer<intent>& cancelled, const std::string& intent);

/// Nothing where it was refunded before: then the refund has to be looked up.
std::optional<refund_answer> after_refund(const answer<refund>& refunded, const refund_request& request);
refund_answer after_lookup(const answer<refund_list>& found, const refund_request& request);

/// The capture that is one too many is given back.
refund_request surplus_refund(const intent& surplus);

}  // namespace holdfast::payments::stripe
