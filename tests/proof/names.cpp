#include "tests/proof/names.hpp"

#include <array>
#include <cstddef>
#include <utility>
#include <variant>

namespace holdfast::proof {

namespace {

// By number: the words stand in the order of the enums.
template <class Enum>
struct words;
template <>
struct words<operation_kind> {
  static constexpr std::array<std::string_view, 5> all{"place", "cancel", "read", "list", "operate"};
};
template <>
struct words<operation_outcome> {
  static constexpr std::array<std::string_view, 4> all{"pending", "unknown", "failed", "ok"};
};
template <>
struct words<enum ledger_line::kind> {
  static constexpr std::array<std::string_view, 2> all{"charge", "refund"};
};
template <>
struct words<enum provider_call::kind> {
  static constexpr std::array<std::string_view, 3> all{"charge", "settle", "refund"};
};
template <>
struct words<domain::reservation_status> {
  static constexpr std::array<std::string_view, 5> all{"", "order", "reservated", "cancelling",
                                                       "reservation_cancelled"};
};
template <>
struct words<domain::payment_status> {
  static constexpr std::array<std::string_view, 6> all{
      "", "payment_pending", "paid", "payment_cancelled", "payment_declined", "payment_failed"};
};
template <>
struct words<domain::receipt_status> {
  static constexpr std::array<std::string_view, 4> all{"", "receipt_pending", "receipt_issued",
                                                       "receipt_cancelled"};
};

constexpr std::array<std::string_view, 13> reservation_events{
    "reservation_placed", "payment_unresolved",    "payment_captured",       "payment_declined",
    "payment_failed",     "receipt_issued",        "cancellation_requested", "receipt_voided",
    "payment_refunded",   "reservation_cancelled", "reservation_parked",     "reservation_resumed",
    "operator_intervened"};
static_assert(std::variant_size_v<domain::reservation_event> == reservation_events.size());

constexpr std::array<std::string_view, 2> receipt_events{"issued", "voided"};
static_assert(std::variant_size_v<domain::receipts::event> == receipt_events.size());

template <class Enum>
std::string_view word(Enum value) {
  return words<Enum>::all.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string_view name_of(operation_kind kind) {
  return word(kind);
}
std::string_view name_of(operation_outcome outcome) {
  return word(outcome);
}
std::string_view name_of(enum ledger_line::kind kind) {
  return word(kind);
}
std::string_view name_of(enum provider_call::kind kind) {
  return word(kind);
}
std::string_view name_of(domain::reservation_status status) {
  return word(status);
}
std::string_view name_of(domain::payment_status status) {
  return word(status);
}
std::string_view name_of(domain::receipt_status status) {
  return word(status);
}
std::string_view name_of(const domain::reservation_event& event) {
  return reservation_events.at(event.index());
}
std::string_view name_of(const domain::receipts::event& event) {
  return receipt_events.at(event.index());
}

template <class Enum>
std::optional<Enum> named(std::string_view name) {
  const auto& all = words<Enum>::all;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template std::optional<operation_kind> named(std::string_view);
template std::optional<operation_outcome> named(std::string_view);
template std::optional<enum ledger_line::kind> named(std::string_view);
template std::optional<enum provider_call::kind> named(std::string_view);
template std::optional<domain::reservation_status> named(std::string_view);
template std::optional<domain::payment_status> named(std::string_view);
template std::optional<domain::receipt_status> named(std::string_view);

std::string_view published_name_of(const domain::reservation_event& event) {
  struct names {
    std::string_view operator()(const domain::reservation_placed&) const { return "ReservationCreated"; }
    std::string_view operator()(const domain::payment_captured&) const { return "PaymentCreated"; }
    std::string_view operator()(const domain::payment_declined&) const { return "PaymentDeclined"; }
    std::string_view operator()(const domain::receipt_issued&) const { return "ReceiptCreated"; }
    std::string_view operator()(const domain::reservation_cancelled&) const { return "ReservationCancelled"; }
    std::string_view operator()(const domain::payment_refunded&) const { return "PaymentCancelled"; }
    std::string_view operator()(const domain::receipt_voided&) const { return "ReceiptCancelled"; }
    std::string_view operator()(const domain::payment_unresolved&) const { return {}; }
    std::string_view operator()(const domain::payment_failed&) const { return {}; }
    std::string_view operator()(const domain::cancellation_requested&) const { return {}; }
    std::string_view operator()(const domain::reservation_parked&) const { return {}; }
    std::string_view operator()(const domain::reservation_resumed&) const { return {}; }
    std::string_view operator()(const domain::operator_intervened&) const { return {}; }
  };
  return std::visit(names{}, event);
}

}  // namespace holdfast::proof
