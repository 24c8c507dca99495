// The words of the contract for what the domain counts: statuses, reasons, events, collections.
// The one place where they are spelled.
#pragma once

#include <cstdint>
#include <string_view>

#include "domain/reservation.hpp"

namespace holdfast::http {

/// The four documents that a reservation is shown as, each with a collection of its own.
enum class document_kind : std::uint8_t { pre_reservation, payment, receipt, my_reservation };

/// "preReservations", in paths and under `_embedded`.
std::string_view collection_name(document_kind kind);

std::string_view name_of(domain::reservation_status status);
/// Empty where there is none, as for the two below.
std::string_view name_of(domain::payment_status status);
std::string_view name_of(domain::receipt_status status);
std::string_view name_of(domain::cancel_reason reason);

/// The type under which an event is published: "ReservationCreated".
std::string_view name_of(const domain::reservation_event& event);

}  // namespace holdfast::http
