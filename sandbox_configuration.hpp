// What `holdfast sandbox` is told: see command.hpp for the sources and their order.
// Plain values; parsing shares no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "command.hpp"
#include "configuration_values.hpp"
#include "logging.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast {

struct sandbox_configuration {
  socket_address listen{"127.0.0.1", 9090};
  /// Of the ledger; nothing for one that goes with the process.
  std::string data;
  payments::sandbox_knobs knobs;
  /// Nothing: another one each time.
  std::optional<std::uint64_t> seed;
  log_level level = log_level::info;
  /// Nothing: default_log_format().
  std::optional<log_format> format;
};

extern const command sandbox_command;

/// The table of settings, which read their values into this configuration.
std::vector<setting> settings_of(sandbox_configuration& into);

tl::expected<sandbox_configuration, early_exit> parse_sandbox_configuration(
    int argc, const char* const* argv, const environment_variables& environment);

}  // namespace holdfast
