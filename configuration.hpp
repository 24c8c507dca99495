// What `holdfast serve` is told: from flags, HOLDFAST_* variables, a TOML file and defaults, in
// this order of precedence. Every setting has one name everywhere: `payment-wait` in the file is
// --payment-wait and HOLDFAST_PAYMENT_WAIT. What is not known or not accepted is refused by name.
// Plain values; parse() shares no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "configuration_values.hpp"
#include "logging.hpp"
#include "payments/sandbox_bank.hpp"
#include "storage/redis_options.hpp"

namespace holdfast {

struct configuration {
  socket_address listen{"127.0.0.1", 8088};
  std::string data = "./data";
  /// Nothing for the embedded view.
  std::optional<storage::redis_options> redis;
  std::uint64_t view_cache_bytes = 64 * 1024 * 1024;
  /// How the payment provider in this process behaves.
  payments::sandbox_knobs sandbox;
  std::chrono::milliseconds payment_timeout{620};
  std::chrono::milliseconds payment_wait{5000};
  /// A zone that delivery_calendar::open knows.
  std::string timezone = "Asia/Seoul";
  std::chrono::days delivery_days{21};
  std::uint32_t threads = 1;
  log_level level = log_level::info;
  /// Nothing: default_log_format().
  std::optional<log_format> format;
};

/// Why there is nothing to serve: help that was asked for (code 0, for standard output) or a
/// refusal (code 2, for standard error).
struct early_exit {
  std::string text;
  int code = 0;
};

inline constexpr int exit_code_of_refusal = 2;

/// Name and value of each environment variable.
using environment_variables = std::vector<std::pair<std::string, std::string>>;
environment_variables process_environment();

/// Reads the file that --config or HOLDFAST_CONFIG names, and nothing else from outside.
tl::expected<configuration, early_exit> parse_configuration(int argc, const char* const* argv,
                                                            const environment_variables& environment);

/// Every setting at its default; a thread for each processor of this machine.
configuration default_configuration();

}  // namespace holdfast
