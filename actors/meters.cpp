#include "actors/meters.hpp"

#include <algorithm>

namespace holdfast::actors {

namespace {

template <std::size_t size>
void add_up(std::array<std::uint64_t, size>& sums,
            const std::array<std::atomic<std::uint64_t>, size>& counted) {
  for (std::size_t i = 0; i < size; ++i) sums[i] += counted[i].load(std::memory_order_relaxed);
}

/// Whoever counts may have looked at the clock a moment later than whoever reads.
std::chrono::nanoseconds age_of(std::chrono::nanoseconds since, std::chrono::steady_clock::time_point now) {
  return std::max(now.time_since_epoch() - since, std::chrono::nanoseconds{0});
}

}  // namespace

saga_figures saga_meter::read() const {
  saga_figures sums;
  std::uint64_t came = 0;
  std::uint64_t left = 0;
  std::uint64_t slept = 0;
  std::uint64_t woke = 0;
  for (const auto& one : numbers_) {
    add_up(sums.ended, one.ended);
    add_up(sums.steps_begun, one.steps_begun);
    add_up(sums.steps_retried, one.steps_retried);
    came += one.came.load(std::memory_order_relaxed);
    left += one.left.load(std::memory_order_relaxed);
    slept += one.slept.load(std::memory_order_relaxed);
    woke += one.woke.load(std::memory_order_relaxed);
  }
  // Those who come and leave meanwhile may be seen leaving only.
  sums.residents = came > left ? came - left : 0;
  sums.asleep = slept > woke ? slept - woke : 0;
  return sums;
}

journal_figures journal_meter::read(time_point now, std::chrono::milliseconds patience) const {
  journal_figures seen;
  seen.append_durations = append_durations_.read();
  seen.batch_entries = batch_entries_.read();
  const auto began = began_.load(std::memory_order_relaxed);
  if (began != none) seen.under_way_for = age_of(began, now);
  seen.stalled = failed_ || busy_for_longer_than(patience, now);
  return seen;
}

projection_figures projection_meter::read(time_point now) const {
  projection_figures seen;
  const auto since = behind_since_.load(std::memory_order_relaxed);
  if (since != none) seen.behind_for = age_of(since, now);
  add_up(seen.errors, errors_);
  return seen;
}

engine_figures engine_meters::read(std::chrono::steady_clock::time_point now,
                                   std::chrono::milliseconds journal_patience) const {
  engine_figures seen;
  seen.sagas = sagas.read();
  seen.reservations = reservations.read(now, journal_patience);
  seen.receipts = receipts.read(now, journal_patience);
  seen.projection = projection.read(now);
  return seen;
}

}  // namespace holdfast::actors
