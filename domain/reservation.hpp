// The whole rule of a reservation: what may happen to it (decide), what has happened
// (evolve) and what has to happen next (next_step). Pure functions over values: time and ids
// come in as arguments, and nothing here is shared between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/types.hpp"

namespace holdfast::domain {

/// What a customer asked for. The card is reduced to its last four digits; a provider's
/// payment token leaves no trace here.
struct order {
  std::uint64_t user_id = 0;
  std::optional<std::string> user_address;
  std::optional<std::uint64_t> product_id;
  std::optional<std::string> product_name;
  money price;
  std::optional<std::string> card_last_four;

  bool operator==(const order&) const = default;
};

enum class reservation_status : std::uint8_t { none, order, reservated, cancelling, reservation_cancelled };
enum class payment_status : std::uint8_t {
  none,
  payment_pending,
  paid,
  payment_cancelled,
  payment_declined,
  payment_failed
};
enum class receipt_status : std::uint8_t { none, receipt_pending, receipt_issued, receipt_cancelled };
enum class cancel_reason : std::uint8_t {
  none,
  customer,
  payment_declined,
  payment_unavailable,
  payment_interrupted,
  by_operator
};
/// What an operator may do with one reservation.
enum class operator_action : std::uint8_t {
  none,
  /// A parked one goes on with its next step at once.
  retry,
  /// It is cancelled, whatever it waits for.
  cancel
};
/// Bytes of an operator's name and of the reason given.
inline constexpr std::size_t largest_operator_name = 64;
inline constexpr std::size_t largest_operator_reason = 2000;

// --- Events: facts, in the past tense. Every one is one version of its reservation. ---

struct reservation_placed {
  timestamp at;
  order what;
  bool operator==(const reservation_placed&) const = default;
};
/// The charge had no known outcome: nothing is charged again, the payment must be settled.
struct payment_unresolved {
  timestamp at;
  bool operator==(const payment_unresolved&) const = default;
};
struct payment_captured {
  timestamp at;
  std::string transaction_id;
  bool operator==(const payment_captured&) const = default;
};
struct payment_declined {
  timestamp at;
  std::string reason;
  bool operator==(const payment_declined&) const = default;
};
/// Certainly nothing was charged, and nothing will be.
struct payment_failed {
  timestamp at;
  bool operator==(const payment_failed&) const = default;
};
struct receipt_issued {
  timestamp at;
  std::string receipt_no;
  zoned_timestamp expected_delivery_at;
  bool operator==(const receipt_issued&) const = default;
};
struct cancellation_requested {
  timestamp at;
  cancel_reason reason = cancel_reason::customer;
  bool operator==(const cancellation_requested&) const = default;
};
/// The receipt is void; its number and date, where the desk had issued it after all.
struct receipt_voided {
  timestamp at;
  std::string receipt_no;
  std::optional<zoned_timestamp> expected_delivery_at;
  bool operator==(const receipt_voided&) const = default;
};
struct payment_refunded {
  timestamp at;
  std::string refund_id;
  bool operator==(const payment_refunded&) const = default;
};
struct reservation_cancelled {
  timestamp at;
  cancel_reason reason = cancel_reason::customer;
  bool operator==(const reservation_cancelled&) const = default;
};
/// A step kept failing: it waits for an operator, visibly.
struct reservation_parked {
  timestamp at;
  std::string why;
  bool operator==(const reservation_parked&) const = default;
};
/// The parked step is tried again.
struct reservation_resumed {
  timestamp at;
  bool operator==(const reservation_resumed&) const = default;
};

/// An operator did something, and said why. The events that it led to stand behind it.
struct operator_intervened {
  timestamp at;
  operator_action action = operator_action::none;
  std::string who;
  std::string why;
  bool operator==(const operator_intervened&) const = default;
};

using reservation_event =
    std::variant<reservation_placed, payment_unresolved, payment_captured, payment_declined, payment_failed,
                 receipt_issued, cancellation_requested, receipt_voided, payment_refunded,
                 reservation_cancelled, reservation_parked, reservation_resumed, operator_intervened>;

/// When the event happened.
timestamp time_of(const reservation_event& event);

/// The fold of a reservation's events. `version` counts them.
struct reservation {
  std::uint64_t version = 0;
  reservation_status status = reservation_status::none;
  payment_status payment = payment_status::none;
  receipt_status receipt = receipt_status::none;
  cancel_reason reason = cancel_reason::none;
  /// The charge's outcome is not known: see payment_unresolved.
  bool unresolved = false;
  bool parked = false;
  /// A mark of each who wanted it tried again, with why: by it a wish that comes twice is known.
  std::vector<std::uint64_t> wished_retries;
  /// Why, while it is parked; `modified_at` says since when.
  std::string parked_because;
  order what;
  std::string transaction_id;
  std::string refund_id;
  std::string decline_reason;
  std::string receipt_no;
  std::optional<zoned_timestamp> expected_delivery_at;
  timestamp created_at{};
  timestamp modified_at{};
  /// The payment's own last change, and the receipt's first and last; zero before there is one.
  timestamp payment_modified_at{};
  timestamp paid_at{};
  timestamp receipt_modified_at{};

  bool operator==(const reservation&) const = default;
};

// --- Commands: wishes and outcomes, in the imperative. ---

struct place {
  order what;
};
enum class charge_result : std::uint8_t {
  captured,
  declined,
  /// Certainly not charged, and no charge of it can land any more.
  not_charged,
  /// As not_charged, found out after a crash had taken the card away.
  interrupted,
  unknown
};
struct record_charge {
  charge_result result = charge_result::unknown;
  /// The provider's transaction id where captured, its reason where declined.
  std::string detail;
};
struct record_receipt {
  std::string receipt_no;
  zoned_timestamp expected_delivery_at;
};
struct cancel {
  cancel_reason reason = cancel_reason::customer;
  /// Whose it has to be, where a customer asks: to him another's is unknown.
  std::optional<std::uint64_t> of_user = {};
};
struct record_void {
  /// Empty where the receipt had not been issued.
  std::string receipt_no;
  std::optional<zoned_timestamp> expected_delivery_at;
};
struct record_refund {
  std::string refund_id;
};
struct park {
  std::string why;
  /// Also where the saga has nothing left to do: what an operator found to be wrong with it.
  bool at_rest = false;
};
struct resume {};
struct intervene {
  operator_action action = operator_action::none;
  std::string who;
  std::string why;
  /// Only while it is as it was seen; 0 whatever has become of it.
  std::uint64_t seen_version = 0;
};

using reservation_command = std::variant<place, record_charge, record_receipt, cancel, record_void,
                                         record_refund, park, resume, intervene>;

/// Why a command was refused, in order of precedence: the first that applies is the answer.
enum class rejection : std::uint8_t {
  none = 0,
  unknown_reservation = 1,
  placed_with_other_fields = 2,
  user_out_of_range = 3,
  product_out_of_range = 4,
  price_negative = 5,
  price_too_large = 6,
  currency_malformed = 7,
  payment_contradicted = 8,
  receipt_contradicted = 9,
  refund_contradicted = 10,
  nothing_to_refund = 11,
  nothing_to_park = 12,
  operator_unnamed = 13,
  reason_missing = 14,
};

/// Events to append, none where the command repeats what has happened; or the rejection.
struct reservation_decision {
  std::vector<reservation_event> events;
  rejection refused = rejection::none;
};

/// What the saga has to do next.
enum class step : std::uint8_t { none, charge, settle, issue_receipt, void_receipt, refund };

/// Mutates nothing. `now` is stamped on the events.
reservation_decision decide(const reservation& state, const reservation_command& command, timestamp now);

/// Total: applies any event to any state.
reservation evolve(reservation state, const reservation_event& event);
/// The same in place, for folding many: moving a state of ten texts costs more than most events change.
void apply(reservation& state, const reservation_event& event);

/// The saga as a function of the state: forwards charge, issue receipt; after a cancellation or
/// a failure backwards: settle, void receipt, refund. None where the reservation is at rest,
/// and where it is parked.
step next_step(const reservation& state);

/// Nothing is left to do, now or later. A parked reservation is unfinished.
bool finished(const reservation& state);

/// How the placement ended, as the one who placed it is told.
enum class placement_outcome : std::uint8_t { pending, paid, declined, unavailable, cancelled };
placement_outcome outcome_of(const reservation& state);

}  // namespace holdfast::domain
