// The breaker: the way to the payment provider for calls that can't pass its gate (breaker_gate.hpp) by
// themselves. It holds back what the circuit breaker and the bulkhead do not permit: a charge is then
// certainly not charged, a settlement or refund unknown and tried again. While the bulkhead is full, calls
// queue for a moment, so that a burst against a fast provider is served and one against a slow provider is
// refused fast.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "actors/breaker_gate.hpp"
#include "actors/interfaces.hpp"
#include "actors/reply.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Calls that queue for a place in the bulkhead, and how long they do.
inline constexpr std::size_t largest_bulkhead_queue = 4096;
inline constexpr std::chrono::milliseconds longest_bulkhead_wait{30};
/// How often the queue is looked through.
inline constexpr std::chrono::milliseconds bulkhead_tick{10};

class breaker_state {
 public:
  using self_pointer = breaker_actor::stateful_pointer<breaker_state>;

  void start(self_pointer self, surroundings_ptr around);
  template <class Request, class Answer>
  void call(Request& request, reply<Answer> to);
  void returned(call_returned& what);
  void serve_queue();
  void expire();
  void set(breaker_mode mode);

  static inline const char* name = "breaker";

 private:
  using time_point = caf::actor_clock::time_point;
  using kind = breaker_gate::kind;
  using ticket = breaker_gate::ticket;

  /// A call to the provider, and who waits for its answer.
  template <class Request, class Answer>
  struct call_for {
    Request request;
    reply<Answer> to;
  };
  using any_call = std::variant<call_for<payments::charge_request, payments::charge_answer>,
                                call_for<payments::settle_request, payments::settle_answer>,
                                call_for<payments::refund_request, payments::refund_answer>>;
  using any_reply = std::variant<reply<payments::charge_answer>, reply<payments::settle_answer>,
                                 reply<payments::refund_answer>>;
  struct queued {
    time_point until;
    any_call what;
  };

  time_point now() const { return self_->clock().now(); }
  breaker_gate& gate() const { return *around_->breaker; }
  template <class Call>
  bool admit(Call& what);
  template <class Request, class Answer>
  void begin(call_for<Request, Answer>& what, ticket of);
  template <class Call>
  void turn_away(Call& what);

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  std::unordered_map<ticket, any_reply> under_way_;
  std::deque<queued> queue_;
  bool ticking_ = false;
};

breaker_actor::behavior_type breaker(breaker_state::self_pointer self, surroundings_ptr around);

}  // namespace holdfast::actors
