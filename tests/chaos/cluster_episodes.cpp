#include "tests/chaos/cluster_episodes.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include "tests/chaos/cluster.hpp"
#include "tests/chaos/cluster_faults.hpp"
#include "tests/chaos/shop.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;
using clock = cluster::clock;
using std::chrono::milliseconds;

constexpr int customers_of_a_cluster = 12;
/// A node that is paused keeps whoever waits longer.
constexpr milliseconds patience_of_every_other{1500};
constexpr milliseconds of_faults{40'000};
constexpr milliseconds restarts_from{12'000};
constexpr milliseconds before_the_next_fault{2'000};
constexpr std::size_t most_faults_at_once = 3;
/// After the last fault customers go on for so long.
constexpr milliseconds without_faults{2'000};
constexpr milliseconds whole_within{60'000};
constexpr proof::moment us_per_ms = 1000;

std::vector<cluster_fault> cluster_faults_named(const std::vector<std::string>& names) {
  auto all = all_cluster_faults();
  for (const auto& name : names) {
    if (std::ranges::find(all, name, &cluster_fault::name) == all.end())
      throw std::invalid_argument("there is no fault named " + name + " of a cluster");
  }
  if (!names.empty())
    std::erase_if(all, [&](const auto& each) { return std::ranges::find(names, each.name) == names.end(); });
  return all;
}

milliseconds since(clock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(clock::now() - then);
}

class cluster_episode {
 public:
  cluster_episode(const cluster_assignment& what, std::uint64_t seed, cluster_network& network)
      : what_(what),
        seed_(seed),
        random_(seed),
        faults_(cluster_faults_named(what.faults)),
        cluster_(random_(), network, recorder_),
        customers_({.size = customers_of_a_cluster,
                    .seed = random_(),
                    .where = cluster_.doors(),
                    .patience = patience_of_every_other},
                   recorder_),
        reader_(recorder_, cluster_.doors()) {}

  judgement run() {
    if (!becomes_whole()) throw std::runtime_error("the nodes do not come to serve");
    customers_.begin();
    reader_.begin();
    strike();
    cluster_.provider().control(healthy_knobs);
    const auto over = clock::now();
    const bool whole = becomes_whole();
    whole_after_ = since(over);
    if (!whole)
      recorder_.complain("not all nodes serve all shards " + std::to_string(whole_after_.count()) +
                         " ms after the last fault");
    go_on_until([&, until = clock::now() + without_faults] { return clock::now() > until; });
    customers_.leave();
    auto judged = judge(cluster_, customers_, {"chaos in a cluster", seed_, replay()}, &reader_);
    reader_.leave();
    end(judged);
    judged.figures += "; whole " + std::to_string(whole_after_.count()) + " ms after the last fault; " +
                      std::to_string(cluster_.starts_in_vain()) + " starts for want of a journal in vain";
    return judged;
  }

  std::string replay() const {
    std::string names;
    for (const auto& each : what_.faults) names += (names.empty() ? " --faults " : ",") + each;
    return "scripts/chaos --cluster --seconds 0 --seed " + std::to_string(seed_) + names;
  }
  std::vector<proof::fault_line> faults() const { return recorder_.faults(); }
  std::string keep_logs() {
    const auto folder = std::filesystem::temp_directory_path();
    return cluster_.keep_logs(folder / ("holdfast-cluster-" + std::to_string(seed_)));
  }

 private:
  struct struck {
    fault_under_way what;
    clock::time_point until;
  };

  template <class Condition>
  bool go_on_until(Condition over, milliseconds within = whole_within) {
    return testing::eventually(
        [&] {
          cluster_.tend();
          return over();
        },
        within);
  }

  bool becomes_whole() {
    return go_on_until([&] { return cluster_.is_whole(); });
  }

  void strike() {
    const auto began = clock::now();
    const bool all = what_.faults.empty();
    auto next = began;
    bool restarted = false;
    go_on_until(
        [&] {
          end_those_that_are_over();
          if (since(began) >= of_faults) return true;
          if (all && since(began) >= restarts_from && !std::exchange(restarted, true)) begin(restart_in_turn);
          if (clock::now() >= next && under_way_.size() < most_faults_at_once) {
            begin(faults_[random_() % faults_.size()].begin);
            next = clock::now() + milliseconds(random_() % before_the_next_fault.count());
          }
          return false;
        },
        2 * of_faults);
    for (auto& each : under_way_) each.what.end();
    under_way_.clear();
  }

  void begin(std::optional<fault_under_way> (*fault)(cluster_scene&)) {
    cluster_scene here{cluster_, recorder_, random_};
    if (auto begun = fault(here)) {
      const auto until = clock::now() + begun->lasts;
      under_way_.push_back({std::move(*begun), until});
    }
  }

  void end_those_that_are_over() {
    std::erase_if(under_way_, [](auto& each) {
      if (each.what.goes_on() && clock::now() < each.until) return false;
      each.what.end();
      return true;
    });
  }

  void end(judgement& judged) {
    const auto complaints = recorder_.complaints().size();
    cluster_.end_all();
    const auto all = recorder_.complaints();
    for (auto each = all.begin() + static_cast<std::ptrdiff_t>(complaints); each != all.end(); ++each) {
      judged.good = false;
      judged.text += "complaint: " + *each + "\nreplay: " + replay() + "\n";
    }
  }

  const cluster_assignment& what_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  recorder recorder_;
  std::vector<cluster_fault> faults_;
  cluster cluster_;
  recorded_crowd customers_;
  recorded_reader reader_;
  std::vector<struck> under_way_;
  milliseconds whole_after_{0};
};

void tell_faults(const std::vector<proof::fault_line>& faults) {
  for (const auto& each : faults)
    std::cout << each.at / us_per_ms << " ms " << each.name << ": " << each.detail << "\n";
}

judgement run_one(const cluster_assignment& what, std::uint64_t seed, cluster_network& network,
                  std::map<std::string, std::uint64_t>& struck) {
  cluster_episode one(what, seed, network);
  judgement judged;
  try {
    judged = one.run();
  } catch (const std::exception& error) {
    judged = {false, false, std::string(error.what()) + "\nreplay: " + one.replay() + "\n", "not judged"};
  }
  for (const auto& each : one.faults()) ++struck[each.name];
  const bool alone = what.time.count() == 0;
  if (alone || !judged.good) tell_faults(one.faults());
  if (alone) std::cout << one.keep_logs();
  return judged;
}

}  // namespace

void check_cluster_faults(const std::vector<std::string>& names) {
  cluster_faults_named(names);
}

judgement cluster_episodes(const cluster_assignment& what) {
  const auto began = clock::now();
  cluster_network network;
  std::map<std::string, std::uint64_t> struck;
  judgement last;
  auto seed = what.seed;
  do {
    const auto from = clock::now();
    last = run_one(what, seed, network, struck);
    std::cout << "cluster, seed " << seed << ", " << since(from).count() << " ms: " << last.figures
              << std::endl;
    ++seed;
  } while (last.good && clock::now() - began < what.time);
  for (const auto& [name, count] : struck) std::cout << "struck by " << name << ": " << count << "\n";
  return last;
}

}  // namespace holdfast::chaos
