#include "tests/chaos/kill_rounds.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <random>

#include "tests/chaos/failpoints.hpp"
#include "tests/chaos/shop.hpp"

namespace holdfast::chaos {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t rounds_of_a_stretch = 10;
constexpr int customers_at_once = 8;
constexpr milliseconds earliest_kill{10};
constexpr milliseconds latest_kill{350};
/// Not every step comes while a server works for a moment.
constexpr milliseconds until_the_step{500};

constexpr const char* bad_day =
    R"({"latency":"0ms-10ms","declineRate":0.05,"failRate":0.02,"hangAfterChargeRate":0.02,)"
    R"("landsLateRate":0.02,"landsLateAfter":"200ms","forgetKeysRate":0.1,"refundFailures":1})";

class stretch {
 public:
  stretch(std::uint64_t seed, std::uint64_t rounds)
      : seed_(seed),
        rounds_(rounds),
        random_(seed),
        shop_({.data = folder_.path() / "data",
               .view_on_redis = random_() % 4 == 0,
               .provider_flags = {"--seed", std::to_string(random_() >> 1)}},
              recorder_),
        customers_({.size = customers_at_once, .seed = random_(), .where = {&shop_.door()}}, recorder_),
        reader_(recorder_, {&shop_.door()}) {}

  judgement run() {
    shop_.provider_has(bad_day);
    customers_.begin();
    reader_.begin();
    for (std::uint64_t i = 0; i < rounds_; ++i) round();
    shop_.start_for_good();
    customers_.leave();
    shop_.heal_provider();
    auto judged = judge(shop_, customers_, {"chaos", seed_, replay()}, &reader_);
    reader_.leave();
    shop_.terminate();
    return judged;
  }

  /// How often the server was killed at which step.
  const std::map<std::string, std::uint64_t>& hits() const { return hits_; }
  std::string replay() const {
    return "scripts/chaos --rounds " + std::to_string(rounds_) + " --seed " + std::to_string(seed_);
  }

 private:
  void round() {
    const bool at_a_step = random_() % 2 == 0;
    const auto point = draw_failpoint(random_);
    const auto moment = earliest_kill + milliseconds(random_() % (latest_kill - earliest_kill).count());
    if (at_a_step) shop_.faults().arm(point.where);
    shop_.expect_exit(128 + SIGKILL);
    const auto within = at_a_step ? until_the_step : moment;
    if (shop_.start()) testing::eventually([&] { return !shop_.serves(); }, within);
    const bool hit = at_a_step && shop_.faults().applied() > 0;
    if (hit) ++hits_[point.name];
    recorder_.add_fault("kill", hit ? point.name + ": " + to_text(point.where) : "at random");
    shop_.kill();
    shop_.faults().disarm();
  }

  const std::uint64_t seed_;
  const std::uint64_t rounds_;
  std::mt19937_64 random_;
  testing::temporary_folder folder_;
  recorder recorder_;
  shop shop_;
  recorded_crowd customers_;
  recorded_reader reader_;
  std::map<std::string, std::uint64_t> hits_;
};

}  // namespace

judgement kill_rounds(std::uint64_t rounds, std::uint64_t seed) {
  judgement last;
  std::map<std::string, std::uint64_t> hits;
  for (std::uint64_t done = 0; done < rounds && last.good; ++seed) {
    const auto now = std::min(rounds - done, rounds_of_a_stretch);
    const auto began = std::chrono::steady_clock::now();
    stretch one(seed, now);
    try {
      last = one.run();
    } catch (const std::exception& error) {
      last = {false, false, std::string(error.what()) + "\nreplay: " + one.replay() + "\n", "not judged"};
    }
    done += now;
    for (const auto& [step, count] : one.hits()) hits[step] += count;
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count();
    std::cout << "kill -9, " << done << " rounds, seed " << seed << ", " << took << " ms: " << last.figures
              << std::endl;
  }
  for (const auto& [step, count] : hits) std::cout << "killed at " << step << ": " << count << "\n";
  return last;
}

}  // namespace holdfast::chaos
