// How far a long command is, on standard error: a bar on a terminal, a plain line now and then elsewhere.
// Used by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast {

class progress {
 public:
  /// `what` is counted: "reservations". `total` is 0 where it is not known.
  progress(std::string what, std::uint64_t total);
  /// Ends the bar's line.
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void reached(std::uint64_t count);

 private:
  std::string text() const;

  const std::string what_;
  const std::uint64_t total_;
  const bool on_terminal_;
  std::uint64_t count_ = 0;
  std::chrono::steady_clock::time_point next_;
  bool shown_ = false;
};

}  // namespace holdfast
