#include "commands.hpp"

#include <algorithm>

#include "configuration.hpp"
#include "reconcile_configuration.hpp"
#include "sandbox_configuration.hpp"

namespace holdfast {

namespace {

template <class Condition>
bool any_setting(Condition holds_for) {
  const auto commands = all_commands();
  return std::any_of(commands.begin(), commands.end(), [&](const command* each) {
    const auto names = each->setting_names();
    return std::any_of(names.begin(), names.end(), holds_for);
  });
}

}  // namespace

std::span<const command* const> all_commands() {
  static constexpr const command* commands[] = {&serve_command, &sandbox_command, &reconcile_command};
  return commands;
}

bool is_known_setting(const std::string& name) {
  return any_setting([&](const std::string& each) { return each == name; });
}

bool is_known_variable(const std::string& variable) {
  return any_setting([&](const std::string& each) { return variable_of(each) == variable; });
}

}  // namespace holdfast
