#include "actors/receipt.hpp"

#include <utility>

#include "actors/backoff.hpp"

namespace holdfast::actors {

void receipt_state::attempt() {
  ++tries;
  const auto answered = [this](receipt_answer& answer) { end(answer); };
  const auto failed = [this](caf::error&) { again(); };
  if (order.step == domain::step::void_receipt) {
    self->request(desk, caf::infinite, void_receipt{order.reservation}).then(answered, failed);
    return;
  }
  const auto paid_at_ms = order.paid_at.time_since_epoch().count();
  self->request(desk, caf::infinite,
                issue_receipt{order.reservation, paid_at_ms, order.first_attempt && tries == 1})
      .then(answered, failed);
}

void receipt_state::end(receipt_answer& answer) {
  self->send(parent, receipt_ended{order.attempt, std::move(answer)});
  self->quit();
}

void receipt_state::again() {
  self->delayed_send(self, backoff(order.reservation, tries), tick{});
}

receipt_actor::behavior_type receipt(receipt_state::self_pointer self, receipt_order order,
                                     reservation_actor parent, receipt_desk_actor desk) {
  auto& state = self->state;
  state.self = self;
  state.order = order;
  state.parent = std::move(parent);
  state.desk = std::move(desk);
  state.attempt();
  return {[self](tick) { self->state.attempt(); }};
}

}  // namespace holdfast::actors
