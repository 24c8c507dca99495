// One try to get a receipt issued or voided by the receipt desk: the first is its reservation's own, the
// others are its receipt child's.
#pragma once

#include <caf/duration.hpp>
#include <utility>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

/// Why a try had no outcome.
inline constexpr const char* desk_is_away = "the receipt desk is away";

struct receipt_order {
  std::uint64_t attempt = 0;
  /// issue_receipt or void_receipt.
  domain::step step = domain::step::none;
  domain::reservation_id reservation = 0;
  domain::timestamp paid_at{};
  /// No earlier attempt can have reached the desk.
  bool first_attempt = false;
  /// The step's.
  tracing::trace_context trace = {};
};

/// `to` is the desk, or the clerk where its door is open. `answered` is called with the answer, or `failed`
/// with an error where the desk is away.
template <class Self, class Handle, class Answered, class Failed>
void try_receipt(Self* self, const Handle& to, const receipt_order& order, Answered answered, Failed failed) {
  if (order.step == domain::step::void_receipt) {
    self->request(to, caf::infinite, void_receipt{order.reservation, false, order.trace})
        .then(std::move(answered), std::move(failed));
    return;
  }
  const auto paid_at_ms = order.paid_at.time_since_epoch().count();
  self->request(to, caf::infinite,
                issue_receipt{order.reservation, paid_at_ms, order.first_attempt, false, order.trace})
      .then(std::move(answered), std::move(failed));
}

}  // namespace holdfast::actors
