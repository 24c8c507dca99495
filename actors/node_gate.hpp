// Where the commands of other nodes come in: to a shard that is served here, or answered `elsewhere` at once.
// Admits a bounded number of them.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/routes.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Commands of other nodes that are under way, of each kind; further ones are `overloaded`.
inline constexpr std::size_t largest_gate_commands = 8192;

class node_gate_state {
 public:
  using self_pointer = node_gate_actor::stateful_pointer<node_gate_state>;
  template <class Answer>
  using promise = caf::typed_response_promise<Answer>;

  void start(self_pointer self, std::shared_ptr<routes> served, receipt_desk_actor desk);

  promise<placement_answer> place(place_reservation& what);
  promise<cancellation_answer> cancel(const cancel_reservation& what);
  promise<operation_answer> operate(const operator_command& what);
  template <class Command>
  caf::result<receipt_answer> hand_to_desk(const Command& what) {
    return self_->delegate(desk_, what);
  }
  void placed(gate_placed& what);
  void cancelled(const gate_cancelled& what);
  void operated(const gate_operated& what);

  static inline const char* name = "node_gate";

 private:
  template <class Answer>
  using promises = std::unordered_map<std::uint64_t, promise<Answer>>;

  template <class Answer>
  promise<Answer> answered(decltype(Answer::status) status);

  self_pointer self_ = nullptr;
  std::shared_ptr<routes> served_;
  receipt_desk_actor desk_;
  std::uint64_t last_ticket_ = 0;
  promises<placement_answer> placements_;
  promises<cancellation_answer> cancellations_;
  promises<operation_answer> operations_;
};

node_gate_actor::behavior_type node_gate(node_gate_state::self_pointer self, std::shared_ptr<routes> served,
                                         receipt_desk_actor desk);

}  // namespace holdfast::actors
