// What `holdfast serve` is told about its part in a cluster. Plain values; parsing shares no state.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "configuration_values.hpp"
#include "storage/membership.hpp"

namespace holdfast {

struct configuration;

/// What a node does, each part of which others can do for it.
struct node_roles {
  /// Answers the customers' requests over HTTP; the actuator it always has.
  bool gateway = true;
  storage::member_roles of_shards{};

  bool operator==(const node_roles&) const = default;
};

struct node_configuration {
  /// Where other nodes reach this one. Nothing: no cluster.
  std::optional<socket_address> listen;
  /// How long a node that is silent keeps its shards.
  std::chrono::milliseconds lease{5000};
  node_roles roles;
  /// PEM files; all three, or none of them.
  std::string certificate;
  std::string key;
  std::string authority;

  bool has_certificates() const { return !certificate.empty(); }
};

std::vector<setting> node_settings(node_configuration& into);

/// What keeps it from being a node, where it is to be one: with the source that says so.
std::optional<std::string> refuse_node(const configuration& whole, const std::vector<given_value>& values);

}  // namespace holdfast
