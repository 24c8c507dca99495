// The events that are published, and the JSON that each is published as: the entity's document right after
// it, with the event's type, time and id in front. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/reservation.hpp"
#include "tracing/trace_context.hpp"

namespace holdfast::http {

/// Numbered from 0. Other events stay inside: they are in the history of /myReservations.
inline constexpr std::array<std::string_view, 7> published_types{
    "ReservationCreated",   "PaymentCreated",   "PaymentDeclined", "ReceiptCreated",
    "ReservationCancelled", "PaymentCancelled", "ReceiptCancelled"};

/// A place in published_types.
using event_type = std::uint8_t;

std::optional<event_type> event_type_named(std::string_view name);
/// Nothing where it isn't published.
std::optional<event_type> published_type(const domain::reservation_event& event);

/// The same for the same event, always, and for no other: which reservation, and the how manieth of its
/// events it is.
std::string event_id(domain::reservation_id id, std::uint64_t version);

/// One line. `after` is the reservation's state right after the event; `trace` that of its record.
std::string event_json(event_type type, domain::reservation_id id, const domain::reservation_event& event,
                       const domain::reservation& after, const tracing::trace_context& trace = {});

}  // namespace holdfast::http
