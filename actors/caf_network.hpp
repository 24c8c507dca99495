// The network between nodes by CAF's io module, over TCP, or over TLS where there are certificates: then
// both sides show theirs, and who has none that the authority has signed gets nothing.
//
// Connections that are silent for longer than `silent_for` are given up, so that who waits for an answer
// over one learns of it; nodes send each other heartbeats more often than that.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "actors/engine.hpp"
#include "actors/node_network.hpp"

namespace holdfast::actors {

class caf_network final : public node_network {
 public:
  /// Raise it with every change of what crosses between nodes (messages.hpp): nodes of another one are not
  /// connected.
  static constexpr const char* messages_version = "holdfast-messages-1";
  static constexpr std::chrono::milliseconds heartbeat_every{500};
  static constexpr std::chrono::milliseconds silent_for{2000};
  /// Of TLS.
  static constexpr std::chrono::milliseconds longest_handshake{2000};

  /// Before the actor system is made. What is wrong with the certificates, if anything.
  static void prepare(caf::actor_system_config& config, const node_options& node);

  /// The system must have been made of a prepared configuration.
  caf_network(caf::actor_system& system, const node_options& node) : system_(system), node_(node) {}

  void publish(const node_gate_actor& gate,
               std::function<void(tl::expected<std::string, std::string>)> done) override;
  void find(const std::string& address,
            std::function<void(tl::expected<node_gate_actor, std::string>)> done) override;

 private:
  caf::actor_system& system_;
  const node_options node_;
};

/// "127.0.0.1:9000", "[::1]:9000".
std::string node_address(const std::string& host, std::uint16_t port);

}  // namespace holdfast::actors
