// How Stripe's dialect writes what the sandbox's bank knows: intents, refunds, lists, errors.
// Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast::http {

response intent_response(const payments::payment_intent& intent);
response intent_search_response(const std::vector<payments::payment_intent>& intents);

/// Of the refund of this intent's whole amount.
response refund_response(const payments::payment_intent& intent);
/// A list of one, or of none where it was not refunded.
response refund_list_response(const payments::payment_intent& intent);

struct stripe_error_parts {
  unsigned status = 400;
  std::string_view type = "invalid_request_error";
  /// Left out where empty.
  std::string_view code = {};
  std::string_view decline_code = {};
  std::string_view parameter = {};
  std::string_view message;
  const payments::payment_intent* intent = nullptr;
};
response error_response(const stripe_error_parts& parts);

}  // namespace holdfast::http
