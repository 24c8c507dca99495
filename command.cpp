#include "command.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <utility>

#include "commands.hpp"
#include "configuration_file.hpp"

namespace holdfast {

namespace {

constexpr const char* config_variable = "HOLDFAST_CONFIG";

/// Everything that one source gives: the path of the file apart, because it is read next.
struct given_values {
  std::vector<given_value> values;
  std::optional<std::string> file;
};

/// "holdfast reservation" has two words where the command's name has.
int words_of(const command& about) {
  return about.name.find(' ') == std::string_view::npos ? 1 : 2;
}

// --- Help ---

std::string usage_of(const command& about, const std::vector<setting>& settings) {
  std::string text = "holdfast " + std::string(about.name) + " [FLAGS]";
  for (const setting& each : settings) {
    if (each.name == about.operand) text += " [" + each.placeholder + "]";
  }
  return text;
}

std::string help_row(const std::string& left, const std::string& right) {
  constexpr std::size_t column = 42;
  const std::string row = "  " + left;
  return row + std::string(row.size() < column ? column - row.size() : 1, ' ') + right + "\n";
}

std::string help_of(const command& about, const std::vector<setting>& settings) {
  const std::string name = "holdfast " + std::string(about.name);
  std::string text =
      name + ": " + std::string(about.purpose) + "\n\nUsage: " + usage_of(about, settings) + "\n\n";
  for (const setting& each : settings) {
    const bool bare = each.placeholder.empty() || each.name == about.operand;
    const auto value = bare ? "" : " " + each.placeholder;
    const auto otherwise = each.default_text.empty() ? "" : " [" + each.default_text + "]";
    text += help_row(argument_of(about, each) + value, each.help + otherwise);
  }
  if (settings.empty())
    return text + help_row("-h, --help", "This help") + "\nExamples:\n" + std::string(about.examples);
  const setting& first = settings.front();
  text +=
      help_row("--config FILE", "TOML file of settings: " + first.name + " = \"" + first.default_text + "\"");
  text += help_row("-h, --help", "This help");
  text += "\nA flag goes before its variable (" + argument_of(about, first) + ": " + variable_of(first.name) +
          "), a variable before\nthe file, the file before the default. Durations are written 620ms, 5s or "
          "1m.\n" +
          naming_of(about, settings) + "\nExamples:\n" + std::string(about.examples);
  return text;
}

/// Of the commands whose names begin so.
std::string command_rows(const std::string& beginning) {
  std::string text;
  for (const command* each : all_commands()) {
    if (!each->name.starts_with(beginning)) continue;
    text += help_row("holdfast " + std::string(each->name), std::string(each->purpose));
  }
  return text;
}

/// Of "journal" and the like; empty where no command has two words, the first of them this one.
std::string group_help(const std::string& group) {
  const auto rows = command_rows(group + " ");
  if (rows.empty()) return {};
  return "Usage: holdfast " + group + " COMMAND [FLAGS]\n       holdfast " + group +
         " COMMAND --help\n\nCommands:\n" + rows;
}

std::string holdfast_help() {
  std::string text =
      "holdfast: takes pre-orders, charges the card, issues the receipt, and undoes all of it\n\n"
      "Usage: holdfast COMMAND [FLAGS]\n"
      "       holdfast COMMAND --help\n"
      "       holdfast --version\n\n"
      "Commands:\n";
  return text + command_rows("") +
         "\nExamples:\n  holdfast serve\n  holdfast serve --data /var/lib/holdfast --listen 127.0.0.1:8088\n";
}

/// In place of a command's name.
bool is_help(std::string_view word) {
  return word == "help" || word == "--help" || word == "-h";
}

// --- Flags ---

std::string accepted_flags(const command& about, const std::vector<setting>& settings) {
  std::string flags = "--config";
  for (const setting& each : settings) {
    if (!each.without_flag) flags += ", " + argument_of(about, each);
  }
  return flags;
}

/// What is left over after parsing was not known.
tl::unexpected<early_exit> refuse_argument(const command& about, const std::vector<setting>& settings,
                                           const std::string& argument) {
  if (argument.starts_with("-")) {
    for (const setting& each : settings) {
      if (!each.without_flag || argument.substr(0, argument.find('=')) != "--" + each.name) continue;
      return refuse("--" + each.name + " is not accepted, for others see what a command line has; give " +
                    variable_of(each.name));
    }
    return refuse("unknown flag '" + argument.substr(0, argument.find('=')) +
                  "'; accepted: " + accepted_flags(about, settings));
  }
  return refuse("unexpected argument '" + argument + "'; holdfast " + std::string(about.name) +
                (about.operand.empty() ? " takes flags only" : " takes one only"));
}

tl::expected<given_values, early_exit> read_flags(const command& about, const std::vector<setting>& settings,
                                                  int argc, const char* const* argv) {
  std::vector<std::string> texts(settings.size());
  std::string file;
  std::vector<CLI::Option*> options(settings.size());

  CLI::App app;
  app.allow_extras();
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (settings[i].without_flag) continue;
    // CLI11 takes a name without dashes for an argument without a flag.
    const auto flag = argument_of(about, settings[i]);
    options[i] =
        settings[i].placeholder.empty() ? app.add_flag(flag, texts[i]) : app.add_option(flag, texts[i]);
  }
  const CLI::Option* config = app.add_option("--config", file);

  try {
    // The command's name stands where a program's does.
    app.parse(argc - words_of(about), argv + words_of(about));
  } catch (const CLI::CallForHelp&) {
    return tl::unexpected(early_exit{help_of(about, settings), 0});
  } catch (const CLI::ParseError& error) {
    return refuse(std::string(error.what()) + "; see holdfast " + std::string(about.name) + " --help");
  }

  const std::vector<std::string> unknown = app.remaining();
  if (!unknown.empty()) return refuse_argument(about, settings, unknown.front());

  given_values given;
  if (config->count() > 0) given.file = file;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (options[i] == nullptr || options[i]->count() == 0) continue;
    given.values.push_back({&settings[i], argument_of(about, settings[i]), texts[i]});
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

std::string accepted_variables(const std::vector<setting>& settings) {
  std::string names = config_variable;
  for (const setting& each : settings) names += ", " + variable_of(each.name);
  return names;
}

tl::expected<given_values, early_exit> read_variables(const command& about,
                                                      const std::vector<setting>& settings,
                                                      const environment_variables& environment) {
  given_values given;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("HOLDFAST_") || is_service_link(name, value)) continue;
    const auto found = std::find_if(settings.begin(), settings.end(), [&](const setting& each) {
      return each.name != about.operand && variable_of(each.name) == name;
    });
    if (found != settings.end()) {
      given.values.push_back({&*found, name, value});
    } else if (name == config_variable) {
      given.file = value;
    } else if (!is_known_variable(name)) {
      return refuse("unknown variable '" + name + "'; accepted: " + accepted_variables(settings));
    }
  }
  return given;
}

}  // namespace

// --- All of it ---

int tell(const early_exit& reason) {
  std::fputs(reason.text.c_str(), reason.code == 0 ? stdout : stderr);
  return code_when_printed(reason.code);
}

int code_when_printed(int code) {
  // What did not fit into the buffer may have failed before.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fputs("holdfast: standard output can't be written\n", stderr);
  return code == 0 ? 1 : code;
}

tl::unexpected<early_exit> refuse(const std::string& message) {
  return tl::unexpected(early_exit{"holdfast: " + message + "\n", exit_code_of_refusal});
}

std::string argument_of(const command& about, const setting& setting) {
  if (setting.name == about.operand) return setting.placeholder;
  if (setting.without_flag) return variable_of(setting.name);
  const std::string_view name = setting.name;
  return "--" + std::string(name.substr(name.starts_with(about.prefix) ? about.prefix.size() : 0));
}

/// A URL's user and password are nobody's business; what has an @ in it may be one that was not escaped.
static std::string without_user(std::string text) {
  const auto scheme = text.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto end = text.rfind('@');
  if (end == std::string::npos || end < begin) return text;
  return text.replace(begin, end - begin, "****");
}

std::string naming_of(const command& about, const std::vector<setting>& settings) {
  constexpr std::size_t line_width = 90;
  std::string text;
  std::string line;
  for (const setting& each : settings) {
    if (about.prefix.empty() || !each.name.starts_with(about.prefix)) continue;
    if (each.name == about.operand || each.placeholder.empty()) continue;
    const auto one = argument_of(about, each) + " is " + variable_of(each.name);
    if (line.size() + one.size() > line_width) text += std::exchange(line, "") + ",\n";
    line += (line.empty() ? "" : ", ") + one;
  }
  if (line.empty()) return {};
  return "Variables: " + text + line + ";\nkeys of the file have " + std::string(about.prefix) +
         " in front likewise.\n";
}

const given_value* given_as(const std::string& name, const std::vector<given_value>& values) {
  const auto found = std::find_if(values.rbegin(), values.rend(),
                                  [&](const given_value& each) { return each.what->name == name; });
  return found == values.rend() ? nullptr : &*found;
}

std::vector<std::string> shown(const std::vector<given_value>& values) {
  std::vector<std::string> all;
  for (const given_value& each : values) {
    all.push_back(each.source + " = " + (each.what->secret ? "****" : without_user(each.text)));
  }
  return all;
}

std::string refusal_of(const given_value& value, const std::string& accepted) {
  const std::string shown = value.what->secret ? "" : " = '" + without_user(value.text) + "'";
  return value.source + shown + " is not accepted; " + accepted;
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

tl::expected<const command*, early_exit> choose_command(int argc, const char* const* argv) {
  if (argc < 2) return tl::unexpected(early_exit{holdfast_help(), exit_code_of_refusal});
  const std::string_view name = argv[1];
  if (is_help(name)) return tl::unexpected(early_exit{holdfast_help(), 0});
  if (name == "--version") return tl::unexpected(early_exit{"holdfast " HOLDFAST_VERSION "\n", 0});

  if (const auto help = group_help(argv[1]); !help.empty() && (argc < 3 || is_help(argv[2]))) {
    return tl::unexpected(early_exit{help, argc < 3 ? exit_code_of_refusal : 0});
  }

  const auto both = std::string(name) + " " + (argc < 3 ? "" : argv[2]);
  std::string accepted;
  std::string of_family;
  for (const command* each : all_commands()) {
    if (each->name == name || each->name == both) return each;
    accepted += (accepted.empty() ? "" : ", ") + std::string(each->name);
    if (!each->name.starts_with(std::string(name) + " ")) continue;
    of_family += (of_family.empty() ? "" : ", ") + std::string(each->name);
  }
  const auto& unknown = of_family.empty() ? std::string(name) : both;
  return refuse("unknown command '" + unknown + "'; accepted: " + (of_family.empty() ? accepted : of_family) +
                " (see holdfast --help)");
}

tl::expected<std::vector<given_value>, early_exit> read_settings(const command& about,
                                                                 const std::vector<setting>& settings,
                                                                 int argc, const char* const* argv,
                                                                 const environment_variables& environment) {
  auto flags = read_flags(about, settings, argc, argv);
  if (!flags) return tl::unexpected(flags.error());
  auto variables = read_variables(about, settings, environment);
  if (!variables) return tl::unexpected(variables.error());

  std::vector<given_value> values;
  if (const auto path = flags->file ? flags->file : variables->file) {
    auto read = read_configuration_file(*path, settings);
    if (!read) return refuse(read.error());
    values = std::move(*read);
  }
  for (auto* later : {&variables->values, &flags->values}) {
    std::move(later->begin(), later->end(), std::back_inserter(values));
  }
  // The later source wins, yet a bad value is refused wherever it stands.
  for (const given_value& value : values) {
    if (const auto accepted = value.what->read(value.text)) return refuse(refusal_of(value, *accepted));
  }
  return values;
}

}  // namespace holdfast
