// The network between the nodes of a cluster, as their port allows it to be: commands and answers take their
// time, overtake each other, are lost, come twice, and find a cable cut in one direction or in both. A
// connection goes down, for one end and later for the other, when it breaks, when the node at the other end
// is gone, and when nothing was heard for a while.
//
// Each node is an actor system of its own. A command crosses from one to another as a step of the world,
// outside of any actor's turn: CAF would schedule who gets a message on the system of who sends it.
//
// The network refers to the world, its ports to both; all outlive the engines. One thread.
#pragma once

#include <caf/actor_system.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/node_network.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class network_port;

/// What crosses from node to node, and what comes back: an error where the gate gives no answer.
using carried_command = std::variant<actors::place_reservation, actors::cancel_reservation,
                                     actors::operator_command, actors::issue_receipt, actors::void_receipt>;
using carried_answer = std::variant<actors::placement_answer, actors::cancellation_answer,
                                    actors::operation_answer, actors::receipt_answer, caf::error>;

/// To a link, from the network: the answer to what it has carried.
struct carried_back {
  std::uint64_t ticket = 0;
  carried_answer what;
};

/// Stands in one node's system for the gate of another's.
using link_actor = actors::node_gate_actor::extend<caf::reacts_to<carried_back>>;

class simulated_network {
 public:
  explicit simulated_network(world& in) : world_(in) {}

  void cut(owner from, owner to);
  void mend(owner from, owner to) { cut_.erase({from, to}); }
  bool passes(owner from, owner to) const { return !cut_.contains({from, to}); }
  /// Who is reached at that address now; null where nobody is.
  network_port* at(const std::string& address) const;
  /// What hears nothing from the other end for long goes down, at both.
  void watch_silence(owner one, owner other);

 private:
  friend class network_port;

  world& world_;
  std::set<std::pair<owner, owner>> cut_;
  std::vector<network_port*> ports_;
};

/// One node's.
class network_port final : public actors::node_network {
 public:
  network_port(world& in, simulated_network& network, owner of);

  /// A new process, which others will find at that address.
  void start(caf::actor_system& system, std::string address);
  /// The process ends, and with it its connections. Before the actor system goes.
  void crash();
  void pause();
  void go_on() { paused_ = false; }

  void publish(const actors::node_gate_actor& gate,
               std::function<void(tl::expected<std::string, std::string>)> done) override;
  void find(const std::string& address,
            std::function<void(tl::expected<actors::node_gate_actor, std::string>)> done) override;

  // --- Links, which stand for the gates of other nodes ---

  struct link {
    link_actor actor;
    std::string to_address;
    owner to = nobody;
  };
  using link_number = std::uint64_t;
  void carry(link_number over, std::uint64_t ticket, const carried_command& what);
  void break_links(const std::function<bool(const link&)>& which, moment within);

 private:
  friend class simulated_network;

  link_actor connect(network_port& to);
  void arrive(const carried_command& what, owner from, link_number over, std::uint64_t ticket);
  void answered(owner to, link_number over, std::uint64_t ticket, const carried_answer& what);
  void deliver(link_number over, std::uint64_t ticket, const carried_answer& what);
  void break_link(link_number which);
  moment way();

  world& world_;
  simulated_network& network_;
  const owner owner_;
  /// Null while there is no process.
  caf::actor_system* system_ = nullptr;
  std::string address_;
  actors::node_gate_actor gate_;
  bool paused_ = false;
  /// Never used again, over all processes.
  link_number last_link_ = 0;
  std::map<link_number, link> links_;
};

}  // namespace holdfast::simulation

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::simulation::carried_back)
