#include "actors/breaker.hpp"

#include <spdlog/spdlog.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "actors/port_callback.hpp"
#include "payments/provider.hpp"

namespace holdfast::actors {

namespace {

circuit_breaker_options options_for(std::chrono::milliseconds payment_timeout) {
  circuit_breaker_options options;
  options.slow_after = payment_timeout * 75 / 100;
  options.lost_after = payment_timeout * 10;
  return options;
}

/// The provider failed, or did not get the call.
bool failed(const payments::charge_answer& answer) {
  using enum payments::charge_status;
  return (answer.status == unknown || answer.status == not_charged) && !answer.provider_is_well;
}
bool failed(const payments::settle_answer& answer) {
  return answer.status == payments::settle_status::unknown && !answer.provider_is_well;
}
bool failed(const payments::refund_answer& answer) {
  return answer.status == payments::refund_status::unknown && !answer.provider_is_well;
}

/// What is answered in the provider's place: a charge certainly did not happen.
payments::charge_answer refusal(const reply<payments::charge_answer>&, const char* why) {
  return {payments::charge_status::not_charged, {}, why};
}
payments::settle_answer refusal(const reply<payments::settle_answer>&, const char* why) {
  return {payments::settle_status::unknown, {}, why};
}
payments::refund_answer refusal(const reply<payments::refund_answer>&, const char* why) {
  return {payments::refund_status::unknown, {}, why};
}

constexpr const char* too_many = "too many payments are under way";

void call_provider(payments::provider& provider, payments::charge_request& request,
                   std::function<void(payments::charge_answer)> done) {
  provider.charge(std::move(request), std::move(done));
}
void call_provider(payments::provider& provider, payments::settle_request& request,
                   std::function<void(payments::settle_answer)> done) {
  provider.settle(std::move(request), std::move(done));
}
void call_provider(payments::provider& provider, payments::refund_request& request,
                   std::function<void(payments::refund_answer)> done) {
  provider.refund(std::move(request), std::move(done));
}

/// Where the provider answers before its call returns: the breaker is at it already, so the answer needs
/// no message. Others than the caller's thread touch only `caller`.
template <class Answer>
struct answer_at_once {
  const std::thread::id caller = std::this_thread::get_id();
  bool calling = true;
  std::optional<Answer> answer;

  bool take(Answer& given) {
    if (std::this_thread::get_id() != caller || !calling) return false;
    answer = std::move(given);
    return true;
  }
};

}  // namespace

void breaker_state::start(self_pointer self, surroundings_ptr around) {
  self_ = self;
  around_ = std::move(around);
  breaker_.emplace(options_for(around_->options.payment_timeout));
}

void breaker_state::publish() {
  auto figures = breaker_->figures();
  figures.without_place = without_place_;
  const auto was = std::exchange(logged_, figures.now);
  around_->breaker->publish(figures);
  // Where an operator holds it, who and why stands in the log already.
  if (was == figures.now || figures.held) return;
  switch (figures.now) {
    case circuit_breaker::state::open:
      return spdlog::warn(
          "the circuit breaker opens: the payment provider fails or is slow; placements are refused");
    case circuit_breaker::state::half_open:
      return spdlog::info("the circuit breaker is half open: the payment provider is probed");
    case circuit_breaker::state::closed:
      return spdlog::info("the circuit breaker closes: the payment provider is well again");
  }
}

// --- Permission ---

template <class Request, class Answer>
void breaker_state::call(Request& request, reply<Answer> to) {
  call_for<Request, Answer> what{std::move(request), std::move(to)};
  if (breaker_->open() || !breaker_->bulkhead_full()) return admit(what);
  if (queue_.size() == largest_bulkhead_queue) return turn_away(what);
  queue_.push_back({now() + longest_bulkhead_wait, std::move(what)});
  if (!std::exchange(ticking_, true)) self_->delayed_send(self_, bulkhead_tick, tick{});
}

template <class Call>
void breaker_state::admit(Call& what) {
  constexpr auto of = std::is_same_v<Call, call_for<payments::charge_request, payments::charge_answer>>
                          ? kind::charging
                          : kind::compensating;
  if (const auto permitted = breaker_->try_acquire(of, now())) {
    begin(what, *permitted);
  } else {
    what.to.deliver(refusal(what.to, "the circuit breaker is open"));
  }
  publish();
}

/// Published with the next tick, since others queue.
template <class Call>
void breaker_state::turn_away(Call& what) {
  ++without_place_;
  what.to.deliver(refusal(what.to, too_many));
}

void breaker_state::serve_queue() {
  while (!queue_.empty() && !breaker_->bulkhead_full()) {
    auto next = std::move(queue_.front().what);
    queue_.pop_front();
    std::visit([this](auto& what) { admit(what); }, next);
  }
}

void breaker_state::expire() {
  ticking_ = false;
  breaker_->forget_lost(now());
  serve_queue();
  for (; !queue_.empty() && queue_.front().until <= now(); queue_.pop_front()) {
    std::visit([this](auto& what) { turn_away(what); }, queue_.front().what);
  }
  publish();
  if (queue_.empty()) return;
  ticking_ = true;
  self_->delayed_send(self_, bulkhead_tick, tick{});
}

// --- Calls, out and back ---

/// The provider's callback: its answer comes back as a message, stamped when it was given, unless it is
/// given at once.
template <class Request, class Answer>
void breaker_state::begin(call_for<Request, Answer>& what, ticket of) {
  auto at_once = std::make_shared<answer_at_once<Answer>>();
  auto later =
      to_actor(around_, caf::actor_cast<breaker_actor>(self_), [of, clock = &self_->clock()](Answer answer) {
        return call_returned{of, clock->now(), std::move(answer)};
      });
  call_provider(around_->ports.provider, what.request,
                [at_once, later = std::move(later)](Answer answer) mutable {
                  if (!at_once->take(answer)) later(std::move(answer));
                });
  at_once->calling = false;
  if (at_once->answer) return end(of, what.to, std::move(*at_once->answer), now());
  under_way_.emplace(of, std::move(what.to));
}

template <class Answer>
void breaker_state::end(ticket of, reply<Answer>& to, Answer answer, time_point at) {
  breaker_->release(of, failed(answer) ? circuit_breaker::outcome::failed : circuit_breaker::outcome::ok, at);
  to.deliver(std::move(answer));
}

void breaker_state::returned(call_returned& what) {
  const auto found = under_way_.extract(what.call);
  if (found.empty()) return;
  std::visit(
      [&](auto& answer) {
        using to = reply<std::decay_t<decltype(answer)>>;
        end(what.call, std::get<to>(found.mapped()), std::move(answer), what.at);
      },
      what.answer);
  serve_queue();
  publish();
}

void breaker_state::set(breaker_mode mode) {
  switch (mode) {
    case breaker_mode::automatic:
      breaker_->hold(std::nullopt, now());
      break;
    case breaker_mode::open:
      breaker_->hold(circuit_breaker::state::open, now());
      break;
    case breaker_mode::closed:
      breaker_->hold(circuit_breaker::state::closed, now());
      break;
  }
  publish();
}

breaker_actor::behavior_type breaker(breaker_state::self_pointer self, surroundings_ptr around) {
  self->state.start(self, std::move(around));
  return {
      [self](charge_call& what) {
        return owe<payments::charge_answer>(self,
                                            [&](auto to) { self->state.call(what.request, std::move(to)); });
      },
      [self](settle_call& what) {
        return owe<payments::settle_answer>(self,
                                            [&](auto to) { self->state.call(what.request, std::move(to)); });
      },
      [self](refund_call& what) {
        return owe<payments::refund_answer>(self,
                                            [&](auto to) { self->state.call(what.request, std::move(to)); });
      },
      [self](call_returned& what) { self->state.returned(what); },
      [self](const set_breaker& what) { self->state.set(what.mode); },
      [self](tick) { self->state.expire(); },
  };
}

}  // namespace holdfast::actors
