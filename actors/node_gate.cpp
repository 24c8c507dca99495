#include "actors/node_gate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <utility>

#include "actors/router.hpp"

namespace holdfast::actors {

void node_gate_state::start(self_pointer self, std::shared_ptr<routes> served, receipt_desk_actor desk) {
  self_ = self;
  desk_ = std::move(desk);
  served_ = std::move(served);
}

template <class Answer>
node_gate_state::promise<Answer> node_gate_state::answered(decltype(Answer::status) status) {
  auto to = self_->make_response_promise<Answer>();
  Answer answer;
  answer.status = status;
  to.deliver(std::move(answer));
  return to;
}

/// An answer is given on whatever thread, so it comes back as a message: only this actor may deliver.
node_gate_state::promise<placement_answer> node_gate_state::place(place_reservation& what) {
  const auto shard = what.request.key ? served_->find(shard_of_key(*what.request.key)) : served_->next();
  if (!shard) return answered<placement_answer>(placement_status::elsewhere);
  if (placements_.size() >= largest_gate_commands) {
    return answered<placement_answer>(placement_status::overloaded);
  }
  const auto ticket = ++last_ticket_;
  auto to = placements_[ticket] = self_->make_response_promise<placement_answer>();
  const auto gate = caf::actor_cast<node_gate_actor>(self_);
  caf::anon_send(shard, placement_call{std::move(what.request),
                                       reply<placement_answer>([gate, ticket](placement_answer answer) {
                                         caf::anon_send(gate, gate_placed{ticket, std::move(answer)});
                                       }),
                                       true});
  return to;
}

node_gate_state::promise<cancellation_answer> node_gate_state::cancel(const cancel_reservation& what) {
  const auto shard = served_->find(storage::shard_of(what.id));
  if (!shard) return answered<cancellation_answer>(cancellation_status::elsewhere);
  if (cancellations_.size() >= largest_gate_commands) {
    return answered<cancellation_answer>(cancellation_status::overloaded);
  }
  const auto ticket = ++last_ticket_;
  auto to = cancellations_[ticket] = self_->make_response_promise<cancellation_answer>();
  const auto gate = caf::actor_cast<node_gate_actor>(self_);
  caf::anon_send(
      shard, cancellation_call{what, reply<cancellation_answer>([gate, ticket](cancellation_answer answer) {
                                 caf::anon_send(gate, gate_cancelled{ticket, answer});
                               }),
                               true});
  return to;
}

node_gate_state::promise<operation_answer> node_gate_state::operate(const operator_command& what) {
  const auto shard = served_->find(storage::shard_of(what.id));
  if (!shard) return answered<operation_answer>(operation_status::elsewhere);
  if (operations_.size() >= largest_gate_commands) {
    return answered<operation_answer>(operation_status::overloaded);
  }
  const auto ticket = ++last_ticket_;
  auto to = operations_[ticket] = self_->make_response_promise<operation_answer>();
  const auto gate = caf::actor_cast<node_gate_actor>(self_);
  caf::anon_send(shard, operation_call{what, reply<operation_answer>([gate, ticket](operation_answer answer) {
                                         caf::anon_send(gate, gate_operated{ticket, answer});
                                       }),
                                       true});
  return to;
}

void node_gate_state::placed(gate_placed& what) {
  auto waiting = placements_.extract(what.ticket);
  if (waiting) waiting.mapped().deliver(std::move(what.answer));
}

void node_gate_state::cancelled(const gate_cancelled& what) {
  auto waiting = cancellations_.extract(what.ticket);
  if (waiting) waiting.mapped().deliver(what.answer);
}

void node_gate_state::operated(const gate_operated& what) {
  auto waiting = operations_.extract(what.ticket);
  if (waiting) waiting.mapped().deliver(what.answer);
}

node_gate_actor::behavior_type node_gate(node_gate_state::self_pointer self, std::shared_ptr<routes> served,
                                         receipt_desk_actor desk) {
  self->state.start(self, std::move(served), std::move(desk));
  return {
      [self](place_reservation& what) { return self->state.place(what); },
      [self](const cancel_reservation& what) { return self->state.cancel(what); },
      [self](const operator_command& what) { return self->state.operate(what); },
      [self](const issue_receipt& what) { return self->state.hand_to_desk(what); },
      [self](const void_receipt& what) { return self->state.hand_to_desk(what); },
      [self](gate_placed& what) { self->state.placed(what); },
      [self](const gate_cancelled& what) { self->state.cancelled(what); },
      [self](const gate_operated& what) { self->state.operated(what); },
  };
}

}  // namespace holdfast::actors
