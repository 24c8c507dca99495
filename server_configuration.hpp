// Where a running server is, and by what a command makes itself known to it: what all commands are told that
// ask one. See command.hpp for the sources and their order. Plain values; parsing shares no state.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "configuration_values.hpp"

namespace holdfast {

struct server_configuration {
  host_and_port where{"127.0.0.1", 8088};
  /// HTTPS.
  bool secure = false;
  std::chrono::milliseconds timeout{30'000};
  /// A PEM file; empty for the system's authorities.
  std::string authority;
  std::string key_file;
  /// An API key or a token; empty for none. Secret.
  std::string key;
};

std::vector<setting> server_settings(server_configuration& into);

/// Reads the key where a file has it. What does not go together, or can't be read: with the source that says
/// so.
std::optional<std::string> complete_server(server_configuration& about,
                                           const std::vector<given_value>& values);

}  // namespace holdfast
