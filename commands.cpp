#include "commands.hpp"

#include <algorithm>
#include <vector>

#include "configuration.hpp"
#include "journal_configuration.hpp"
#include "operator_configuration.hpp"
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
  static const std::vector<const command*> commands = [] {
    std::vector<const command*> all{&serve_command, &sandbox_command, &reconcile_command};
    for (const auto more : {operator_commands(), journal_commands()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }();
  return commands;
}

bool is_known_setting(const std::string& name) {
  return any_setting([&](const std::string& each) { return each == name; });
}

bool is_known_variable(const std::string& variable) {
  return any_setting([&](const std::string& each) { return variable_of(each) == variable; });
}

}  // namespace holdfast
