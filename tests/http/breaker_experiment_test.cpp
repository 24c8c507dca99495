// The experiment by which the system before this one showed its circuit breaker: a payment provider
// that takes 400 to 620 ms against a time-out of 620 ms, under more load than it can bear. The
// breaker opens, payments fail fast and leave the provider alone, and once it is well again the
// breaker closes and everything that was left open settles by itself. What that takes in time is
// measured by `scripts/bench breaker`: here a loaded machine must not make a difference.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
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

using clock = std::chrono::steady_clock;

constexpr int customers_at_once = 100;
/// The bulkhead's, as designed.
constexpr std::uint64_t most_calls_at_once = 64;
/// How long the breaker stays open before it lets probes through.
constexpr std::chrono::seconds stays_open{5};
/// Few, so that they fit into that time even where each is charged after all.
constexpr int placements_while_open = 4;
/// The load is repeated where the machine was too slow to look at the breaker while it was open.
constexpr int most_tries = 5;

std::string breaker_state(http_client& client) {
  return text_at(client.document("/actuator/circuitbreakers"), "/circuitBreakers/payment/state");
}

std::uint64_t breaker_count(http_client& client, const char* name) {
  return client.document("/actuator/circuitbreakers")["circuitBreakers"]["payment"][name].GetUint64();
}

raw_response place_one(http_client& client) {
  return client.place(R"({"userId":1,"price":1300000,"cardNo":"1234-1234-1234-1234"})");
}

/// A crowd that only places, until the breaker has opened; the last moment at which it had not.
clock::time_point load_until_open(crowd& customers, http_client& client, std::uint16_t port) {
  auto last_closed = clock::now();
  customers.begin(port);
  const bool opened = eventually([&] {
    const auto looked_at = clock::now();
    if (breaker_state(client) == "OPEN") return true;
    last_closed = looked_at;
    return false;
  });
  REQUIRE(customers.leave() == "");
  REQUIRE(opened);
  return last_closed;
}

/// What a round of placements met while the breaker was open.
struct look {
  std::vector<raw_response> answers;
  std::size_t moved_before = 0;
  std::size_t moved_after = 0;
  std::uint64_t calls_seen = 0;
  std::uint64_t refused = 0;
};

look place_while_open(http_client& client, sandbox_process& provider) {
  look seen;
  // What was let through before it opened has to end first.
  REQUIRE(eventually([&] { return breaker_count(client, "callsUnderWay") == 0; }));
  REQUIRE(eventually([&] { return provider.calls_under_way() == 0; }));
  seen.moved_before = provider.ledger().size();
  const auto refused_before = breaker_count(client, "notPermittedCalls");
  for (int i = 0; i < placements_while_open; ++i) {
    seen.answers.push_back(place_one(client));
    seen.calls_seen += provider.calls_under_way();
  }
  seen.refused = breaker_count(client, "notPermittedCalls") - refused_before;
  seen.moved_after = provider.ledger().size();
  return seen;
}

void check_failed_fast(const look& seen) {
  for (const auto& answer : seen.answers) {
    CAPTURE(answer.body);
    CHECK(answer.status == 503);
    CHECK(text_at(answer, "/code") == "payment-unavailable");
    CHECK(answer.header("retry-after") != "");
    CHECK(id_in(answer) != 0);
  }
  CHECK(seen.moved_after == seen.moved_before);
  CHECK(seen.calls_seen == 0);
  CHECK(seen.refused >= placements_while_open);
}

TEST_CASE(
    "a provider as slow as its time-out opens the breaker, is left alone, and closes it when it is well") {
  sandbox_process provider({"--latency", "400ms-620ms"});
  const temporary_folder folder;
  serving_process server(folder.path(), {"--payment", provider.url(), "--payment-timeout", "620ms"});
  http_client client(server.port());
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  crowd customers(customers_at_once, seed, {.cancels = 0, .repeats = 0});

  bool looked_while_open = false;
  for (int tries = 0; tries < most_tries && !looked_while_open; ++tries) {
    const auto last_closed = load_until_open(customers, client, server.port());
    const auto seen = place_while_open(client, provider);
    // Later than this the breaker may have let a probe through.
    looked_while_open = clock::now() < last_closed + stays_open;
    if (looked_while_open) check_failed_fast(seen);
  }
  CHECK(looked_while_open);

  provider.control(R"({"latency":"0ms"})");
  CHECK(eventually([&] { return place_one(client).status == 201 && breaker_state(client) == "CLOSED"; }));
  CHECK(place_one(client).status == 201);

  check_stories(server.port(), customers.placements(), [&] { return moved_by(provider); });
  const auto most = provider.most_calls_at_once();
  CAPTURE(most);
  CHECK(most <= most_calls_at_once);
  // All at once, so that it was the bulkhead that held them back.
  CHECK(most > most_calls_at_once / 4);
  CHECK(server.terminate() == 0);
}

}  // namespace
}  // namespace holdfast::testing
