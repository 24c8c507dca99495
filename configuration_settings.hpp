// The table of all settings: one row gives the name, the help and the reading of each.
// Constant; internal to the configuration.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "configuration.hpp"

namespace holdfast {

struct setting {
  /// As in the file; the flag is --name, the variable HOLDFAST_NAME.
  const char* name;
  /// How the help shows its value, "HOST:PORT".
  const char* placeholder;
  const char* default_text;
  const char* help;
  /// Stores the value, or says what would be accepted.
  std::optional<std::string> (*apply)(configuration& into, const std::string& text);
};

std::span<const setting> all_settings();

/// "payment-wait" -> "HOLDFAST_PAYMENT_WAIT".
std::string variable_of(const std::string& setting_name);

}  // namespace holdfast
