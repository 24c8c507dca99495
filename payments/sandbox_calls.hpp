// The calls of the payment port as the sandbox in this process answers them: each is a few calls
// to its bank, the same that a client of `holdfast sandbox` would make over HTTP.
//
// Threading: the bank's.
#pragma once

#include <chrono>
#include <optional>

#include "payments/provider.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast::payments {

/// An answer and when it arrives.
template <class Answer>
struct bank_reply {
  /// None: the provider hangs.
  std::optional<Answer> answer;
  std::chrono::milliseconds delay{0};
};

struct charge_reply : bank_reply<charge_answer> {
  std::optional<late_charge> late;
};

/// Creates the intent and confirms it.
charge_reply charge(sandbox_bank& bank, const charge_request& request, domain::timestamp now);

/// Creates the intent where the charge never did, so that it can't any more; cancels what can be
/// cancelled, lets the first capture stand and refunds the others.
bank_reply<settle_answer> settle(sandbox_bank& bank, const settle_request& request, domain::timestamp now);

bank_reply<refund_answer> refund(sandbox_bank& bank, const refund_request& request, domain::timestamp now);

}  // namespace holdfast::payments
