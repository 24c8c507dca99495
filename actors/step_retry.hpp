// A step that had no outcome yet and is tried again: how often it was tried, since when, and when it is next.
// It goes along with the step: from the reservation to its child and back, and to the shard while the
// reservation is out of memory. Not durable: after a crash a step begins anew.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/backoff.hpp"
#include "domain/reservation.hpp"

namespace holdfast::actors {

/// A payment's step that was tried for so long without an outcome is parked.
inline constexpr std::chrono::hours parked_after{1};
/// Who waits for longer than this for the next try does so out of memory. To be brought back takes a read of
/// the journal, and comes up to a tenth of a second late: that is for an outage, no price for a moment's
/// trouble.
inline constexpr std::chrono::milliseconds shortest_sleep{1000};

struct step_retry {
  using time_point = std::chrono::steady_clock::time_point;

  domain::step step = domain::step::none;
  /// So far, all without an outcome.
  std::uint32_t tries = 0;
  /// When the first one had none.
  time_point began{};
  /// When the next one is due.
  time_point due{};

  /// One more try had no outcome. How long to wait for the next.
  std::chrono::milliseconds put_off(domain::reservation_id id, time_point now) {
    if (tries == 0) began = now;
    const auto wait = backoff(id, ++tries);
    due = now + wait;
    return wait;
  }
  bool far_off(time_point now) const { return due - now >= shortest_sleep; }
  bool for_too_long(time_point now) const { return tries > 0 && now - began >= parked_after; }
};

}  // namespace holdfast::actors
