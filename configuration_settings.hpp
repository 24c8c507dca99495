// What a setting is, and how the kinds of values are read into place: one row gives the name, the
// help and the reading of each. Each command has a table of such rows; what several commands have
// in common stands here. Plain values; internal to the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "configuration_values.hpp"
#include "logging.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast {

/// Stores the value, or says what would be accepted.
using value_reader = std::function<std::optional<std::string>(const std::string&)>;

struct setting {
  /// As in the file; the variable is HOLDFAST_NAME, the flag --name (see command.hpp).
  std::string name;
  /// How the help shows its value, "HOST:PORT". Empty for a switch, whose flag alone means true.
  std::string placeholder;
  std::string default_text;
  std::string help;
  value_reader read;
  /// A refusal does not repeat its value.
  bool secret = false;
  /// By variable or file only: others on the machine see what a command line has.
  bool without_flag = false;
};

/// "payment-wait" -> "HOLDFAST_PAYMENT_WAIT".
std::string variable_of(const std::string& setting_name);

std::vector<std::string> names_of(const std::vector<setting>& settings);

// What is read has to outlive the reader.

value_reader address_into(socket_address& into);
/// The path of what it is, such as "a file".
value_reader path_into(std::string& into, const std::string& what);
/// The path of a folder.
value_reader folder_into(std::string& into);
/// The path of a file, empty for none; `what` it is says the refusal.
value_reader file_into(std::string& into, const std::string& what);
/// Within both limits.
value_reader duration_into(std::chrono::milliseconds& into, std::chrono::milliseconds least,
                           std::chrono::milliseconds most, const std::string& what_is_accepted);
/// From 1 ms to 1 minute.
value_reader wait_into(std::chrono::milliseconds& into);
/// true or false.
value_reader truth_into(bool& into);
/// A share from 0 to 1.
value_reader rate_into(double& into);

template <class Number>
value_reader number_into(Number& into, std::uint64_t least, std::uint64_t most) {
  return [&into, least, most](const std::string& text) -> std::optional<std::string> {
    const auto number = parse_whole_number(text);
    if (!number || *number < least || *number > most) {
      return "give a number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    into = static_cast<Number>(*number);
    return std::nullopt;
  };
}

/// `log-level` and `log-format`.
std::vector<setting> log_settings(log_level& level, std::optional<log_format>& format);

/// The knobs of the sandbox, all but its outage.
std::vector<setting> knob_settings(payments::sandbox_knobs& knobs);

}  // namespace holdfast
