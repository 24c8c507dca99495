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

/// The intent that was created, now or by an earlier request with the same key. The error is a word
/// that says why it is none, or none of this reservation and price.
tl::expected<intent, std::string> created_intent(const answer<intent>& created,
                                                 domain::reservation_id reservation,
                                                 const domain::money& price);

/// The intent that is to be confirmed, or the end of the charge.
std::variant<std::string, charge_answer> after_create(const answer<intent>& created,
                                                      const charge_request& request);

charge_answer after_confirm(const answer<intent>& confirmed, const std::string& intent);

/// Every intent of the reservation: the one that the settlement created and those that were found.
/// In the order in which one stands and further captures are surplus: by time, then by id.
tl::expected<std::vector<intent>, std::string> after_search(const intent& created,
                                                            const answer<intent_list>& found);

/// The intent's final state. Nothing where it isn't known to have one.
std::optional<intent_status> after_cancel(const answer<intent>& cancelled, const std::string& intent);

/// Nothing where it was refunded before: then the refund has to be looked up.
std::optional<refund_answer> after_refund(const answer<refund>& refunded, const refund_request& request);
refund_answer after_lookup(const answer<refund_list>& found, const refund_request& request);

/// The capture that is one too many is given back.
refund_request surplus_refund(const intent& surplus);

}  // namespace holdfast::payments::stripe
