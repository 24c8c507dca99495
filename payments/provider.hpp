// Port: a card payment provider. Every call names the reservation it is for and carries a key
// derived from reservation and step, so that a repeated call is the same call.
//
// Threading: calls may come from any thread and return at once; an adapter owns the threads it
// needs. A callback is called exactly once, within the adapter's time-out per call, whatever the
// provider does: on any thread, and where the answer is known at once on the caller's, before the
// call returns. So nobody may hold a lock while he calls that the callback takes too. Destroying a
// provider closes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "domain/card.hpp"
#include "domain/types.hpp"
#include "tracing/trace_context.hpp"

namespace holdfast::payments {

/// How long a provider knows a key, at least (docs.stripe.com/api/idempotent_requests). A store that lacks
/// what came last is not served before that has passed, so what is older than an order by more was never its
/// own.
inline constexpr std::chrono::hours memory_of_keys{24};

struct charge_request {
  domain::reservation_id reservation = 0;
  domain::money price;
  /// Empty where the customer gave none; the provider decides.
  domain::secret card_number;
  /// The provider's own token for a card, in place of a number.
  domain::secret payment_method;
  std::string idempotency_key;
  /// What the call is part of; an adapter tells the provider where it can.
  tracing::trace_context trace = {};
  /// Whether whoever charges still has the reservation; empty where it can't go to anybody else. An adapter
  /// asks between making what a settlement would find and cancel, and having it charged; on any thread.
  std::function<bool()> still_owned = {};
  /// When the order was placed. What the provider has of its number from more than `memory_of_keys` before is
  /// another order's: a store that was restored gives out numbers again.
  domain::timestamp placed_at = {};

  bool lost() const { return still_owned && !still_owned(); }
};

/// Why a charge is unknown that was not made, since the reservation was lost meanwhile: whoever has it
/// settles it.
inline constexpr const char* reservation_lost = "reservation_lost";

enum class charge_status : std::uint8_t {
  captured,
  declined,
  /// Certainly nothing was charged: the call never reached the provider, or was refused before the card was
  /// sent.
  not_charged,
  /// Time-out, reset, server error, nonsense. Never a failure: it has to be settled.
  unknown
};

struct charge_answer {
  charge_status status = charge_status::unknown;
  /// The provider's id of the capture, where captured.
  std::string transaction_id;
  /// Why, in the provider's words, where declined, not charged or unknown.
  std::string reason;
  /// The provider answered clearly, though not as it should: no sign that it is ill.
  bool provider_is_well = false;
  /// How long the provider took to answer, at most, where a call is several exchanges.
  std::optional<std::chrono::milliseconds> longest_exchange = {};
};

struct settle_request {
  domain::reservation_id reservation = 0;
  domain::money price;
  /// The key of the charge that is to be settled.
  std::string charge_key;
  tracing::trace_context trace = {};
  /// As in charge_request.
  domain::timestamp placed_at = {};
};

enum class settle_status : std::uint8_t {
  captured,
  /// Binding: no charge of this reservation can land any more, if it asks `still_owned`.
  not_charged,
  unknown
};

struct settle_answer {
  settle_status status = settle_status::unknown;
  std::string transaction_id;
  std::string reason;
  /// As in charge_answer.
  bool provider_is_well = false;
  std::optional<std::chrono::milliseconds> longest_exchange = {};
};

struct refund_request {
  domain::reservation_id reservation = 0;
  domain::money price;
  std::string transaction_id;
  std::string idempotency_key;
  tracing::trace_context trace = {};
};

enum class refund_status : std::uint8_t { refunded, unknown };

struct refund_answer {
  refund_status status = refund_status::unknown;
  std::string refund_id;
  std::string reason;
  /// As in charge_answer.
  bool provider_is_well = false;
  std::optional<std::chrono::milliseconds> longest_exchange = {};
};

class provider {
 public:
  virtual ~provider() = default;

  virtual void charge(charge_request request, std::function<void(charge_answer)> done) = 0;

  /// Finds every attempt of the reservation at the provider, cancels what can still be cancelled
  /// and gives back all captures but the first, so that it is charged once or not at all. A known
  /// answer is final: also for a charge that is still on its way.
  virtual void settle(settle_request request, std::function<void(settle_answer)> done) = 0;

  virtual void refund(refund_request request, std::function<void(refund_answer)> done) = 0;

  /// Calls back what is open, as unknown, without waiting for the provider, and answers every
  /// further call so. Idempotent; returns when all are called back.
  virtual void close() = 0;
};

}  // namespace holdfast::payments
