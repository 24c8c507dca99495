// Kills, starves and confuses the real server, its disk, its Redis and its payment provider under
// real clients, and lets the checker judge what is left.
//
// Exits with 0 where all of it holds, 1 where something does not, 2 where the command line is wrong.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdint>
#include <iostream>
#include <random>

#include "tests/chaos/kill_rounds.hpp"

int main(int argc, char** argv) {
  constexpr int wrong_command_line = 2;
  std::uint64_t rounds = 0;
  std::uint64_t seed = std::random_device{}();
  CLI::App app("Breaks what the server stands on, and judges what is left", "chaos");
  app.add_option("--rounds", rounds, "So many times kill -9");
  app.add_option("--seed", seed, "Repeats what chance chose");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : wrong_command_line;
  }
  const auto judged = holdfast::chaos::kill_rounds(rounds, seed);
  std::cout << judged.text << "chaos: " << (judged.good ? "all of it holds" : "FAILED") << "\n";
  return judged.good ? 0 : 1;
}
