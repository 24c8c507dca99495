// How many requests each principal may make: a token bucket for each, kept as one time (the generic cell rate
// algorithm): when the bucket would be full again. A bucket that is full is as good as none, so it is
// forgotten when room is needed. Threading: any. Never waits for longer than another's look.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace holdfast::http {

struct rate_limit {
  /// At once, and within each window on average.
  std::uint32_t requests = 0;
  std::chrono::milliseconds window{1000};

  bool operator==(const rate_limit&) const = default;
};

/// What is left to a principal after a request.
struct rate_state {
  bool allowed = true;
  std::uint32_t remaining = 0;
  /// Until all that a window has is there again; until the next request is allowed, where this one was not.
  std::chrono::milliseconds wait{0};
};

class rate_limiter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `largest_principals` of whom something is remembered; beyond, whoever is new is told to wait.
  explicit rate_limiter(rate_limit limit, std::size_t largest_principals = 100'000);

  const rate_limit& limit() const { return limit_; }
  rate_state take(std::string_view principal, time_point now);

  /// Of whom something is remembered.
  std::size_t principals() const;

 private:
  bool make_room(time_point now);

  const rate_limit limit_;
  const std::chrono::nanoseconds interval_;
  const std::size_t largest_principals_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, time_point> full_again_;
  /// Looking for room in vain is not repeated before.
  time_point next_look_{};
};

}  // namespace holdfast::http
