// What the process is to the operating system: its limits, and the signals that end it.
// Threading: call everything from the main thread before it starts any other, except where it
// says otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>

namespace holdfast {

/// Card numbers can be in memory: no core file, and nobody else may look into the process.
void forbid_core_dumps();

/// What it makes is for its user only, whoever made the folder: addresses and card tokens are in it.
void keep_files_private();

/// Takes as many file descriptors as the hard limit allows; how many that is.
std::uint64_t raise_descriptor_limit();

/// A connection that went away, or a file that may not grow further, is an error of its write, no reason
/// to end.
void ignore_signals_of_writes();

/// Takes SIGTERM and SIGINT: the first asks the process to end, the second ends it at once with
/// 128 and the signal's number. So does the first where nobody waits for it within 5 s, as in a start that can't
/// go on. So does SIGHUP, where nothing else is to be done on it. It needs a thread of
/// its own for as long as the process lives, so there is one of it.
class end_signals {
 public:
  end_signals();

  /// Returns the first signal once it has come.
  int wait();

  /// From now on SIGHUP calls this, on a thread of its own, one call after the other; with nothing, what was
  /// given before is not called any more when this returns. Any thread.
  void on_hang_up(std::function<void()> call);

  /// Lets what is under way go out for a moment, then ends the process with code 1, whatever its
  /// other threads do. Returns at once and allocates nothing; any thread may call it.
  static void end_after_failure();

  /// Ends the process with this code then, whatever its other threads do, if it has not ended by itself.
  static void end_within(std::chrono::milliseconds time, int code);

 private:
  std::future<int> first_;
};

}  // namespace holdfast
