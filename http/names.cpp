#include "http/names.hpp"

#include <variant>

namespace holdfast::http {

namespace {

struct event_names {
  std::string_view operator()(const domain::reservation_placed&) const { return "ReservationCreated"; }
  std::string_view operator()(const domain::payment_unresolved&) const { return "PaymentUnresolved"; }
  std::string_view operator()(const domain::payment_captured&) const { return "PaymentCreated"; }
  std::string_view operator()(const domain::payment_declined&) const { return "PaymentDeclined"; }
  std::string_view operator()(const domain::payment_failed&) const { return "PaymentFailed"; }
  std::string_view operator()(const domain::receipt_issued&) const { return "ReceiptCreated"; }
  std::string_view operator()(const domain::cancellation_requested&) const { return "CancellationRequested"; }
  std::string_view operator()(const domain::receipt_voided&) const { return "ReceiptCancelled"; }
  std::string_view operator()(const domain::payment_refunded&) const { return "PaymentCancelled"; }
  std::string_view operator()(const domain::reservation_cancelled&) const { return "ReservationCancelled"; }
  std::string_view operator()(const domain::reservation_parked&) const { return "ReservationParked"; }
  std::string_view operator()(const domain::reservation_resumed&) const { return "ReservationResumed"; }
  std::string_view operator()(const domain::operator_intervened& e) const {
    return e.action == domain::operator_action::cancel ? "OperatorCancelled" : "OperatorRetried";
  }
};

}  // namespace

std::string_view collection_name(document_kind kind) {
  switch (kind) {
    case document_kind::pre_reservation:
      return "preReservations";
    case document_kind::payment:
      return "payments";
    case document_kind::receipt:
      return "receipts";
    case document_kind::my_reservation:
      return "myReservations";
  }
  return {};
}

std::string_view name_of(domain::reservation_status status) {
  switch (status) {
    case domain::reservation_status::none:
      return {};
    case domain::reservation_status::order:
      return "order";
    case domain::reservation_status::reservated:
      return "reservated";
    case domain::reservation_status::cancelling:
      return "cancelling";
    case domain::reservation_status::reservation_cancelled:
      return "reservation_cancelled";
  }
  return {};
}

std::string_view name_of(domain::payment_status status) {
  switch (status) {
    case domain::payment_status::none:
      return {};
    case domain::payment_status::payment_pending:
      return "payment_pending";
    case domain::payment_status::paid:
      return "paid";
    case domain::payment_status::payment_cancelled:
      return "payment_cancelled";
    case domain::payment_status::payment_declined:
      return "payment_declined";
    case domain::payment_status::payment_failed:
      return "payment_failed";
  }
  return {};
}

std::string_view name_of(domain::receipt_status status) {
  switch (status) {
    case domain::receipt_status::none:
      return {};
    case domain::receipt_status::receipt_pending:
      return "receipt_pending";
    case domain::receipt_status::receipt_issued:
      return "receipt_issued";
    case domain::receipt_status::receipt_cancelled:
      return "receipt_cancelled";
  }
  return {};
}

std::string_view name_of(domain::cancel_reason reason) {
  switch (reason) {
    case domain::cancel_reason::none:
      return {};
    case domain::cancel_reason::customer:
      return "customer";
    case domain::cancel_reason::payment_declined:
      return "payment_declined";
    case domain::cancel_reason::payment_unavailable:
      return "payment_unavailable";
    case domain::cancel_reason::payment_interrupted:
      return "payment_interrupted";
    case domain::cancel_reason::by_operator:
      return "operator";
  }
  return {};
}

std::string_view name_of(const domain::reservation_event& event) {
  return std::visit(event_names{}, event);
}

}  // namespace holdfast::http
