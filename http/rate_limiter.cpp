#include "http/rate_limiter.hpp"

#include <algorithm>

namespace holdfast::http {

namespace {

using std::chrono::milliseconds;

milliseconds rounded_up(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<milliseconds>(std::max(duration, std::chrono::nanoseconds{0}));
}

}  // namespace

rate_limiter::rate_limiter(rate_limit limit, std::size_t largest_principals)
    : limit_(limit),
      interval_(std::chrono::nanoseconds(limit.window) / limit.requests),
      largest_principals_(largest_principals) {}

rate_state rate_limiter::take(std::string_view principal, time_point now) {
  const std::lock_guard lock(mutex_);
  auto found = full_again_.find(std::string(principal));
  if (found == full_again_.end()) {
    if (full_again_.size() >= largest_principals_ && !make_room(now)) {
      return {false, 0, rounded_up(next_look_ - now)};
    }
    found = full_again_.emplace(principal, now).first;
  }
  const auto full = std::max(found->second, now) + interval_;
  // A bucket holds as many intervals as requests.
  const auto most = interval_ * limit_.requests;
  if (full - now > most) return {false, 0, rounded_up(full - now - most)};
  found->second = full;
  return {true, static_cast<std::uint32_t>((most - (full - now)) / interval_), rounded_up(full - now)};
}

bool rate_limiter::make_room(time_point now) {
  if (now < next_look_) return false;
  std::erase_if(full_again_, [now](const auto& one) { return one.second <= now; });
  next_look_ = now + std::max<std::chrono::nanoseconds>(interval_, milliseconds{100});
  return full_again_.size() < largest_principals_;
}

std::size_t rate_limiter::principals() const {
  const std::lock_guard lock(mutex_);
  return full_again_.size();
}

}  // namespace holdfast::http
