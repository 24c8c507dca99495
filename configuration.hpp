// What `holdfast serve` is told: see command.hpp for the sources and their order.
// Plain values; parsing shares no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "access_configuration.hpp"
#include "command.hpp"
#include "configuration_values.hpp"
#include "logging.hpp"
#include "node_configuration.hpp"
#include "payments/sandbox_bank.hpp"
#include "storage/postgres_places.hpp"
#include "storage/redis_options.hpp"
#include "trace_configuration.hpp"

namespace holdfast {

struct configuration {
  socket_address listen{"127.0.0.1", 8088};
  std::string data = "./data";
  /// None for the journals in the data folder. Secret: a URL may hold a password.
  std::vector<storage::postgres_place> journal;
  /// Nothing for the embedded view.
  std::optional<storage::redis_options> redis;
  /// Where events are published to; nothing for nowhere.
  std::optional<storage::redis_options> events;
  std::uint32_t events_length = 1'000'000;
  std::uint64_t view_cache_bytes = 64 * 1024 * 1024;
  /// Nothing for the sandbox in this process.
  std::optional<host_and_port> provider;
  /// What the provider behind HTTP knows this shop by. Secret.
  std::string payment_key = "sk_sandbox";
  /// How the payment provider in this process behaves.
  payments::sandbox_knobs sandbox;
  std::chrono::milliseconds payment_timeout{620};
  std::chrono::milliseconds payment_wait{5000};
  access_configuration access;
  node_configuration node;
  trace_configuration traces;
  /// On SIGTERM it serves on for so long, while it already says that it is not ready.
  std::chrono::milliseconds drain_delay{0};
  /// A zone that delivery_calendar::open knows.
  std::string timezone = "Asia/Seoul";
  std::chrono::days delivery_days{21};
  std::uint32_t threads = 1;
  log_level level = log_level::info;
  /// Nothing: default_log_format().
  std::optional<log_format> format;
  /// What was given, and where: "--listen = 127.0.0.1:0". Of secrets no value.
  std::vector<std::string> given;
};

extern const command serve_command;

/// The table of settings, which read their values into this configuration.
std::vector<setting> settings_of(configuration& into);

/// Readers that other commands have in common with this one.
value_reader provider_into(std::optional<host_and_port>& into);
value_reader journal_into(std::vector<storage::postgres_place>& into);
/// `data` and `journal`, of the commands that look into journals that are there.
std::vector<setting> journal_settings(std::string& data, std::vector<storage::postgres_place>& journal);
value_reader payment_key_into(std::string& into);

tl::expected<configuration, early_exit> parse_configuration(int argc, const char* const* argv,
                                                            const environment_variables& environment);
/// The same for another command that takes these settings.
tl::expected<configuration, early_exit> parse_configuration(const command& about, int argc,
                                                            const char* const* argv,
                                                            const environment_variables& environment);

/// Every setting at its default; a thread for each processor of this machine.
configuration default_configuration();

}  // namespace holdfast
