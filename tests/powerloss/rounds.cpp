#include "tests/powerloss/rounds.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <limits>
#include <random>

#include "tests/chaos/judging.hpp"
#include "tests/chaos/shop.hpp"
#include "tests/powerloss/volume.hpp"

namespace holdfast::powerloss {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Rounds on one volume: each starts from what the ones before have left. A stretch has a seed of
/// its own, so that it can be done again alone.
constexpr std::uint64_t rounds_of_a_stretch = 10;
constexpr int customers_at_once = 8;
constexpr milliseconds earliest_cut{30};
constexpr milliseconds latest_cut{400};
constexpr int exit_of_a_failed_disk = 1;

/// Enough trouble that each cut leaves unknown outcomes behind, not so much that the circuit breaker
/// opens at once.
constexpr const char* bad_day =
    R"({"latency":"0ms-10ms","declineRate":0.05,"failRate":0.02,"hangAfterChargeRate":0.02,)"
    R"("landsLateRate":0.02,"landsLateAfter":"200ms","refundFailures":1})";

class stretch {
 public:
  stretch(const assignment& what, std::uint64_t seed)
      : what_(what),
        seed_(seed),
        random_(seed),
        shop_({.data = disk_.path() / "data",
               .view_on_redis = seed_ % 2 == 0,
               .provider_flags = {"--seed", std::to_string(random_() >> 1)}},
              recorder_),
        customers_({.size = customers_at_once, .seed = random_(), .where = {&shop_.door()}}, recorder_) {
    if (what.no_sync) switch_sync_off();
  }

  chaos::judgement round() {
    shop_.start_for_good();
    shop_.provider_has(bad_day);
    customers_.begin();
    run_for_a_while();
    if (!what_.no_sync && random_() % 3 == 0) {
      kill_before_a_sync();
      run_for_a_while();
    }
    cut_power();
    customers_.leave();
    disk_.mount_again();
    shop_.heal_provider();
    shop_.start_for_good();
    const auto judged = chaos::judge(shop_, customers_, {"power loss", seed_, replay(), rest_within()});
    shop_.kill();
    return judged;
  }

 private:
  void switch_sync_off() {
    shop_.faults().arm({.folder = disk_.path().string(),
                        .file = "",
                        .step = chaos::disk_step::sync,
                        .action = chaos::disk_action::skip,
                        .first = 1,
                        .count = std::numeric_limits<std::uint64_t>::max()});
  }

  void run_for_a_while() {
    const auto length = earliest_cut + milliseconds(random_() % (latest_cut - earliest_cut).count());
    testing::eventually([&] { return !shop_.serves(); }, length);
  }

  /// What the log's last batch is made of is in the page cache alone, and the next owner finds it there.
  void kill_before_a_sync() {
    recorder_.add_fault("kill", "between a log's write and its sync");
    shop_.expect_exit(128 + SIGKILL);
    shop_.faults().arm({.folder = disk_.path().string(),
                        .file = ".log",
                        .step = chaos::disk_step::write,
                        .action = chaos::disk_action::kill_after});
    if (!testing::eventually([&] { return !shop_.serves(); })) recorder_.complain("no log was written");
    shop_.faults().disarm();
    shop_.start_for_good();
  }

  /// The machine goes down with its disk, or the disk alone: then the server has to end by itself.
  ///
  /// It stands still meanwhile. The kernel tells a sync that is under way in the moment of the cut that
  /// it was done, though it was not (Linux 6.18): a machine without power could never act upon that, and
  /// one that lives on asks nothing of its disk in this moment.
  void cut_power() {
    const auto how = random_() % 3 == 0 ? power_cut::with_log : power_cut::without_log;
    const bool disk_alone = random_() % 2 == 0;
    recorder_.add_fault(disk_alone ? "disk gone" : "power cut",
                        how == power_cut::with_log ? "log written" : "log lost");
    shop_.expect_exit(exit_of_a_failed_disk);
    shop_.freeze(disk_alone);
    disk_.cut_power(how);
    if (disk_alone) {
      shop_.resume();
      if (!testing::eventually([&] { return !shop_.serves(); }))
        recorder_.complain("the server went on though its disk was gone");
    }
    shop_.kill();
  }

  /// Where losses are wanted, what was half lost may never come to rest.
  std::chrono::seconds rest_within() const { return what_.no_sync ? 5s : 180s; }

  std::string replay() const {
    return "scripts/powerloss --rounds " + std::to_string(std::min(what_.rounds, rounds_of_a_stretch)) +
           " --seed " + std::to_string(seed_) + (what_.no_sync ? " --no-sync" : "");
  }

  const assignment& what_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  volume disk_;
  chaos::recorder recorder_;
  chaos::shop shop_;
  chaos::recorded_crowd customers_;
};

}  // namespace

namespace {

/// One stretch, up to its first failure.
void run_stretch(const assignment& what, std::uint64_t seed, outcome& so_far) {
  stretch now(what, seed);
  for (std::uint64_t i = 0; i < rounds_of_a_stretch && so_far.rounds < what.rounds; ++i) {
    ++so_far.rounds;
    const auto judged = now.round();
    std::cout << "round " << so_far.rounds << ": " << judged.figures << std::endl;
    so_far.failure = judged.text;
    so_far.lost = judged.lost;
    if (!judged.good) return;
  }
}

}  // namespace

outcome run(const assignment& what) {
  outcome so_far;
  for (auto seed = what.seed; so_far.rounds < what.rounds; ++seed) {
    const auto before = so_far.rounds;
    try {
      run_stretch(what, seed, so_far);
    } catch (const cannot_mount&) {
      throw;
    } catch (const std::exception& error) {
      so_far.lost = false;
      so_far.failure = std::string(error.what()) + "\nreplay: scripts/powerloss --rounds " +
                       std::to_string(rounds_of_a_stretch) + " --seed " + std::to_string(seed) +
                       (what.no_sync ? " --no-sync\n" : "\n");
    }
    if (so_far.failure.empty()) continue;
    if (so_far.lost || !what.no_sync || so_far.rounds == before) return so_far;
    std::cout << "no loss, but a failure: " << so_far.failure << std::flush;
  }
  return so_far;
}

}  // namespace holdfast::powerloss
