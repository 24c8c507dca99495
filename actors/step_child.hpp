// What a reservation's children, payment and receipt, have in common: a step whose first try had no outcome
// is tried again, with backoff. What a try is, and what ends it, is the child's own.
#pragma once

#include <string>
#include <utility>

#include "actors/interfaces.hpp"
#include "actors/step_retry.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// State of an actor of type Actor; Child derives from it and has `try_step()`, which comes to again() or
/// end().
template <class Child, class Actor, class Order>
class step_child {
 public:
  using self_pointer = typename Actor::template stateful_pointer<Child>;

  ~step_child() {
    if (around_) around_->retries->remove(order_.reservation, order_.attempt);
  }

  typename Actor::behavior_type start(self_pointer self, Order order, step_retry retry,
                                      surroundings_ptr around, reservation_actor parent) {
    self_ = self;
    order_ = std::move(order);
    retry_ = retry;
    around_ = std::move(around);
    parent_ = std::move(parent);
    wait();
    return {
        [this](retry_due what) {
          // Not one of a wait that an operator cut short.
          if (what.tries == retry_.tries) attempt();
        },
        [this](tick) { attempt(); },
    };
  }

 protected:
  /// The try had no outcome.
  void again(std::string why) {
    const auto now = self_->clock().now();
    const auto wait_for = retry_.put_off(order_.reservation, now);
    around_->retries->put(order_.reservation, order_.attempt,
                          {order_.step, retry_.tries, std::move(why), around_->ports.clock() + wait_for});
    wait();
    if (retry_.far_off(now)) self_->send(parent_, try_put_off{order_.attempt, retry_});
  }

  /// Tells the reservation, and is over.
  template <class Ended>
  void end(Ended ended) {
    self_->send(parent_, std::move(ended));
    self_->quit();
  }

  bool tried_for_too_long() const { return retry_.for_too_long(self_->clock().now()); }

  self_pointer self_ = nullptr;
  Order order_;

 private:
  void wait() {
    waiting_ = true;
    self_->delayed_send(self_, retry_.due - self_->clock().now(), retry_due{retry_.tries});
  }

  void attempt() {
    if (!std::exchange(waiting_, false)) return;
    around_->meters->sagas.step_retried(order_.step);
    static_cast<Child*>(this)->try_step();
  }

  surroundings_ptr around_;
  reservation_actor parent_;
  step_retry retry_;
  /// For the next try; else one is under way.
  bool waiting_ = false;
};

}  // namespace holdfast::actors
