// What `holdfast reconcile` is told: see command.hpp for the sources and their order.
// Plain values; parsing shares no state.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "command.hpp"
#include "configuration_values.hpp"
#include "logging.hpp"
#include "reconciliation_report.hpp"
#include "storage/postgres_places.hpp"

namespace holdfast {

struct reconcile_configuration {
  std::string data = "./data";
  /// None for the journals in the data folder. Secret: a URL may hold a password.
  std::vector<storage::postgres_place> journal;
  /// Nothing for the sandbox in the process of `holdfast serve`.
  std::optional<host_and_port> provider;
  /// What the provider behind HTTP knows this shop by. Secret.
  std::string payment_key = "sk_sandbox";
  std::chrono::milliseconds payment_timeout{620};
  /// The two that move money are taken as flags only.
  bool apply = false;
  /// With `apply`: also refund charges of reservations that the journal does not have.
  bool orphans = false;
  report_format report = report_format::text;
  log_level level = log_level::info;
  /// Nothing: default_log_format().
  std::optional<log_format> format;
};

extern const command reconcile_command;

/// The table of settings, which read their values into this configuration.
std::vector<setting> settings_of(reconcile_configuration& into);

tl::expected<reconcile_configuration, early_exit> parse_reconcile_configuration(
    int argc, const char* const* argv, const environment_variables& environment);

}  // namespace holdfast
