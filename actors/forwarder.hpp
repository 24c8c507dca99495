// Brings commands on shards that this node does not serve to the nodes that do. Where nobody has the shard
// for the moment, or its owner can't be reached, a command waits a bounded time for somebody who has; what
// was asked and lost with its node is asked again. Both are safe since commands are idempotent: a
// cancellation by its id, a placement by its key, and one without a key gets one of its own here.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "actors/interfaces.hpp"
#include "actors/routes.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// A command waits so long for an owner that can be reached.
inline constexpr std::chrono::milliseconds longest_search_for_owner{3000};
/// Between two looks at those that wait.
inline constexpr std::chrono::milliseconds search_interval{50};
/// An owner may take so much longer than its customers wait there.
inline constexpr std::chrono::milliseconds longest_way{1500};
/// A book's keeper may take so long; then it is tried again, by whoever wants the receipt.
inline constexpr std::chrono::milliseconds longest_wait_for_book{5000};
/// With how many nodes one command may go down before it is given up.
inline constexpr int most_losses = 3;

class forwarder_state {
 public:
  using self_pointer = forwarder_actor::stateful_pointer<forwarder_state>;
  using time_point = caf::actor_clock::time_point;

  void start(self_pointer self, surroundings_ptr around, std::shared_ptr<routes> served);

  void place(placement_call& call);
  void cancel(cancellation_call& call);
  void operate(operation_call& call);
  template <class Command>
  caf::typed_response_promise<receipt_answer> hand_to_book(Command what);
  void changed(const cluster_changed& what);
  void found(const gate_found& what);
  void gate_down(const caf::down_msg& down);
  void look();
  void tick_due();

  static inline const char* name = "forwarder";

 private:
  using ticket = std::uint64_t;
  using any_call = std::variant<placement_call, cancellation_call, operation_call>;
  struct errand {
    any_call call;
    storage::shard_id shard = 0;
    time_point give_up_at;
    /// The address of the node that was asked; empty while an owner is looked for.
    std::string asked;
    /// Counts the asks: an answer to an earlier one does not count.
    int asks = 0;
    /// Nodes that went down with it.
    int losses = 0;
  };
  /// Without a gate it is being looked for.
  struct neighbour {
    node_gate_actor gate;
    /// When it may be looked for again.
    time_point again_at;
    bool missed = false;
  };

  time_point clock() const { return self_->clock().now(); }
  void give_key(placement_call& call);
  void take(any_call call, storage::shard_id shard);
  const std::string* address_of(storage::member_index member) const;
  node_gate_actor gate_at(const std::string& address);
  bool try_to_ask(ticket number, errand& one);
  void ask(ticket number, errand& one, const node_gate_actor& gate);
  template <class Answer>
  void answered(ticket number, int ask, Answer& answer);
  void failed(ticket number, int ask, const caf::error& why);
  void look_again(ticket number, errand& one);
  void take_back_from(const std::string& address);
  void schedule();

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  std::shared_ptr<routes> served_;
  std::shared_ptr<const storage::cluster_state> cluster_;
  std::unordered_map<ticket, errand> errands_;
  /// Of those, the ones that wait for an owner.
  std::set<ticket> looking_;
  std::unordered_map<std::string, neighbour> neighbours_;
  ticket last_ticket_ = 0;
  bool ticking_ = false;
};

forwarder_actor::behavior_type forwarder(forwarder_state::self_pointer self, surroundings_ptr around,
                                         std::shared_ptr<routes> served);

}  // namespace holdfast::actors
