#include "payments/http_places.hpp"

#include <cassert>
#include <utility>

namespace holdfast::payments {

http_places::http_places(boost::asio::io_context& loop, std::size_t most_at_once, std::size_t most_waiting,
                         std::chrono::milliseconds longest_wait)
    : most_at_once_(most_at_once), most_waiting_(most_waiting), longest_wait_(longest_wait), timer_(loop) {}

void http_places::enter(handler go) {
  if (closed_) return go(admission::closed);
  if (taken_ < most_at_once_) {
    ++taken_;
    return go(admission::admitted);
  }
  if (waiting_.size() == most_waiting_) return go(admission::too_many_calls);
  waiting_.push_back({clock::now() + longest_wait_, std::move(go)});
  watch();
}

/// The place goes to who waits longest.
void http_places::leave() {
  assert(taken_ > 0);
  if (waiting_.empty()) {
    --taken_;
    return;
  }
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next.go(admission::admitted);
}

void http_places::close() {
  closed_ = true;
  timer_.cancel();
  for (auto waiting = std::exchange(waiting_, {}); auto& each : waiting) each.go(admission::closed);
}

/// All wait equally long, so the first in the queue is the first to be late.
void http_places::watch() {
  if (watching_ || waiting_.empty()) return;
  watching_ = true;
  timer_.expires_at(waiting_.front().until);
  timer_.async_wait([this](const auto& error) {
    watching_ = false;
    if (error || closed_) return;
    turn_away_the_late();
    watch();
  });
}

void http_places::turn_away_the_late() {
  const auto now = clock::now();
  while (!waiting_.empty() && waiting_.front().until <= now) {
    const auto late = std::move(waiting_.front());
    waiting_.pop_front();
    late.go(admission::too_many_calls);
  }
}

}  // namespace holdfast::payments
