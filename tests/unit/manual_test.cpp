// The man page and the completion are made of the tables that the commands are parsed by: the one that is in
// docs/ is the one that is made, and bash takes the completion and completes by it.
#include "manual.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "commands.hpp"
#include "operator_configuration.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast;

namespace {

/// What bash prints that has the completion and these words on its line, the last of them half written.
std::string completed(const std::string& words) {
  const testing::temporary_folder folder;
  std::ofstream(folder / "script") << bash_completion() << "COMP_WORDS=(" << words
                                   << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_holdfast\n"
                                      "echo \"${COMPREPLY[*]}\"\n";
  const auto command = "bash '" + folder / "script" + "' 2>&1";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(::popen(command.c_str(), "r"), ::pclose);
  REQUIRE(output);
  std::string text;
  std::array<char, 4096> bytes{};
  while (const auto count = std::fread(bytes.data(), 1, bytes.size(), output.get())) {
    text.append(bytes.data(), count);
  }
  return text;
}

bool has_word(const std::string& text, const std::string& word) {
  return (" " + text.substr(0, text.find('\n')) + " ").find(" " + word + " ") != std::string::npos;
}

}  // namespace

TEST_CASE("the man page in docs is the one that is made of the tables") {
  std::ifstream file(HOLDFAST_SOURCE_DIR "/docs/holdfast.1");
  const std::string there{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(there == man_page(), "run: build/holdfast manual >docs/holdfast.1");
}

TEST_CASE("the man page and the help tell of every command and every flag") {
  const auto page = man_page();
  for (const command* each : all_commands()) {
    with_settings(*each, [&](const auto& settings) {
      for (const setting& one : settings) {
        CAPTURE(one.name);
        CHECK_FALSE(one.help.empty());
        CHECK(page.find(one.help.substr(0, one.help.find_first_of("-'"))) != std::string::npos);
      }
    });
  }
}

TEST_CASE("the man page and the help tell the variables that are not called as their flags are") {
  const auto page = man_page();
  for (const auto* name : {"HOLDFAST_OPERATOR_WHO", "HOLDFAST_OPERATOR_STATE", "HOLDFAST_SANDBOX_LATENCY"}) {
    CAPTURE(name);
    CHECK(page.find(name) != std::string::npos);
  }
  const char* const arguments[] = {"holdfast", "breaker", "open", "--help"};
  const auto help = parse_operator_configuration(**choose_command(4, arguments), 4, arguments, {});
  REQUIRE_FALSE(help);
  CHECK(help.error().text.find("--who is HOLDFAST_OPERATOR_WHO") != std::string::npos);
}

TEST_CASE("bash completes commands, flags and the words that a flag takes") {
  CHECK(has_word(completed("holdfast ''"), "reservation"));
  CHECK(has_word(completed("holdfast res"), "reservation"));
  CHECK(completed("holdfast breaker ''") == "show open close auto\n");
  CHECK(completed("holdfast journal v") == "verify\n");
  CHECK(completed("holdfast reservation ls --output ''") == "table json ndjson csv\n");
  CHECK(completed("holdfast reservation ls --state p") == "parked\n");
  CHECK(completed("holdfast serve --log-level de") == "debug\n");
  CHECK(completed("holdfast serve --payment-wait ''") == "\n");
  for (const command* each : all_commands()) {
    const auto offered = completed("holdfast " + std::string(each->name) + " --");
    CAPTURE(each->name);
    CHECK(has_word(offered, "--help"));
    with_settings(*each, [&](const auto& settings) {
      for (const setting& one : settings) {
        if (one.name == each->operand) continue;
        CAPTURE(one.name);
        CHECK(has_word(offered, argument_of(*each, one)) == !one.without_flag);
      }
    });
  }
}
