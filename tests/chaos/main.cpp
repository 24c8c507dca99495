// Kills, starves and confuses the real server, its disk, its Redis and its payment provider under
// real clients, or a cluster of it and the network between its nodes, and lets the checker judge what is
// left.
//
// Exits with 0 where all of it holds, 1 where something does not, 2 where the command line is wrong.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdint>
#include <functional>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/chaos/cluster_episodes.hpp"
#include "tests/chaos/cluster_faults.hpp"
#include "tests/chaos/episodes.hpp"
#include "tests/chaos/kill_rounds.hpp"
#include "tests/chaos/own_mounts.hpp"
#include "tests/chaos/own_world.hpp"

namespace {

using namespace holdfast::chaos;

constexpr int passed = 0;
constexpr int failed = 1;
constexpr int wrong_command_line = 2;

bool can_mount() {
  try {
    begin_own_mounts();
  } catch (const cannot_mount& error) {
    std::cerr << "chaos: NO DISK IS FILLED UP, this machine can't mount: " << error.what() << "\n";
    return false;
  }
  return true;
}

void list_faults() {
  for (const auto& each : all_faults()) std::cout << each.name << "\n";
  for (const auto& each : all_cluster_faults()) std::cout << "--cluster: " << each.name << "\n";
}

int in_world(const std::function<int()>& run) {
  try {
    return in_own_world(run);
  } catch (const no_world& error) {
    std::cerr << "chaos: a cluster needs the right to make namespaces: " << error.what() << "\n";
    return failed;
  }
}

int told(const judgement& judged) {
  std::cout << judged.text << "chaos: " << (judged.good ? "all of it holds" : "FAILED") << "\n";
  return judged.good ? passed : failed;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t rounds = 0;
  std::int64_t minutes = 0;
  episodes_assignment mixed;
  mixed.seed = std::random_device{}();
  CLI::App app("Breaks what the server stands on, and judges what is left", "chaos");
  auto* rounds_option = app.add_option("--rounds", rounds, "So many times kill -9");
  auto* minutes_option = app.add_option("--minutes", minutes, "Everything mixed for so long; 0: one episode")
                             ->excludes(rounds_option);
  bool cluster = false;
  std::int64_t seconds = 0;
  auto* cluster_flag = app.add_flag("--cluster", cluster, "Of three nodes, and the network between them")
                           ->excludes(rounds_option)
                           ->excludes(minutes_option);
  auto* seconds_option = app.add_option("--seconds", seconds, "With --cluster: for so long; 0: one episode")
                             ->needs(cluster_flag);
  cluster_flag->needs(seconds_option);
  app.add_option("--faults", mixed.faults, "These only")->delimiter(',')->excludes(rounds_option);
  app.add_option("--seed", mixed.seed, "Repeats what chance chose");
  bool list = false;
  app.add_flag("--list", list, "Prints the names of all faults");
  try {
    app.parse(argc, argv);
    cluster ? check_cluster_faults(mixed.faults) : void(faults_named(mixed.faults));
    if (list) return list_faults(), passed;
    if (!*rounds_option && !*minutes_option && !cluster)
      throw std::invalid_argument("give --rounds, --minutes, or --cluster and --seconds");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? passed : wrong_command_line;
  } catch (const std::invalid_argument& error) {
    std::cerr << "chaos: " << error.what() << "\n";
    return wrong_command_line;
  }
  if (cluster) {
    const cluster_assignment mixed_in_cluster{std::chrono::seconds(seconds), mixed.seed, mixed.faults};
    return in_world([&] { return told(cluster_episodes(mixed_in_cluster)); });
  }
  mixed.time = std::chrono::minutes(minutes);
  mixed.may_mount = !*rounds_option && can_mount();
  return told(*rounds_option ? kill_rounds(rounds, mixed.seed) : episodes(mixed));
}
