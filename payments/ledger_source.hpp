// Port: the provider's own list of the money that moved, for a comparison with the journal.
// It is no part of Stripe's dialect: `holdfast sandbox` has it, and the sandbox in the process of
// `holdfast serve` keeps it as a file; with another provider its own reports have to be compared.
//
// Threading: one thread; a call blocks until the whole ledger is read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "domain/types.hpp"

namespace holdfast::payments {

/// One capture, or one refund of a capture.
struct money_movement {
  enum class kind : std::uint8_t { charge, refund };
  kind what = kind::charge;
  domain::reservation_id reservation = 0;
  domain::money price;
  /// Of the payment intent that was captured or refunded.
  std::string transaction_id;

  bool operator==(const money_movement&) const = default;
};

class ledger_source {
 public:
  virtual ~ledger_source() = default;

  /// Every movement, in the ledger's order, one at a time. Where it could not be read to its end:
  /// why, and what came so far must not be judged.
  virtual tl::expected<void, std::string> for_each(
      const std::function<void(const money_movement&)>& each) = 0;
};

}  // namespace holdfast::payments
