#include "actors/breaker.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "actors/port_callback.hpp"

namespace holdfast::actors {

namespace {

circuit_breaker_options options_for(std::chrono::milliseconds payment_timeout) {
  circuit_breaker_options options;
  options.slow_after = payment_timeout * 75 / 100;
  options.lost_after = payment_timeout * 10;
  return options;
}

}  // namespace

void breaker_state::start(self_pointer self, surroundings_ptr around) {
  self_ = self;
  around_ = std::move(around);
  breaker_.emplace(options_for(around_->options.payment_timeout));
}

void breaker_state::publish() {
  const auto figures = breaker_->figures();
  const auto was = std::exchange(logged_, figures.now);
  around_->breaker->publish(figures);
  if (was == figures.now) return;
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

// --- Calls out ---

/// The provider's callback: its answer comes back as a message, stamped when it was given.
template <class Answer, class Field>
auto breaker_state::returns(std::uint64_t ticket, Field field) {
  return to_actor(around_, caf::actor_cast<breaker_actor>(self_),
                  [ticket, field, clock = &self_->clock()](Answer answer) {
                    call_returned back;
                    back.call = ticket;
                    back.at = clock->now();
                    back.*field = std::make_shared<Answer>(std::move(answer));
                    return back;
                  });
}

void breaker_state::call(charge_call& what, reply<payments::charge_answer> to) {
  auto request = std::make_shared<payments::charge_request>(std::move(what.request));
  admit({kind::charging, {}, to, [this, request](std::uint64_t ticket) {
           around_->ports.provider.charge(std::move(*request),
                                          returns<payments::charge_answer>(ticket, &call_returned::charge));
         }});
}

void breaker_state::call(const settle_call& what, reply<payments::settle_answer> to) {
  admit({kind::compensating, {}, to, [this, request = what.request](std::uint64_t ticket) {
           around_->ports.provider.settle(request,
                                          returns<payments::settle_answer>(ticket, &call_returned::settle));
         }});
}

void breaker_state::call(const refund_call& what, reply<payments::refund_answer> to) {
  admit({kind::compensating, {}, to, [this, request = what.request](std::uint64_t ticket) {
           around_->ports.provider.refund(request,
                                          returns<payments::refund_answer>(ticket, &call_returned::refund));
         }});
}

// --- Permission ---

void breaker_state::admit(queued what) {
  if (!breaker_->open() && breaker_->bulkhead_full()) {
    if (queue_.size() == largest_bulkhead_queue) {
      return refuse(what.to, "too many payments are under way");
    }
    what.until = now() + longest_bulkhead_wait;
    queue_.push_back(std::move(what));
    if (!std::exchange(ticking_, true)) self_->delayed_send(self_, bulkhead_tick, tick{});
    return;
  }
  if (const auto ticket = breaker_->try_acquire(what.of, now())) {
    begin(what, *ticket);
  } else {
    refuse(what.to, "the circuit breaker is open");
  }
  publish();
}

void breaker_state::begin(queued& what, circuit_breaker::ticket ticket) {
  under_way_.emplace(ticket, std::move(what.to));
  what.begin(ticket);
}

void breaker_state::serve_queue() {
  while (!queue_.empty() && !breaker_->bulkhead_full()) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    admit(std::move(next));
  }
}

void breaker_state::expire() {
  ticking_ = false;
  breaker_->forget_lost(now());
  serve_queue();
  for (; !queue_.empty() && queue_.front().until <= now(); queue_.pop_front()) {
    refuse(queue_.front().to, "too many payments are under way");
  }
  if (queue_.empty()) return;
  ticking_ = true;
  self_->delayed_send(self_, bulkhead_tick, tick{});
}

void breaker_state::refuse(reply_to& to, const std::string& why) {
  if (auto* charge = std::get_if<reply<payments::charge_answer>>(&to)) {
    charge->deliver(payments::charge_answer{payments::charge_status::not_charged, {}, why});
  } else if (auto* settle = std::get_if<reply<payments::settle_answer>>(&to)) {
    settle->deliver(payments::settle_answer{payments::settle_status::unknown, {}, why});
  } else {
    std::get<reply<payments::refund_answer>>(to).deliver(
        payments::refund_answer{payments::refund_status::unknown, {}, why});
  }
}

// --- Calls back ---

void breaker_state::returned(call_returned& what) {
  const auto found = under_way_.extract(what.call);
  if (found.empty()) return;
  bool failed = false;
  if (what.charge) {
    using enum payments::charge_status;
    failed = (what.charge->status == unknown || what.charge->status == not_charged) &&
             !what.charge->provider_is_well;
    std::get<reply<payments::charge_answer>>(found.mapped()).deliver(std::move(*what.charge));
  } else if (what.settle) {
    failed = what.settle->status == payments::settle_status::unknown && !what.settle->provider_is_well;
    std::get<reply<payments::settle_answer>>(found.mapped()).deliver(std::move(*what.settle));
  } else {
    failed = what.refund->status == payments::refund_status::unknown && !what.refund->provider_is_well;
    std::get<reply<payments::refund_answer>>(found.mapped()).deliver(std::move(*what.refund));
  }
  breaker_->release(what.call, failed ? circuit_breaker::outcome::failed : circuit_breaker::outcome::ok,
                    what.at);
  serve_queue();
  publish();
}

breaker_actor::behavior_type breaker(breaker_state::self_pointer self, surroundings_ptr around) {
  self->state.start(self, std::move(around));
  return {
      [self](charge_call& what) {
        return owe<payments::charge_answer>(self, [&](auto to) { self->state.call(what, std::move(to)); });
      },
      [self](const settle_call& what) {
        return owe<payments::settle_answer>(self, [&](auto to) { self->state.call(what, std::move(to)); });
      },
      [self](const refund_call& what) {
        return owe<payments::refund_answer>(self, [&](auto to) { self->state.call(what, std::move(to)); });
      },
      [self](call_returned& what) { self->state.returned(what); },
      [self](tick) { self->state.expire(); },
  };
}

}  // namespace holdfast::actors
