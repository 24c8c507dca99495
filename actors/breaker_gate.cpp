#include "actors/breaker_gate.hpp"

#include <spdlog/spdlog.h>

#include <caf/send.hpp>
#include <utility>

namespace holdfast::actors {

namespace {

circuit_breaker_options options_for(std::chrono::milliseconds payment_timeout) {
  circuit_breaker_options options;
  options.slow_after = payment_timeout * 75 / 100;
  options.lost_after = payment_timeout * 10;
  return options;
}

}  // namespace

breaker_gate::breaker_gate(std::chrono::milliseconds payment_timeout)
    : breaker_state_(options_for(payment_timeout)) {}

std::optional<breaker_gate::ticket> breaker_gate::pass(kind of, time_point now) {
  const std::lock_guard lock(mutex_);
  if (queued_ || !breaker_state_.closed() || breaker_state_.bulkhead_full()) return std::nullopt;
  return breaker_state_.try_acquire(of, now);
}

breaker_gate::decision breaker_gate::decide(kind of, time_point now) {
  const std::lock_guard lock(mutex_);
  if (!breaker_state_.open() && breaker_state_.bulkhead_full()) {
    queued_ = true;
    return {std::nullopt, true};
  }
  const auto permitted = breaker_state_.try_acquire(of, now);
  tell_change();
  return {permitted, false};
}

void breaker_gate::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  breaker_ = nullptr;
}

void breaker_gate::release(ticket of, outcome how, time_point now,
                           std::optional<std::chrono::milliseconds> longest_exchange) {
  breaker_actor to_tell;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    breaker_state_.release(of, how, now, longest_exchange);
    tell_change();
    if (queued_) to_tell = breaker_;
  }
  if (to_tell) caf::anon_send(to_tell, place_is_free{});
}

void breaker_gate::hold(std::optional<circuit_breaker::state> where, time_point now) {
  const std::lock_guard lock(mutex_);
  breaker_state_.hold(where, now);
  tell_change();
}

void breaker_gate::forget_lost(time_point now) {
  const std::lock_guard lock(mutex_);
  breaker_state_.forget_lost(now);
}

void breaker_gate::queue_is_empty() {
  const std::lock_guard lock(mutex_);
  queued_ = false;
}

void breaker_gate::count_without_place() {
  const std::lock_guard lock(mutex_);
  ++without_place_;
}

breaker_figures breaker_gate::figures() const {
  const std::lock_guard lock(mutex_);
  auto figures = breaker_state_.figures();
  figures.without_place = without_place_;
  return figures;
}

void breaker_gate::tell_change() {
  const auto now = breaker_state_.now_is();
  const auto was = std::exchange(told_, now);
  // Where an operator holds it, who and why stands in the log already.
  if (was == now || breaker_state_.held()) return;
  switch (now) {
    case circuit_breaker::state::open:
      return spdlog::warn(
          "the circuit breaker opens: the payment provider fails or is slow; placements are refused");
    case circuit_breaker::state::half_open:
      return spdlog::info("the circuit breaker is half open: the payment provider is probed");
    case circuit_breaker::state::closed:
      return spdlog::info("the circuit breaker closes: the payment provider is well again");
  }
}

}  // namespace holdfast::actors
