// Circuit breaker and bulkhead in front of the payment provider: a state machine over calls and
// times, without a thread, a clock or CAF; the breaker actor asks it and tells it.
//
// Closed, it judges the last calls and opens when too many failed or were slow. Open, it permits
// nothing for a while. Half-open, it permits a few probes: charges and compensations (settling,
// refunding) each have a share of their own, so that a crowd of charges can't keep a settlement
// from being tried. It closes when one kind's share has come back well, for there may be no call
// of the other kind, and opens again on the first probe that failed or was slow.
//
// A declined card is a call that went well. A ticket that is never released is taken for lost
// after a while and gives back its place and, half-open, its probe.
//
// Threading: none of its own; one thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "actors/engine.hpp"

namespace holdfast::actors {

struct circuit_breaker_options {
  /// Judged are the last so many calls, as soon as there are enough of them.
  std::size_t window_calls = 20;
  std::size_t least_calls_to_judge = 10;
  /// It opens from these on.
  std::uint32_t failed_percent = 50;
  std::uint32_t slow_percent = 50;
  /// A call is slow whose answer takes this long or longer: 75 % of the payment's time-out.
  std::chrono::milliseconds slow_after{465};
  std::chrono::milliseconds stays_open{5000};
  /// Half-open, of each kind.
  std::uint32_t probes = 3;
  /// The bulkhead.
  std::size_t most_calls_at_once = 64;
  /// Longer than any call takes.
  std::chrono::milliseconds lost_after{10'000};
};

class circuit_breaker {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using state = breaker_figures::state;

  enum class kind : std::uint8_t { charging, compensating };
  enum class outcome : std::uint8_t { ok, failed };
  /// Names one permitted call.
  using ticket = std::uint64_t;

  explicit circuit_breaker(circuit_breaker_options options = {}) : options_(options) {}

  /// A call may be made, and its ticket has to be released when it ends; or it may not.
  std::optional<ticket> try_acquire(kind of, time_point now);

  /// A ticket that was released before or is lost is ignored; one from before the last change
  /// of state gives back its place and is not judged. Of a call that was several exchanges the longest is
  /// judged, as the time-out is one for each.
  void release(ticket of, outcome how, time_point now,
               std::optional<std::chrono::milliseconds> longest_exchange = {});

  /// Whether every place is taken: a call that waits for one need not be refused yet.
  bool bulkhead_full() const { return under_way_.size() >= options_.most_calls_at_once; }

  state now_is() const { return state_; }
  bool open() const { return state_ == state::open; }
  bool closed() const { return state_ == state::closed; }
  bool held() const { return held_; }

  /// Held open it permits nothing, held closed everything that has a place, whatever becomes of it. Let go
  /// of, it tries the provider before it closes, where it was open.
  void hold(std::optional<state> where, time_point now);

  /// Frees the places of lost calls, as try_acquire does first; for those who wait for a place
  /// instead of asking for one.
  void forget_lost(time_point now);

  breaker_figures figures() const;

 private:
  struct call_under_way {
    ticket id = 0;
    kind of = kind::charging;
    std::uint64_t generation = 0;
    time_point since;
  };
  struct ended_call {
    bool failed = false;
    bool slow = false;
  };
  struct probe_count {
    std::uint32_t given = 0;
    std::uint32_t well = 0;
  };

  probe_count& probes_of(kind of) { return probes_[static_cast<std::size_t>(of)]; }
  void count(ended_call ended);
  void judge(ended_call ended, time_point now);
  void judge_probe(kind of, ended_call ended, time_point now);
  void change(state to, time_point now);

  const circuit_breaker_options options_;
  state state_ = state::closed;
  /// Until an operator lets go of it.
  bool held_ = false;
  time_point changed_at_;
  /// Counts the changes of state: what was permitted before one is not judged after it.
  std::uint64_t generation_ = 0;
  ticket last_ticket_ = 0;
  std::deque<ended_call> window_;
  /// Of those in the window.
  std::uint32_t failed_ = 0;
  std::uint32_t slow_ = 0;
  std::array<probe_count, 2> probes_;
  /// In the order of their start.
  std::vector<call_under_way> under_way_;
  /// All since the start.
  std::uint64_t not_permitted_ = 0;
  std::uint64_t succeeded_ = 0;
  std::uint64_t all_failed_ = 0;
  std::uint64_t all_slow_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace holdfast::actors
