// How the nodes of a cluster reach each other: CAF's io module in production, a simulated network in the
// proof. Thread-safe; calls return at once; callbacks come on any thread, each exactly once, or never where
// the network goes first. Outlives the actors that use it.
#pragma once

#include <caf/actor_control_block.hpp>
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "actors/interfaces.hpp"

namespace holdfast::actors {

class node_network {
 public:
  virtual ~node_network() = default;

  /// Lets other nodes find the gate. The address that they find it at, HOST:PORT; or what failed.
  virtual void publish(const node_gate_actor& gate,
                       std::function<void(tl::expected<std::string, std::string>)> done) = 0;

  /// The gate of the node at that address. It goes down for who watches it when the connection does.
  virtual void find(const std::string& address,
                    std::function<void(tl::expected<node_gate_actor, std::string>)> done) = 0;
};

}  // namespace holdfast::actors
