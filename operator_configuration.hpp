// What the commands are told with which operators look after a running server: `holdfast reservation ls` and
// the like. See command.hpp for the sources and their order. Plain values; parsing shares no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "command.hpp"
#include "record_printer.hpp"
#include "server_configuration.hpp"

namespace holdfast {

struct operator_configuration {
  server_configuration server;
  output_format output = output_format::table;
  /// Of a reservation; 0 where none was given.
  std::uint64_t id = 0;
  /// Empty where the server knows by the key.
  std::string who;
  std::string reason;
  /// "parked", "stuck", or nothing.
  std::string state;
  /// Of a customer; empty for all.
  std::string user;
  std::string status;
  /// Nothing: as the server has it for the state.
  std::optional<std::chrono::milliseconds> older_than;
  std::uint32_t limit = 20;
  /// Do it, to many.
  bool apply = false;
  /// Leave before it is done.
  bool no_wait = false;
};

/// All of them.
std::span<const command* const> operator_commands();

/// The table of settings of one of them, which read their values into this configuration.
std::vector<setting> settings_of(const command& about, operator_configuration& into);

tl::expected<operator_configuration, early_exit> parse_operator_configuration(
    const command& about, int argc, const char* const* argv, const environment_variables& environment);

}  // namespace holdfast
