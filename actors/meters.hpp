// Where the engine's figures are counted, by its actors as they go. Thread-safe; whoever counts waits for
// nobody, allocates nothing and looks at no clock of its own: actors count by their clock, which is virtual
// in tests.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "actors/figures.hpp"
#include "domain/reservation.hpp"

namespace holdfast::actors {

/// What all reservations count. A number that all loops write to would go from one processor's cache to the
/// other's with each placement, so every thread has numbers of its own, which are added up when they are
/// read.
class saga_meter {
 public:
  void ended(domain::placement_outcome how) { add(here().ended, static_cast<std::size_t>(how)); }
  void step_begun(domain::step step) { add(here().steps_begun, static_cast<std::size_t>(step)); }
  void step_retried(domain::step step) { add(here().steps_retried, static_cast<std::size_t>(step)); }
  void came() { here().came.fetch_add(1, std::memory_order_relaxed); }
  void left() { here().left.fetch_add(1, std::memory_order_relaxed); }
  void slept() { here().slept.fetch_add(1, std::memory_order_relaxed); }
  void woke(std::uint64_t how_many) { here().woke.fetch_add(how_many, std::memory_order_relaxed); }

  saga_figures read() const;

 private:
  template <std::size_t size>
  using counters = std::array<std::atomic<std::uint64_t>, size>;

  /// Two cache lines are fetched at once.
  struct alignas(128) numbers {
    counters<outcome_count> ended{};
    counters<step_count> steps_begun{};
    counters<step_count> steps_retried{};
    std::atomic<std::uint64_t> came = 0;
    std::atomic<std::uint64_t> left = 0;
    std::atomic<std::uint64_t> slept = 0;
    std::atomic<std::uint64_t> woke = 0;
  };

  /// With more threads than this some share their numbers, which costs them time only.
  static constexpr std::size_t places = 16;

  static std::size_t place_of_thread() {
    static std::atomic<std::size_t> next = 0;
    thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % places;
    return mine;
  }
  numbers& here() { return numbers_[place_of_thread()]; }
  template <std::size_t size>
  static void add(counters<size>& to, std::size_t which) {
    to[which].fetch_add(1, std::memory_order_relaxed);
  }

  std::array<numbers, places> numbers_;
};

/// Of one journal, counted by its writer.
class journal_meter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  void begun(std::size_t entries, time_point now) {
    batch_entries_.count(entries);
    began_.store(now.time_since_epoch(), std::memory_order_relaxed);
  }
  void ended(time_point now) {
    const auto took = now.time_since_epoch() - began_.exchange(none, std::memory_order_relaxed);
    append_durations_.count(static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
  }
  void failed() {
    failed_ = true;
    began_ = none;
  }
  /// Whether the batch under way takes so long: who comes then is better told at once than kept waiting too.
  bool busy_for_longer_than(std::chrono::milliseconds that, time_point now) const {
    const since_epoch began = began_.load(std::memory_order_relaxed);
    return began != none && now.time_since_epoch() - began > that;
  }

  /// With more than `patience` for a batch it stands still.
  journal_figures read(time_point now, std::chrono::milliseconds patience) const;

 private:
  using since_epoch = time_point::duration;
  static constexpr since_epoch none = since_epoch::min();

  histogram<duration_bounds> append_durations_;
  histogram<batch_bounds> batch_entries_;
  std::atomic<since_epoch> began_ = none;
  std::atomic<bool> failed_ = false;
};

/// Of the projector.
class projection_meter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What the view lacks has been there since then.
  void behind_since(time_point then) {
    behind_since_.store(then.time_since_epoch(), std::memory_order_relaxed);
  }
  /// The view has fallen behind, if it was not already.
  void falls_behind(time_point now) {
    if (behind_since_.load(std::memory_order_relaxed) == none) behind_since(now);
  }
  void caught_up() { behind_since_.store(none, std::memory_order_relaxed); }
  void failed(view_call what) {
    errors_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  }

  projection_figures read(time_point now) const;

 private:
  using since_epoch = time_point::duration;
  static constexpr since_epoch none = since_epoch::min();

  std::atomic<since_epoch> behind_since_ = none;
  std::array<std::atomic<std::uint64_t>, view_call_count> errors_{};
};

struct engine_meters {
  saga_meter sagas;
  journal_meter reservations;
  journal_meter receipts;
  projection_meter projection;

  /// What is counted here; the engine knows the rest.
  engine_figures read(std::chrono::steady_clock::time_point now,
                      std::chrono::milliseconds journal_patience) const;
};

}  // namespace holdfast::actors
