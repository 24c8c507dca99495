// What was acknowledged is kept: the real binary is killed, or told to end, while customers place
// and cancel over real sockets; what is there after the next start is held against what they were
// told and against the ledger of the payment provider, which is in the same process.
#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/customers.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reservation_story.hpp"

namespace holdfast::testing {
namespace {

constexpr int customers_at_once = 6;
constexpr int rounds = 5;

/// A provider as it is on a bad day: slow, declining, silent after the charge or charging late.
const std::vector<std::string> flags{"--sandbox-latency",
                                     "0ms-8ms",
                                     "--sandbox-decline-rate",
                                     "0.05",
                                     "--sandbox-hang-after-charge-rate",
                                     "0.02",
                                     "--sandbox-lands-late-rate",
                                     "0.02",
                                     "--sandbox-lands-late-after",
                                     "150ms",
                                     "--sandbox-refund-failures",
                                     "1",
                                     "--payment-timeout",
                                     "100ms"};

/// Customers at work until the server ends; `end` is what ends it.
template <class End>
void serve_customers(crowd& customers, std::uint16_t port, int answers, End end) {
  customers.begin(port);
  CHECK(eventually([&] { return customers.answered() >= answers; }));
  customers.expect_the_end();
  end();
  CHECK(customers.finish() == "");
}

TEST_CASE("nothing acknowledged is lost and nothing is left half done when the server is killed under load") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const temporary_folder folder;
  auto server = std::make_unique<serving_process>(folder.path(), flags);
  crowd customers(customers_at_once, random());
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const int answers = 20 + static_cast<int>(random() % 400);
    serve_customers(customers, server->port(), answers, [&] { server->kill(); });
    server = std::make_unique<serving_process>(folder.path(), flags);
    check_stories(server->port(), customers.placements(), ledger_in(folder.path()));
  }
  CHECK(server->terminate() == 0);
}

TEST_CASE("a server that is told to end under load keeps all it answered and ends with 0") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const temporary_folder folder;
  crowd customers(customers_at_once, seed);
  {
    serving_process server(folder.path(), flags);
    serve_customers(customers, server.port(), 300, [&] {
      server.process().send(SIGTERM);
      CHECK(server.process().wait_for_exit() == 0);
    });
  }
  serving_process server(folder.path(), flags);
  check_stories(server.port(), customers.placements(), ledger_in(folder.path()));
}

}  // namespace
}  // namespace holdfast::testing
