#include "actors/breaker.hpp"

#include <optional>
#include <type_traits>
#include <utility>

#include "actors/port_callback.hpp"
#include "actors/provider_call.hpp"
#include "payments/provider.hpp"

namespace holdfast::actors {

namespace {

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

}  // namespace

void breaker_state::start(self_pointer self, surroundings_ptr around) {
  self_ = self;
  around_ = std::move(around);
}

// --- Permission ---

template <class Request, class Answer>
void breaker_state::call(Request& request, reply<Answer> to) {
  call_for<Request, Answer> what{std::move(request), std::move(to)};
  // Those who wait go first: there may be a place of which they have not been told yet.
  if (!queue_.empty()) serve_queue();
  if (queue_.empty() && admit(what)) return;
  if (queue_.size() == largest_bulkhead_queue) return turn_away(what);
  queue_.push_back({now() + longest_bulkhead_wait, std::move(what)});
  if (!std::exchange(ticking_, true)) self_->delayed_send(self_, bulkhead_tick, tick{});
}

/// Lets it go or refuses it; false where it has to wait.
template <class Call>
bool breaker_state::admit(Call& what) {
  constexpr auto of = std::is_same_v<Call, call_for<payments::charge_request, payments::charge_answer>>
                          ? kind::charging
                          : kind::compensating;
  const auto decided = gate().decide(of, now());
  if (decided.waits) return false;
  if (decided.permitted) {
    begin(what, *decided.permitted);
  } else {
    what.to.deliver(refusal(what.to, "the circuit breaker is open"));
  }
  return true;
}

template <class Call>
void breaker_state::turn_away(Call& what) {
  gate().count_without_place();
  what.to.deliver(refusal(what.to, too_many));
}

void breaker_state::serve_queue() {
  while (!queue_.empty()) {
    // Taken out first: an answer that comes at once may bring the next call.
    auto next = std::move(queue_.front());
    queue_.pop_front();
    if (std::visit([this](auto& what) { return admit(what); }, next.what)) continue;
    queue_.push_front(std::move(next));
    return;
  }
  gate().queue_is_empty();
}

void breaker_state::expire() {
  ticking_ = false;
  gate().forget_lost(now());
  serve_queue();
  for (; !queue_.empty() && queue_.front().until <= now(); queue_.pop_front()) {
    std::visit([this](auto& what) { turn_away(what); }, queue_.front().what);
  }
  if (queue_.empty()) return gate().queue_is_empty();
  ticking_ = true;
  self_->delayed_send(self_, bulkhead_tick, tick{});
}

// --- Calls, out and back ---

/// Its place is left when the answer comes, not when that has been read here.
template <class Request, class Answer>
void breaker_state::begin(call_for<Request, Answer>& what, ticket of) {
  auto later = to_actor(around_, caf::actor_cast<breaker_actor>(self_),
                        [of, gate = around_->breaker, clock = &self_->clock()](Answer answer) {
                          gate->release(of, answer, clock->now());
                          return call_returned{of, std::move(answer)};
                        });
  auto answer = call_and_see<Answer>(around_->ports.provider, what.request, std::move(later));
  if (!answer) return void(under_way_.emplace(of, std::move(what.to)));
  gate().release(of, *answer, now());
  what.to.deliver(std::move(*answer));
}

void breaker_state::returned(call_returned& what) {
  const auto found = under_way_.extract(what.call);
  if (found.empty()) return;
  std::visit(
      [&](auto& answer) {
        using to = reply<std::decay_t<decltype(answer)>>;
        std::get<to>(found.mapped()).deliver(std::move(answer));
      },
      what.answer);
}

void breaker_state::set(breaker_mode mode) {
  switch (mode) {
    case breaker_mode::automatic:
      return gate().hold(std::nullopt, now());
    case breaker_mode::open:
      return gate().hold(circuit_breaker::state::open, now());
    case breaker_mode::closed:
      return gate().hold(circuit_breaker::state::closed, now());
  }
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
      [self](place_is_free) { self->state.serve_queue(); },
      [self](const set_breaker& what) { self->state.set(what.mode); },
      [self](tick) { self->state.expire(); },
  };
}

}  // namespace holdfast::actors
