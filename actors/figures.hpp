// The engine in numbers, as they were when they were read: what /metrics shows of it. Plain values; where
// they are counted stands in meters.hpp.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "actors/engine.hpp"
#include "actors/histogram.hpp"
#include "domain/reservation.hpp"

namespace holdfast::actors {

inline constexpr auto step_count = static_cast<std::size_t>(domain::step::refund) + 1;
inline constexpr auto outcome_count = static_cast<std::size_t>(domain::placement_outcome::cancelled) + 1;

/// Calls to the view that can fail.
enum class view_call : std::uint8_t { open, write, publish };
inline constexpr std::size_t view_call_count = 3;

struct saga_figures {
  /// By domain::placement_outcome, `pending` never: sagas after which nothing was left to do. One that was
  /// paid and then cancelled ended twice.
  std::array<std::uint64_t, outcome_count> ended{};
  /// By domain::step: first tries, and further ones.
  std::array<std::uint64_t, step_count> steps_begun{};
  std::array<std::uint64_t, step_count> steps_retried{};
  /// Reservations in memory.
  std::uint64_t residents = 0;
  /// Those that wait out of it for their next try.
  std::uint64_t asleep = 0;
};

struct journal_figures {
  /// From handing a batch to the journal until its verdicts are there, in nanoseconds.
  counted_values append_durations;
  counted_values batch_entries;
  /// How long the batch under way has been, 0 without one.
  std::chrono::nanoseconds under_way_for{0};
  /// It failed, or has had a batch for longer than engine_options::journal_patience.
  bool stalled = false;
};

struct projection_figures {
  /// The age of the oldest row that waits for the view, or since when the view has been away; 0 where
  /// neither.
  std::chrono::nanoseconds behind_for{0};
  /// By view_call.
  std::array<std::uint64_t, view_call_count> errors{};
};

struct command_figures {
  std::uint64_t under_way = 0;
  /// Told that it was too much.
  std::uint64_t refused = 0;
};

struct engine_figures {
  saga_figures sagas;
  journal_figures reservations;
  journal_figures receipts;
  projection_figures projection;
  breaker_figures breaker;
  cluster_figures cluster;
  command_figures placements;
  command_figures cancellations;
  std::uint64_t parked = 0;
  /// Actors that have messages and wait for a loop to run on.
  std::uint64_t ready_actors = 0;
};

}  // namespace holdfast::actors
