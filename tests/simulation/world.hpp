// The one thread that everything in a simulation runs on: virtual time, what is still to happen, the
// trace, and the faults that have struck. Ports put their steps here, and the schedule picks one of
// those that are ready.
//
// Owned by one simulation; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/proof/canaries.hpp"
#include "tests/proof/history.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/random.hpp"

namespace holdfast::simulation {

/// Every customer's. It occurs nowhere by chance.
inline constexpr const char* canary_card = "4916338506082832";

/// Whose process a step belongs to: it is lost when that crashes, and waits while it is paused.
/// What is nobody's, a customer's or a server's, goes on whatever becomes of the nodes.
using owner = std::uint32_t;
inline constexpr owner nobody = 0;

class world {
 public:
  using step = std::function<void()>;

  world(const plan& drawn, std::ostream* trace_to)
      : drawn(drawn), random(drawn.seed * 2 + 2), trace_to_(trace_to) {}

  // --- Time ---

  moment now() const { return now_; }
  /// A moment that no other recorded thing has.
  moment stamp();
  std::optional<moment> next_due() const;
  void advance_to(moment later);

  // --- What is to happen ---

  void after(moment delay, owner of, step what);
  std::size_t ready() const { return ready_.size(); }
  void run_ready(std::size_t which);
  /// Its process is gone, and with it what waits on its side.
  void lose_steps_of(owner gone);
  /// Its process stands still, and so do its steps, until go_on().
  void pause(owner who);
  void go_on(owner who);

  // --- Chance ---

  /// Draws whether a fault strikes now; notes it if it does.
  bool strikes(fault what, const std::string& detail);
  void note(fault what, const std::string& detail);
  /// No fault strikes any more.
  void end_faults() { faults_over_ = true; }
  bool faults_over() const { return faults_over_; }
  /// A latency up to the longest, mostly a short one.
  moment latency(moment longest);

  // --- Trace ---

  bool traced() const { return trace_to_ != nullptr; }
  /// `text` is made only where somebody reads it.
  template <class MakeText>
  void trace(MakeText make_text) {
    if (trace_to_) write_trace(make_text());
  }

  const plan drawn;
  random_source random;
  std::vector<proof::fault_line> faults;
  /// Whatever is said or kept is shown to it.
  proof::canary_watch cards{canary_card};
  /// By kind.
  std::array<std::uint64_t, fault_count> struck{};
  /// Turns of actors and steps of ports so far.
  std::uint64_t steps = 0;

 private:
  struct waiting_step {
    owner of = nobody;
    step what;
  };
  void write_trace(const std::string& text);

  std::ostream* trace_to_;
  moment now_ = 0;
  moment last_stamp_ = 0;
  bool faults_over_ = false;
  std::multimap<moment, waiting_step> later_;
  std::vector<waiting_step> ready_;
  /// Steps of those that are paused, which would be ready.
  std::map<owner, std::vector<waiting_step>> held_;

  void make_ready(waiting_step one);
};

}  // namespace holdfast::simulation
