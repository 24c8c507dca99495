#include "actors/admission.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace holdfast::actors {

namespace {

/// Of the rate, what one look adds.
constexpr double share_of_a_look = 0.25;
/// What the bound gains in the time between two looks while no loop lags: all of it again in a second.
constexpr double growth_of_a_look = 1.12;

}  // namespace

void command_bound::look(std::uint64_t answered, std::chrono::nanoseconds in, bool lags) {
  const double seconds = std::max(std::chrono::duration<double>(in).count(), 1e-9);
  rate_ += share_of_a_look * (static_cast<double>(answered) / seconds - rate_);
  const double looks = seconds / std::chrono::duration<double>(look_every).count();
  const double wanted = lags ? rate_ * std::chrono::duration<double>(longest_wait_under_pressure).count()
                             : bound_ * std::pow(growth_of_a_look, looks);
  bound_ = static_cast<std::uint32_t>(
      std::clamp(wanted, double{smallest_command_bound}, double{largest_commands_under_way}));
}

void admission::open(std::vector<lent_loop> loops) {
  const std::lock_guard lock(mutex_);
  loops_ = std::move(loops);
  last_look_ = now_();
  closed_ = false;
}

bool admission::admit() {
  if (closed_.load(std::memory_order_relaxed)) return false;
  const auto now = now_();
  if (now.time_since_epoch() >= next_look_.load(std::memory_order_relaxed)) look(now);
  if (under_way_.fetch_add(1) < bound_.load(std::memory_order_relaxed)) return true;
  count_out();
  return false;
}

void admission::leave() {
  answered_.fetch_add(1, std::memory_order_relaxed);
  count_out();
}

void admission::count_out() {
  if (under_way_.fetch_sub(1) != 1 || !closed_) return;
  const std::lock_guard lock(mutex_);
  empty_.notify_all();
}

bool admission::close_and_wait(std::chrono::milliseconds at_most) {
  closed_ = true;
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, at_most, [this] { return under_way_ == 0; });
}

/// Only by those who ask to be admitted: without them there is nothing to bound.
void admission::look(clock::time_point now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || now.time_since_epoch() < next_look_.load()) return;
  next_look_ = (now + look_every).time_since_epoch();
  const std::uint64_t answered = answered_;
  const bool lags = !probe_is_back_;
  rule_.look(answered - answered_before_, now - last_look_, lags);
  bound_ = rule_.now();
  answered_before_ = answered;
  last_look_ = now;
  if (!lags) send_probe();
}

void admission::send_probe() {
  if (loops_.empty()) return;
  probe_is_back_ = false;
  loops_[next_loop_++ % loops_.size()]([self = shared_from_this()] { self->probe_is_back_ = true; });
}

}  // namespace holdfast::actors
