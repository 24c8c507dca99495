// Which commands the engine takes: as many at once as it can answer soon. CAF's mailboxes have no bound
// of their own, so this is what bounds them all.
//
// While the event loops keep up, only a fixed bound holds, and a wave of customers may wait. Once a loop
// lags, what is admitted further only waits longer, so the bound becomes what is answered within a short
// wait at the rate at which answers are given just then (Little's law): the others hear at once that the
// engine is overloaded, and those admitted are answered as soon as ever. Waiting for a payment or a
// disk is no lag: it takes nothing from the loops.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/engine.hpp"

namespace holdfast::actors {

/// Commands under way at once, however well the loops keep up.
inline constexpr std::uint32_t largest_commands_under_way = 16'384;
/// Enough to keep the loops and the journal's batches busy: the bound falls no lower.
inline constexpr std::uint32_t smallest_command_bound = 128;
/// How long a command that is admitted while a loop lags should take.
inline constexpr std::chrono::milliseconds longest_wait_under_pressure{50};
/// A task that has had no turn on its loop after this time shows that the loop lags.
inline constexpr std::chrono::milliseconds look_every{20};

/// How many commands may be under way. A value without a clock; not thread-safe.
class command_bound {
 public:
  std::uint32_t now() const { return bound_; }

  /// What was seen since the last look: `answered` commands in this time, and whether a loop lags.
  void look(std::uint64_t answered, std::chrono::nanoseconds in, bool lags);

 private:
  std::uint32_t bound_ = largest_commands_under_way;
  /// Answers a second, smoothed over some looks.
  double rate_ = 0;
};

/// Counts the commands under way, and lets somebody wait for the last. Thread-safe; shared with the
/// tasks that it leaves on the loops.
class admission : public std::enable_shared_from_this<admission> {
 public:
  using clock = std::chrono::steady_clock;

  explicit admission(std::function<clock::time_point()> now = clock::now) : now_(std::move(now)) {}

  /// From now on commands are admitted; the loops must run tasks until close_and_wait().
  void open(std::vector<lent_loop> loops);
  /// Whether one more may come. Whoever was admitted has to leave().
  bool admit();
  void leave();
  /// Admits nobody any more. Whether the last one left in time.
  bool close_and_wait(std::chrono::milliseconds at_most);

 private:
  void look(clock::time_point now);
  void send_probe();
  void count_out();

  const std::function<clock::time_point()> now_;
  std::atomic<std::uint32_t> under_way_{0};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint32_t> bound_{largest_commands_under_way};
  std::atomic<bool> closed_{true};
  std::atomic<clock::duration> next_look_{};
  /// A task that was left on a loop has had its turn.
  std::atomic<bool> probe_is_back_{true};

  std::mutex mutex_;
  std::condition_variable empty_;
  // Guarded by the mutex.
  command_bound rule_;
  std::vector<lent_loop> loops_;
  std::size_t next_loop_ = 0;
  std::uint64_t answered_before_ = 0;
  clock::time_point last_look_{};
};

}  // namespace holdfast::actors
