// The simulation itself: a seed is a history, byte for byte, and a few hundred of them are good.
// Many more run in `scripts/simulate`.
#include "tests/simulation/simulation.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/proof/history_json.hpp"

using namespace holdfast;

namespace {

/// The engine's log and CAF's own words about actors that die on purpose would be in the way.
class silence {
 public:
  silence() : cout_(std::cout.rdbuf(nullptr)) { spdlog::set_level(spdlog::level::off); }
  ~silence() { std::cout.rdbuf(cout_); }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;

 private:
  std::streambuf* cout_;
};

std::string trace_of(std::uint64_t seed) {
  std::ostringstream text;
  const auto result = simulation::simulate(seed, &text);
  proof::write_history(text, result.history);
  return text.str();
}

}  // namespace

TEST_CASE("the same seed gives the same trace and the same history, whatever ran before") {
  std::set<std::string> different;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto [first, second] = [&] {
      const silence while_running;
      auto once = trace_of(seed);
      simulation::simulate(seed + 1000);
      return std::pair(once, trace_of(seed));
    }();
    CAPTURE(seed);
    CHECK(first == second);
    different.insert(first);
  }
  CHECK(different.size() == 40);
}

TEST_CASE("tracing does not change what happens") {
  const silence while_running;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::ostringstream trace;
    CHECK(simulation::simulate(seed, &trace).steps == simulation::simulate(seed).steps);
  }
}

TEST_CASE("an operator has what was parked go on") {
  const silence while_running;
  std::uint64_t recorded = 0;
  // Of the few in which something may be parked.
  for (std::uint64_t seed = 1; seed <= 2000 && recorded == 0; ++seed) {
    if (!simulation::plan(seed).has(simulation::fault::provider_down_for_hours)) continue;
    const auto result = simulation::simulate(seed);
    CHECK_MESSAGE(result.judged.good(), proof::to_text(result.judged, result.history.facts));
    for (const auto& one : result.history.operations) {
      recorded += one.request == "retry" && one.answer == proof::answer_of_recorded;
    }
  }
  CHECK(recorded > 0);
}

TEST_CASE("every invariant holds in three hundred histories with faults") {
  std::uint64_t operations = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t of_clusters = 0;
  std::map<std::string, std::uint64_t> recorded;
  std::map<std::string, std::uint64_t> searched;
  std::array<std::uint64_t, simulation::fault_count> struck{};
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto result = [&] {
      const silence while_running;
      return simulation::simulate(seed);
    }();
    CHECK_MESSAGE(result.judged.good(), proof::to_text(result.judged, result.history.facts));
    operations += result.judged.operations;
    of_clusters += simulation::plan(seed).clustered();
    for (const auto& one : result.history.operations) {
      overloaded += one.code == "overloaded";
      if (one.answer == proof::answer_of_recorded) ++recorded[one.request];
    }
    for (const auto& one : result.history.canaries) searched[one.place] += one.bytes_searched;
    for (std::size_t i = 0; i < simulation::fault_count; ++i) struck[i] += result.struck[i];
  }
  // A simulation in which nothing happens is always good.
  CHECK(operations > 3000);
  CHECK(overloaded > 0);
  CHECK(of_clusters > 100);
  CHECK(recorded["cancel"] > 100);
  for (const auto* place : {"answers", "journal", "log", "receipts", "view"}) {
    CAPTURE(place);
    CHECK(searched[place] > 0);
  }
  for (std::size_t i = 0; i < simulation::fault_count; ++i) {
    CAPTURE(simulation::name_of(static_cast<simulation::fault>(i)));
    CHECK(struck[i] > 0);
  }
}
