// Crashes while the money lies with somebody else: the server is killed at random moments, twenty
// times on one store, while customers place, repeat and cancel through a payment provider that is
// a process of its own, has a bad day, and goes on. Afterwards the customers' memories, the rows,
// the provider's ledger and `holdfast reconcile` have to agree.
//
// HOLDFAST_CRASH_SEED repeats what chance chose here: the moments, the requests and the provider's
// faults. How the threads and processes interleave stays the machine's choice.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/support/customers.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reservation_story.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::testing {
namespace {

using std::chrono::milliseconds;

constexpr int customers_at_once = 16;
constexpr int rounds = 20;
/// After the ready line.
constexpr milliseconds earliest_crash{50};
constexpr milliseconds latest_crash{400};

/// Enough trouble that each round leaves unknown outcomes behind, not so much that the circuit
/// breaker opens at once and nothing is paid any more.
const std::vector<std::string> bad_day{"--latency",          "0ms-30ms", "--decline-rate",           "0.05",
                                       "--fail-rate",        "0.02",     "--hang-after-charge-rate", "0.04",
                                       "--lands-late-rate",  "0.04",     "--lands-late-after",       "250ms",
                                       "--forget-keys-rate", "0.1",      "--refund-failures",        "1"};
constexpr const char* good_day =
    R"({"latency":"0ms","declineRate":0,"failRate":0,"hangAfterChargeRate":0,"landsLateRate":0,)"
    R"("forgetKeysRate":0,"refundFailures":0})";

std::uint64_t chosen_seed() {
  const char* given = std::getenv("HOLDFAST_CRASH_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

milliseconds random_moment(std::mt19937_64& random) {
  const auto choices = static_cast<std::uint64_t>((latest_crash - earliest_crash).count()) + 1;
  return earliest_crash + milliseconds(random() % choices);
}

/// The exit code and what it printed.
std::string reconcile(const std::filesystem::path& data, const std::string& provider) {
  process child({"reconcile", "--data", data.string(), "--payment", provider, "--payment-timeout", "10s"});
  const auto printed = child.rest_of_output();
  return std::to_string(child.wait_for_exit()) + "\n" + printed + child.errors();
}

/// How often customers were told what: a test of crashes in which nobody hears of anything but
/// success shows little.
int count_told(const std::vector<placement*>& placements, int status) {
  return static_cast<int>(std::count_if(placements.begin(), placements.end(),
                                        [status](const auto* each) { return each->status == status; }));
}

TEST_CASE("twenty crashes under load leave money, reservations and receipts in agreement") {
  const std::uint64_t seed = chosen_seed();
  MESSAGE("replay with HOLDFAST_CRASH_SEED=" << seed);
  std::mt19937_64 random(seed);
  auto provider_flags = bad_day;
  provider_flags.insert(provider_flags.end(), {"--seed", std::to_string(random() >> 1)});
  sandbox_process provider(provider_flags);
  const temporary_folder folder;
  const std::vector<std::string> flags{"--payment", provider.url(),   "--payment-timeout",
                                       "100ms",     "--payment-wait", "110ms"};
  crowd customers(customers_at_once, random());

  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    serving_process server(folder.path(), flags);
    customers.begin(server.port());
    CHECK_FALSE(eventually([&] { return server.process().has_ended(); }, random_moment(random)));
    customers.expect_the_end();
    server.kill();
    REQUIRE(customers.finish() == "");
  }

  provider.control(good_day);
  const auto told = customers.placements();
  MESSAGE("placements: " << told.size() << ", unanswered " << count_told(told, 0) << ", 201 "
                         << count_told(told, 201) << ", 202 " << count_told(told, 202) << ", 402 "
                         << count_told(told, 402) << ", 503 " << count_told(told, 503));
  CHECK(count_told(told, 201) > 0);
  CHECK(count_told(told, 0) > 0);
  serving_process server(folder.path(), flags);
  check_stories(server.port(), told, [&] { return moved_by(provider); });
  CHECK(reconcile(folder.path(), provider.url()).starts_with("0\n"));
  CHECK(server.terminate() == 0);
  CHECK(reconcile(folder.path(), provider.url()).starts_with("0\n"));
}

}  // namespace
}  // namespace holdfast::testing
