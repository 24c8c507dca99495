// The breaker: every call to the payment provider goes through it. It holds back what the circuit
// breaker and the bulkhead do not permit: a charge is then certainly not charged, a settlement or
// refund unknown and tried again. While the bulkhead is full, calls queue for a moment, so that
// a burst against a fast provider is served and one against a slow provider is refused fast.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "actors/circuit_breaker.hpp"
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
  void call(charge_call& what, reply<payments::charge_answer> to);
  void call(const settle_call& what, reply<payments::settle_answer> to);
  void call(const refund_call& what, reply<payments::refund_answer> to);
  void returned(call_returned& what);
  void expire();

  static inline const char* name = "breaker";

 private:
  using time_point = caf::actor_clock::time_point;
  using reply_to = std::variant<reply<payments::charge_answer>, reply<payments::settle_answer>,
                                reply<payments::refund_answer>>;
  using kind = circuit_breaker::kind;

  struct queued {
    kind of = kind::charging;
    time_point until;
    reply_to to;
    std::function<void(std::uint64_t ticket)> begin;
  };

  time_point now() const { return self_->clock().now(); }
  void admit(queued what);
  template <class Answer, class Field>
  auto returns(std::uint64_t ticket, Field field);
  void begin(queued& what, circuit_breaker::ticket ticket);
  void serve_queue();
  void refuse(reply_to& to, const std::string& why);
  void publish();

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  std::optional<circuit_breaker> breaker_;
  std::unordered_map<circuit_breaker::ticket, reply_to> under_way_;
  std::deque<queued> queue_;
  bool ticking_ = false;
  circuit_breaker::state logged_ = circuit_breaker::state::closed;
};

breaker_actor::behavior_type breaker(breaker_state::self_pointer self, surroundings_ptr around);

}  // namespace holdfast::actors
