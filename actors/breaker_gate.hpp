// The circuit breaker as everybody sees it: a call that need not wait passes by itself; one that has to wait
// for a place, or comes while the breaker is not closed, goes by way of the breaker (breaker.hpp), which has
// the queue. Says in the log when it opens and closes. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "actors/circuit_breaker.hpp"
#include "actors/engine.hpp"
#include "actors/interfaces.hpp"
#include "actors/provider_call.hpp"

namespace holdfast::actors {

class breaker_gate {
 public:
  using kind = circuit_breaker::kind;
  using outcome = circuit_breaker::outcome;
  using ticket = circuit_breaker::ticket;
  using time_point = circuit_breaker::time_point;

  explicit breaker_gate(std::chrono::milliseconds payment_timeout);

  /// Who serves the queue. Before the first call.
  void open(breaker_actor breaker) { breaker_ = std::move(breaker); }
  /// All actors have ended: what comes back from now on tells nothing of the provider.
  void close();

  /// A call may go out now; nothing where the breaker has to be asked.
  std::optional<ticket> pass(kind of, time_point now);
  struct decision {
    std::optional<ticket> permitted;
    /// Every place is taken: the call waits for one, and from now on nobody passes before it.
    bool waits = false;
  };
  /// Of a call by way of the breaker. One that neither goes nor waits is refused.
  decision decide(kind of, time_point now);
  /// What circuit_breaker's of these names do.
  template <class Answer>
  void release(ticket of, const Answer& answer, time_point now) {
    release(of, outcome_of_call(answer), now, answer.longest_exchange);
  }
  void hold(std::optional<circuit_breaker::state> where, time_point now);
  void forget_lost(time_point now);

  /// From the breaker: nobody waits any more.
  void queue_is_empty();
  /// A call found no place in time.
  void count_without_place();

  breaker_figures figures() const;

 private:
  void release(ticket of, outcome how, time_point now,
               std::optional<std::chrono::milliseconds> longest_exchange);
  void tell_change();

  mutable std::mutex mutex_;
  circuit_breaker breaker_state_;
  bool queued_ = false;
  std::uint64_t without_place_ = 0;
  circuit_breaker::state told_ = circuit_breaker::state::closed;
  bool closed_ = false;
  breaker_actor breaker_;
};

}  // namespace holdfast::actors
