#include "actors/circuit_breaker.hpp"

#include <algorithm>

namespace holdfast::actors {

std::optional<circuit_breaker::ticket> circuit_breaker::try_acquire(kind of, time_point now) {
  forget_lost(now);
  if (!held_ && state_ == state::open && now - changed_at_ >= options_.stays_open)
    change(state::half_open, now);

  const bool no_probe_left = state_ == state::half_open && probes_of(of).given == options_.probes;
  if (state_ == state::open || no_probe_left || under_way_.size() >= options_.most_calls_at_once) {
    ++not_permitted_;
    return std::nullopt;
  }
  if (state_ == state::half_open) ++probes_of(of).given;
  under_way_.push_back({++last_ticket_, of, generation_, now});
  return last_ticket_;
}

void circuit_breaker::release(ticket of, outcome how, time_point now,
                              std::optional<std::chrono::milliseconds> longest_exchange) {
  const auto found = std::find_if(under_way_.begin(), under_way_.end(),
                                  [of](const call_under_way& call) { return call.id == of; });
  if (found == under_way_.end()) return;
  const auto call = *found;
  under_way_.erase(found);
  const auto took = longest_exchange ? *longest_exchange : now - call.since;
  const ended_call ended{how == outcome::failed, took >= options_.slow_after};
  count(ended);
  if (held_ || call.generation != generation_) return;

  if (state_ == state::half_open) {
    judge_probe(call.of, ended, now);
  } else {
    judge(ended, now);
  }
}

void circuit_breaker::hold(std::optional<state> where, time_point now) {
  if (!where && !held_) return;
  held_ = where.has_value();
  change(where.value_or(state_ == state::open ? state::half_open : state::closed), now);
}

breaker_figures circuit_breaker::figures() const {
  breaker_figures all;
  all.now = state_;
  all.held = held_;
  all.window_calls = static_cast<std::uint32_t>(window_.size());
  all.window_failed = failed_;
  all.window_slow = slow_;
  all.calls_under_way = static_cast<std::uint32_t>(under_way_.size());
  all.not_permitted = not_permitted_;
  all.succeeded = succeeded_;
  all.failed = all_failed_;
  all.slow = all_slow_;
  all.lost = lost_;
  return all;
}

void circuit_breaker::count(ended_call ended) {
  ++(ended.failed ? all_failed_ : succeeded_);
  all_slow_ += ended.slow;
}

void circuit_breaker::forget_lost(time_point now) {
  while (!under_way_.empty() && now - under_way_.front().since >= options_.lost_after) {
    const auto& lost = under_way_.front();
    const bool was_probe = state_ == state::half_open && lost.generation == generation_;
    if (was_probe) --probes_of(lost.of).given;
    under_way_.erase(under_way_.begin());
    ++lost_;
  }
}

void circuit_breaker::judge(ended_call ended, time_point now) {
  window_.push_back(ended);
  failed_ += ended.failed;
  slow_ += ended.slow;
  if (window_.size() > options_.window_calls) {
    failed_ -= window_.front().failed;
    slow_ -= window_.front().slow;
    window_.pop_front();
  }
  if (window_.size() < options_.least_calls_to_judge) return;
  const auto reached = [this](std::uint32_t count, std::uint32_t percent) {
    return count * 100 >= window_.size() * percent;
  };
  if (reached(failed_, options_.failed_percent) || reached(slow_, options_.slow_percent)) {
    change(state::open, now);
  }
}

void circuit_breaker::judge_probe(kind of, ended_call ended, time_point now) {
  if (ended.failed || ended.slow) return change(state::open, now);
  if (++probes_of(of).well == options_.probes) change(state::closed, now);
}

/// The window stays as it is while open, for those who look at it, and starts anew when closed.
void circuit_breaker::change(state to, time_point now) {
  state_ = to;
  changed_at_ = now;
  ++generation_;
  if (to == state::half_open) probes_ = {};
  if (to != state::closed) return;
  window_.clear();
  failed_ = slow_ = 0;
}

}  // namespace holdfast::actors
