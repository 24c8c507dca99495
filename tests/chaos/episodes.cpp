#include "tests/chaos/episodes.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr int customers_at_once = 8;
constexpr std::uint64_t fewest_faults = 4;
constexpr std::uint64_t most_faults = 9;
constexpr proof::moment us_per_ms = 1000;
constexpr std::uintmax_t memory_disk_bytes = 96ull << 20;

class episode {
 public:
  episode(const episodes_assignment& what, std::uint64_t seed) : what_(what), seed_(seed), random_(seed) {
    if (what.may_mount) disk_.emplace(memory_disk_bytes);
    const auto wanted = faults_named(what.faults);
    const bool on_redis = random_() % 2 == 0 || std::ranges::all_of(wanted, &fault::needs_redis);
    const auto data = (disk_ ? disk_->path() : folder_.path()) / "data";
    shop_.emplace(shop_options{.data = data,
                               .view_on_redis = on_redis,
                               .provider_flags = {"--seed", std::to_string(random_() >> 1)}},
                  recorder_);
    customers_.emplace(crowd_options{.size = customers_at_once, .seed = random_(), .where = {&shop_->door()}},
                       recorder_);
    reader_.emplace(recorder_, fronts{&shop_->door()});
    std::ranges::copy_if(wanted, std::back_inserter(faults_), [&](const auto& each) {
      return (on_redis || !each.needs_redis) && (disk_ || !each.needs_memory_disk);
    });
  }

  judgement run() {
    if (faults_.empty()) throw std::runtime_error("none of these faults can be had here");
    shop_->start_for_good();
    customers_->begin();
    reader_->begin();
    scene here{*shop_, recorder_, random_, disk_ ? &*disk_ : nullptr};
    const auto count = fewest_faults + random_() % (most_faults - fewest_faults + 1);
    for (std::uint64_t i = 0; i < count; ++i) strike(here);
    shop_->heal_provider();
    customers_->leave();
    auto judged = judge(*shop_, *customers_, {"chaos", seed_, replay()}, &*reader_);
    reader_->leave();
    shop_->terminate();
    return judged;
  }

  std::string replay() const {
    std::string names;
    for (const auto& each : what_.faults) names += (names.empty() ? " --faults " : ",") + each;
    return "scripts/chaos --minutes 0 --seed " + std::to_string(seed_) + names;
  }
  std::vector<proof::fault_line> faults() const { return recorder_.faults(); }

 private:
  void strike(scene& here) {
    const auto& next = faults_[random_() % faults_.size()];
    next.strike(here);
    // What a fault ends as it may is started again by whatever runs it.
    if (!shop_->serves()) shop_->start_for_good();
    go_on_for(here, draw_time(here, 0ms, 150ms));
  }

  const episodes_assignment& what_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  testing::temporary_folder folder_;
  std::optional<memory_disk> disk_;
  recorder recorder_;
  std::optional<shop> shop_;
  std::optional<recorded_crowd> customers_;
  std::optional<recorded_reader> reader_;
  std::vector<fault> faults_;
};

judgement run_one(const episodes_assignment& what, std::uint64_t seed,
                  std::map<std::string, std::uint64_t>& struck) {
  episode one(what, seed);
  judgement judged;
  try {
    judged = one.run();
  } catch (const std::exception& error) {
    judged = {false, false, std::string(error.what()) + "\nreplay: " + one.replay() + "\n", "not judged"};
  }
  for (const auto& each : one.faults()) {
    ++struck[each.name];
    const bool alone = what.time.count() == 0;
    if (alone || !judged.good)
      std::cout << each.at / us_per_ms << " ms " << each.name << ": " << each.detail << "\n";
  }
  return judged;
}

}  // namespace

std::vector<fault> faults_named(const std::vector<std::string>& names) {
  const auto all = all_faults();
  if (names.empty()) return all;
  std::vector<fault> chosen;
  for (const auto& name : names) {
    const auto found = std::ranges::find(all, name, &fault::name);
    if (found == all.end()) throw std::invalid_argument("there is no fault named " + name);
    chosen.push_back(*found);
  }
  return chosen;
}

judgement episodes(const episodes_assignment& what) {
  const auto began = std::chrono::steady_clock::now();
  std::map<std::string, std::uint64_t> struck;
  judgement last;
  auto seed = what.seed;
  do {
    const auto from = std::chrono::steady_clock::now();
    last = run_one(what, seed, struck);
    const auto now = std::chrono::steady_clock::now();
    std::cout << "episode of seed " << seed << ", "
              << std::chrono::duration_cast<milliseconds>(now - from).count() << " ms: " << last.figures
              << std::endl;
    ++seed;
  } while (last.good && std::chrono::steady_clock::now() - began < what.time);
  for (const auto& [name, count] : struck) std::cout << "struck by " << name << ": " << count << "\n";
  return last;
}

}  // namespace holdfast::chaos
