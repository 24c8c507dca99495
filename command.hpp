// A command of the binary (`holdfast serve`) and how it is told its settings: by flags, HOLDFAST_*
// variables, a TOML file and defaults, in this order of precedence. A setting has one name
// everywhere: `payment-wait` in the file is --payment-wait and HOLDFAST_PAYMENT_WAIT. What is not
// known or not accepted is refused by name.
//
// The commands share the variables and the file: each reads its own settings and leaves alone
// those that only the others know.
// Plain values, no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "configuration_settings.hpp"

namespace holdfast {

/// Why there is nothing to do: help that was asked for (code 0, for standard output) or a refusal
/// (code 2, for standard error).
struct early_exit {
  std::string text;
  int code = 0;
};

inline constexpr int exit_code_of_refusal = 2;

/// Prints it where it belongs; the exit code.
int tell(const early_exit& reason);

/// The code, or that of a failure, with a message, where standard output can't be written.
int code_when_printed(int code);

tl::unexpected<early_exit> refuse(const std::string& message);

struct command {
  /// One word or two: "serve", "reservation ls".
  std::string_view name;
  /// What it does, behind its name in the help.
  std::string_view purpose;
  /// Lines of the help.
  std::string_view examples;
  /// Its flags leave this out of the names of its settings: `holdfast sandbox --latency` is the
  /// setting `sandbox-latency`.
  std::string_view prefix;
  std::vector<std::string> (*setting_names)();
  /// The setting that an argument without a flag is for, which has no other source; empty: there is none.
  std::string_view operand = {};
};

/// Name and value of each environment variable.
using environment_variables = std::vector<std::pair<std::string, std::string>>;
environment_variables process_environment();

/// A value for a setting, and where it comes from as a refusal names it: "--listen",
/// "HOLDFAST_LISTEN", "holdfast.toml line 3: listen".
struct given_value {
  const setting* what = nullptr;
  std::string source;
  std::string text;
};

/// "--listen", "ID", or "HOLDFAST_KEY" of what has no flag.
std::string argument_of(const command& about, const setting& setting);

/// What the variables of the settings are called whose flags leave out the prefix; empty where there are
/// none.
std::string naming_of(const command& about, const std::vector<setting>& settings);

/// The one that holds of a setting's values, where later ones go before earlier ones. Null where there is
/// none.
const given_value* given_as(const std::string& name, const std::vector<given_value>& values);

/// "--listen = 127.0.0.1:0", for people: secrets are masked.
std::vector<std::string> shown(const std::vector<given_value>& values);

std::string refusal_of(const given_value& value, const std::string& accepted);

/// The command that the first argument names, or the first two.
tl::expected<const command*, early_exit> choose_command(int argc, const char* const* argv);

/// Stores what is given for the settings, which are the command's, from its arguments (behind its name
/// in argv), the variables and the file that --config or HOLDFAST_CONFIG names, and reads nothing
/// else from outside. The values, the later ones going before the earlier.
tl::expected<std::vector<given_value>, early_exit> read_settings(const command& about,
                                                                 const std::vector<setting>& settings,
                                                                 int argc, const char* const* argv,
                                                                 const environment_variables& environment);

}  // namespace holdfast
