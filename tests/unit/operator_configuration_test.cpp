// What operators' commands take from where: who acts, where no key tells.
#include "operator_configuration.hpp"

#include <doctest/doctest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace holdfast;

namespace {

const command& command_named(const std::string& name) {
  const auto all = operator_commands();
  return **std::find_if(all.begin(), all.end(), [&](const auto* each) { return each->name == name; });
}

tl::expected<operator_configuration, early_exit> parsed(const std::string& name,
                                                        std::vector<const char*> arguments,
                                                        const environment_variables& environment) {
  // As many words as a name has.
  arguments.insert(arguments.begin(), {"holdfast", "command", "word"});
  return parse_operator_configuration(command_named(name), static_cast<int>(arguments.size()),
                                      arguments.data(), environment);
}

std::string who_by(const environment_variables& environment, std::vector<const char*> arguments = {}) {
  arguments.insert(arguments.end(), {"--reason", "maintenance"});
  const auto result = parsed("breaker open", arguments, environment);
  REQUIRE_MESSAGE(result, result.error().text);
  return result->who;
}

}  // namespace

TEST_CASE("who acts is the login, wherever that is told, unless it is said") {
  CHECK(who_by({{"USER", "mina"}, {"LOGNAME", "olaf"}}) == "mina");
  CHECK(who_by({{"LOGNAME", "olaf"}}) == "olaf");
  CHECK(who_by({{"USER", ""}, {"LOGNAME", "olaf"}}) == "olaf");
  const auto* account = ::getpwuid(::geteuid());
  REQUIRE(account != nullptr);
  CHECK(who_by({}) == account->pw_name);
  CHECK(who_by({{"USER", "mina"}, {"HOLDFAST_OPERATOR_WHO", "ann"}}) == "ann");
  CHECK(who_by({{"USER", "mina"}, {"HOLDFAST_OPERATOR_WHO", "ann"}}, {"--who", "bob"}) == "bob");
}
