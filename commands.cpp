#include "commands.hpp"

#include <algorithm>
#include <vector>

#include "configuration.hpp"
#include "doctor_configuration.hpp"
#include "journal_configuration.hpp"
#include "manual.hpp"
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
    std::vector<const command*> all{&serve_command, &sandbox_command, &reconcile_command, &doctor_command};
    for (const auto more : {operator_commands(), journal_commands()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    all.insert(all.end(), {&completion_command, &manual_command});
    return all;
  }();
  return commands;
}

void with_settings(const command& about,
                   const std::function<void(const std::vector<setting>& settings)>& use) {
  const auto with_table_of = [&](auto settings) { use(settings_of(settings)); };
  const auto is_in = [&](std::span<const command* const> some) {
    return std::find(some.begin(), some.end(), &about) != some.end();
  };
  if (&about == &serve_command || &about == &doctor_command) return with_table_of(default_configuration());
  if (&about == &sandbox_command) return with_table_of(sandbox_configuration());
  if (&about == &reconcile_command) return with_table_of(reconcile_configuration());
  if (is_in(operator_commands())) {
    operator_configuration any;
    return use(settings_of(about, any));
  }
  if (is_in(journal_commands())) {
    journal_configuration any;
    return use(settings_of(about, any));
  }
  use({});
}

bool is_known_setting(const std::string& name) {
  return any_setting([&](const std::string& each) { return each == name; });
}

bool is_known_variable(const std::string& variable) {
  return any_setting([&](const std::string& each) { return variable_of(each) == variable; });
}

}  // namespace holdfast
