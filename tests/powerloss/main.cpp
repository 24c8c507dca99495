// Cuts the power of the journal's disk under load, round for round, and looks whether anything that
// was acknowledged is lost.
//
// Exits with 0 where nothing is lost, 1 where something is, 2 where the command line is wrong, and 3
// where this machine can't mount, which shows nothing. With --no-sync a loss is what has to be
// found: 0 where it is, 1 where all rounds pass.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <iostream>
#include <random>

#include "tests/powerloss/rounds.hpp"
#include "tests/powerloss/volume.hpp"

namespace {

constexpr int passed = 0;
constexpr int failed = 1;
constexpr int wrong_command_line = 2;
constexpr int shown_nothing = 3;

int tell(const holdfast::powerloss::assignment& what, const holdfast::powerloss::outcome& came_of_it) {
  const bool failed_at_all = !came_of_it.failure.empty();
  const auto rounds = std::to_string(came_of_it.rounds) + " rounds";
  std::cout << came_of_it.failure;
  if (what.no_sync) {
    std::cout << "powerloss: without syncs "
              << (came_of_it.lost ? "a loss was found after " : "NO LOSS was found in ") << rounds << "\n";
    return came_of_it.lost ? passed : failed;
  }
  std::cout << "powerloss: " << (failed_at_all ? "FAILED after " : "nothing lost in ") << rounds << "\n";
  return failed_at_all ? failed : passed;
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::powerloss::assignment what;
  what.seed = std::random_device{}();
  CLI::App app("Cuts the power of the journal's disk under load, and judges what is left", "powerloss");
  app.add_option("--rounds", what.rounds, "How many cuts")->capture_default_str();
  app.add_option("--seed", what.seed, "Repeats what chance chose");
  app.add_flag("--no-sync", what.no_sync, "Every sync does nothing: a loss has to be found");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? passed : wrong_command_line;
  }
  std::cout << "powerloss: " << what.rounds << " rounds, seed " << what.seed << std::endl;
  try {
    holdfast::chaos::begin_own_mounts();
    return tell(what, holdfast::powerloss::run(what));
  } catch (const holdfast::powerloss::cannot_mount& error) {
    std::cerr << "powerloss: NOTHING WAS SHOWN, this machine can't mount: " << error.what() << "\n";
    return shown_nothing;
  }
}
