#include "configuration.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <thread>
#include <utility>

#include "configuration_file.hpp"
#include "configuration_settings.hpp"

namespace holdfast {

namespace {

constexpr const char* config_variable = "HOLDFAST_CONFIG";

/// Everything that one source gives: the path of the file apart, because it is read next.
struct given_values {
  std::vector<given_value> values;
  std::optional<std::string> file;
};

tl::unexpected<early_exit> refuse(const std::string& message) {
  return tl::unexpected(early_exit{"holdfast: " + message + "\n", exit_code_of_refusal});
}

std::string refusal_of(const given_value& value, const std::string& accepted) {
  return value.source + " = '" + value.text + "' is not accepted; " + accepted;
}

// --- Help ---

std::string help_row(const std::string& left, const std::string& right) {
  constexpr std::size_t column = 42;
  const std::string row = "  " + left;
  return row + std::string(row.size() < column ? column - row.size() : 1, ' ') + right + "\n";
}

std::string serve_help() {
  std::string text =
      "holdfast serve: takes pre-orders over HTTP until it is told to end (SIGTERM)\n\n"
      "Usage: holdfast serve [FLAGS]\n\n";
  for (const setting& each : all_settings()) {
    text += help_row("--" + std::string(each.name) + " " + each.placeholder,
                     std::string(each.help) + " [" + each.default_text + "]");
  }
  text += help_row("--config FILE", "TOML file with these names as keys: listen = \"127.0.0.1:8088\"");
  text += help_row("-h, --help", "This help");
  text +=
      "\n"
      "A flag goes before its variable (--payment-wait: HOLDFAST_PAYMENT_WAIT), a variable\n"
      "before the file, the file before the default. Durations are written 620ms, 5s or 1m.\n\n"
      "Examples:\n"
      "  holdfast serve\n"
      "  holdfast serve --data /var/lib/holdfast --listen 0.0.0.0:8088\n"
      "  holdfast serve --view redis://127.0.0.1:6379/0\n"
      "  holdfast serve --sandbox-latency 400ms-620ms --sandbox-decline-rate 0.1\n"
      "  HOLDFAST_LOG_LEVEL=debug holdfast serve --config holdfast.toml\n";
  return text;
}

std::string holdfast_help() {
  return "holdfast: takes pre-orders, charges the card, issues the receipt, and undoes all of it\n\n"
         "Usage: holdfast serve [FLAGS]\n"
         "       holdfast serve --help\n"
         "       holdfast --version\n\n"
         "Examples:\n"
         "  holdfast serve\n"
         "  holdfast serve --data /var/lib/holdfast --listen 0.0.0.0:8088\n";
}

// --- Flags ---

std::string accepted_flags() {
  std::string flags = "--config";
  for (const setting& each : all_settings()) flags += std::string(", --") + each.name;
  return flags;
}

/// What is left over after parsing was not known.
tl::unexpected<early_exit> refuse_argument(const std::string& argument, bool serving) {
  if (!serving) return refuse("unknown command '" + argument + "'; accepted: serve (see holdfast --help)");
  if (argument.starts_with("-")) {
    return refuse("unknown flag '" + argument.substr(0, argument.find('=')) +
                  "'; accepted: " + accepted_flags());
  }
  return refuse("unexpected argument '" + argument + "'; holdfast serve takes flags only");
}

tl::expected<given_values, early_exit> read_flags(int argc, const char* const* argv) {
  const auto settings = all_settings();
  std::vector<std::string> texts(settings.size());
  std::string file;
  std::vector<CLI::Option*> options;

  CLI::App app;
  app.allow_extras();
  app.set_version_flag("--version", "holdfast " HOLDFAST_VERSION "\n");
  CLI::App* serve = app.add_subcommand("serve");
  serve->allow_extras();
  for (std::size_t i = 0; i < settings.size(); ++i) {
    options.push_back(serve->add_option("--" + std::string(settings[i].name), texts[i]));
  }
  const CLI::Option* config = serve->add_option("--config", file);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return tl::unexpected(early_exit{serve->parsed() ? serve_help() : holdfast_help(), 0});
  } catch (const CLI::CallForVersion& version) {
    return tl::unexpected(early_exit{version.what(), 0});
  } catch (const CLI::ParseError& error) {
    return refuse(std::string(error.what()) + "; see holdfast serve --help");
  }

  const std::vector<std::string> unknown = app.remaining(true);
  if (!unknown.empty()) return refuse_argument(unknown.front(), serve->parsed());
  if (!serve->parsed()) return tl::unexpected(early_exit{holdfast_help(), exit_code_of_refusal});

  given_values given;
  if (config->count() > 0) given.file = file;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (options[i]->count() == 0) continue;
    given.values.push_back({&settings[i], "--" + std::string(settings[i].name), texts[i]});
  }
  return given;
}

// --- Variables ---

/// Kubernetes gives every pod variables such as HOLDFAST_PORT_8088_TCP for a service that is
/// called holdfast: they are no settings of ours, and nobody's mistake.
bool is_service_link(const std::string& name, const std::string& value) {
  return name.starts_with("HOLDFAST_SERVICE_") || name.starts_with("HOLDFAST_PORT_") ||
         (name == "HOLDFAST_PORT" && value.find("://") != std::string::npos);
}

std::string accepted_variables() {
  std::string names = config_variable;
  for (const setting& each : all_settings()) names += ", " + variable_of(each.name);
  return names;
}

tl::expected<given_values, early_exit> read_variables(const environment_variables& environment) {
  given_values given;
  const auto settings = all_settings();
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("HOLDFAST_") || is_service_link(name, value)) continue;
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const setting& each) { return variable_of(each.name) == name; });
    if (found != settings.end()) {
      given.values.push_back({&*found, name, value});
    } else if (name == config_variable) {
      given.file = value;
    } else {
      return refuse("unknown variable '" + name + "'; accepted: " + accepted_variables());
    }
  }
  return given;
}

// --- All of it ---

std::optional<std::string> apply_all(configuration& into, const std::vector<given_value>& values) {
  for (const given_value& value : values) {
    if (const auto accepted = value.what->apply(into, value.text)) return refusal_of(value, *accepted);
  }
  return std::nullopt;
}

}  // namespace

configuration default_configuration() {
  configuration defaults;
  defaults.threads = std::max(1u, std::thread::hardware_concurrency());
  return defaults;
}

environment_variables process_environment() {
  environment_variables variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string variable = *each;
    const auto equals = variable.find('=');
    if (equals != std::string::npos) {
      variables.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
    }
  }
  return variables;
}

tl::expected<configuration, early_exit> parse_configuration(int argc, const char* const* argv,
                                                            const environment_variables& environment) {
  const auto flags = read_flags(argc, argv);
  if (!flags) return tl::unexpected(flags.error());
  const auto variables = read_variables(environment);
  if (!variables) return tl::unexpected(variables.error());

  std::vector<given_value> of_file;
  if (const auto path = flags->file ? flags->file : variables->file) {
    auto read = read_configuration_file(*path);
    if (!read) return refuse(read.error());
    of_file = std::move(*read);
  }

  // The later source wins, yet a bad value is refused wherever it stands.
  configuration result = default_configuration();
  for (const auto* values : {&std::as_const(of_file), &variables->values, &flags->values}) {
    if (const auto refusal = apply_all(result, *values)) return refuse(*refusal);
  }
  return result;
}

}  // namespace holdfast
