// The payment provider's side of Stripe's dialect (docs.stripe.com/api, the part that Holdfast
// speaks): a request under /v1 in, what the sandbox's bank does with it out. No socket, no timer:
// whoever serves it sends the answer after its delay and lets late charges land.
//
// Threading: none of its own; the bank's.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "domain/types.hpp"
#include "http/message.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast::http {

inline constexpr std::size_t longest_idempotency_key_bytes = 255;

struct stripe_reply {
  /// Nothing: the provider hangs.
  std::optional<response> answer;
  std::chrono::milliseconds delay{0};
  std::optional<payments::late_charge> late;
};

/// The request's body may hold a card number: whoever has taken the request wipes it.
stripe_reply answer_stripe(payments::sandbox_bank& bank, const request& request, domain::timestamp now);

/// An error in the dialect's form.
response stripe_error(unsigned status, const std::string& message);

}  // namespace holdfast::http
