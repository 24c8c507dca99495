// `holdfast serve` as a node of a cluster: real nodes over a real PostgreSQL, a real Redis and a payment
// provider of their own, while nodes come, go, die and fall silent. What customers were told is held against
// what is there afterwards, and against the provider's ledger.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/support/customers.hpp"
#include "tests/support/exposition.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reservation_story.hpp"
#include "tests/support/served_cluster.hpp"

namespace holdfast::testing {
namespace {

using clock = std::chrono::steady_clock;

constexpr int customers_at_once = 6;

std::int64_t milliseconds_since(clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - then).count();
}

/// Three nodes that have shared all out.
struct three_nodes : served_cluster {
  explicit three_nodes(std::vector<std::string> flags = {}) : served_cluster(std::move(flags)) {
    for (int i = 0; i < 3; ++i) start();
    REQUIRE(becomes_shared_out({0, 1, 2}));
  }
};

std::string order(int user) {
  return R"({"userId":)" + std::to_string(user) + R"(,"price":1000,"cardNo":"4242-4242-4242-4242"})";
}

std::string path_of(std::uint64_t id) {
  return "/preReservations/" + std::to_string(id);
}

std::uint64_t version_of(const raw_response& answer) {
  return std::stoull(json_at(answer, "/version"));
}

/// Every node knows at once what was acknowledged, or more.
void check_known_everywhere(const three_nodes& nodes, std::uint64_t id, std::uint64_t version,
                            const std::string& status) {
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    CAPTURE(at);
    CAPTURE(id);
    const auto read = nodes.client(at).get(path_of(id));
    CAPTURE(read.body);
    REQUIRE(read.status == 200);
    CHECK(version_of(read) >= version);
    CHECK(text_at(read, "/status") == status);
  }
}

/// An order on a shard of the node's: where there is no key, it takes one of its own.
std::uint64_t order_of_node(served_cluster& nodes, std::size_t number) {
  const auto placed = nodes.client(number).place(order(1));
  REQUIRE(placed.status == 201);
  return id_of(placed);
}

TEST_CASE("three nodes take any request, each knows what all acknowledged, and the shares are even") {
  three_nodes nodes;
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    CAPTURE(at);
    CHECK(nodes.figure(at, "members") == 3);
    CHECK(nodes.figure(at, "shardsWithoutOwner") == 0);
    const auto plain = nodes.client(at).place(order(1));
    REQUIRE(plain.status == 201);
    check_known_everywhere(nodes, id_of(plain), version_of(plain), "reservated");
    for (int i = 0; i < 6; ++i) {
      const std::string key = "order-" + std::to_string(at) + "-" + std::to_string(i);
      const auto first = nodes.client(at).place_with_key(order(2), key);
      REQUIRE(first.status == 201);
      check_known_everywhere(nodes, id_of(first), version_of(first), "reservated");
      for (std::size_t other = 0; other < nodes.size(); ++other) {
        const auto again = nodes.client(other).place_with_key(order(2), key);
        CHECK(again.status == 201);
        CHECK(again.body == first.body);
        CHECK(again.header("location") == first.header("location"));
        CHECK(again.header("idempotent-replayed") == "true");
      }
      CHECK(nodes.client((at + 1) % 3).place_with_key(order(3), key).status == 422);
      // At a node that does not have it, two out of three times.
      CHECK(nodes.client((at + static_cast<std::size_t>(i)) % 3).del(path_of(id_of(first))).status == 204);
      check_known_everywhere(nodes, id_of(first), version_of(first), "reservation_cancelled");
    }
  }
  CHECK(nodes.client(1).get(path_of(9007199254740991)).status == 404);
  CHECK(nodes.client(1).del(path_of(9007199254740991)).status == 404);
}

TEST_CASE("a node that is killed under load loses nothing, and others serve its shards after its lease") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  three_nodes nodes;
  crowd with_others(customers_at_once, seed);
  crowd with_victim(customers_at_once, seed + 1);
  with_others.begin({nodes.port(0), nodes.port(1)});
  with_victim.begin(nodes.port(2));
  CHECK(eventually([&] { return with_others.answered() >= 200 && with_victim.answered() >= 100; }));
  const auto last = order_of_node(nodes, 2);

  with_victim.expect_the_end();
  nodes[2].kill();
  const auto killed_at = clock::now();
  CHECK(with_victim.finish() == "");
  CHECK(nodes.client(0).get(path_of(last)).status == 200);
  CHECK(eventually([&] { return nodes.client(0).del(path_of(last)).status == 204; }));
  MESSAGE("an order of a node that was killed was cancelled at another " << milliseconds_since(killed_at)
                                                                         << " ms later");
  CHECK(nodes.becomes_shared_out({0, 1}));
  MESSAGE("both others had all shards " << milliseconds_since(killed_at) << " ms after it");
  CHECK((clock::now() - killed_at < cluster_lease + std::chrono::seconds(10)));
  const auto answered = with_others.answered();
  CHECK(eventually([&] { return with_others.answered() >= answered + 200; }));
  CHECK(with_others.leave() == "");
  auto all = with_others.placements();
  const auto of_victim = with_victim.placements();
  all.insert(all.end(), of_victim.begin(), of_victim.end());
  check_stories(nodes.port(1), all, [&] { return moved_by(nodes.provider()); });
  nodes.start_again(2);
  CHECK(nodes.becomes_shared_out({0, 1, 2}));
}

TEST_CASE("a node that is told to end under load hands its shards over, and no request fails at the others") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  three_nodes nodes;
  crowd with_others(customers_at_once, seed);
  crowd with_leaver(customers_at_once, seed + 1);
  with_others.begin({nodes.port(0), nodes.port(1)});
  with_leaver.begin(nodes.port(2));
  CHECK(eventually([&] { return with_others.answered() >= 200 && with_leaver.answered() >= 100; }));
  with_leaver.expect_the_end();
  const auto told_at = clock::now();
  nodes[2].process().send(SIGTERM);
  CHECK(eventually([&] { return nodes.shards_of(0) + nodes.shards_of(1) == 256; }));
  MESSAGE("the others had all shards " << milliseconds_since(told_at) << " ms after SIGTERM");
  CHECK((clock::now() - told_at < std::chrono::seconds(5)));
  CHECK(nodes[2].process().wait_for_exit() == 0);
  CHECK(with_leaver.finish() == "");
  CHECK(with_leaver.refusal() == "");
  const auto answered = with_others.answered();
  CHECK(eventually([&] { return with_others.answered() >= answered + 200; }));
  CHECK(with_others.leave() == "");
  CHECK(with_others.refusal() == "");
  auto all = with_others.placements();
  const auto of_leaver = with_leaver.placements();
  all.insert(all.end(), of_leaver.begin(), of_leaver.end());
  check_stories(nodes.port(0), all, [&] { return moved_by(nodes.provider()); });
}

TEST_CASE("a node that is stopped beyond its lease charges nobody twice, and serves again when it goes on") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  three_nodes nodes;
  // So that charges are under way at any moment.
  nodes.provider().control(R"({"latency":"50ms-100ms"})");
  crowd with_others(customers_at_once, seed);
  crowd with_victim(customers_at_once, seed + 1);
  with_others.begin({nodes.port(0), nodes.port(1)});
  with_victim.begin(nodes.port(2));
  for (int round = 0; round < 2; ++round) {
    const auto answered = with_victim.answered();
    CHECK(eventually([&] { return with_victim.answered() >= answered + 30; }));
    nodes[2].process().freeze(false);
    CHECK(nodes.becomes_shared_out({0, 1}));
    const auto meanwhile = with_others.answered();
    CHECK(eventually([&] { return with_others.answered() >= meanwhile + 50; }));
    nodes[2].process().send(SIGCONT);
    CHECK(nodes.becomes_shared_out({0, 1, 2}));
  }
  const auto answered = with_victim.answered();
  CHECK(eventually([&] { return with_victim.answered() >= answered + 30; }));
  CHECK(with_others.leave() == "");
  CHECK(with_victim.leave() == "");
  auto all = with_others.placements();
  const auto of_victim = with_victim.placements();
  all.insert(all.end(), of_victim.begin(), of_victim.end());
  check_stories(nodes.port(2), all, [&] { return moved_by(nodes.provider()); });
}

TEST_CASE("while their database is away nodes serve no shard, and they share all out again when it is back") {
  three_nodes nodes;
  const auto id = order_of_node(nodes, 1);
  shared_postgres().end(SIGINT);
  for (const std::size_t at : {0, 1, 2}) CHECK(eventually([&] { return nodes.shards_of(at) == 0; }));
  CHECK(text_at(nodes.client(0).get("/actuator/health"), "/components/cluster/status") == "DOWN");
  CHECK(nodes.client(0).get("/actuator/health/readiness").status == 200);
  const auto refused = nodes.client(0).place(order(1));
  CHECK(refused.status == 503);
  CHECK(text_at(refused, "/code") == "unavailable");
  CHECK(nodes.client(0).get(path_of(id)).status == 503);
  CHECK(nodes.client(0).get("/preReservations").status == 200);
  shared_postgres().start();
  CHECK(nodes.becomes_shared_out({0, 1, 2}));
  for (const std::size_t at : {0, 1, 2}) CHECK(nodes.client(at).place(order(1)).status == 201);
  check_known_everywhere(nodes, id, 1, "reservated");
}

// --- Certificates ---

/// What scripts/certs makes, for a node of its first.
class certificates {
 public:
  certificates() {
    const auto command =
        std::string(HOLDFAST_SOURCE_DIR "/scripts/certs ") + folder_.path().string() + " node";
    REQUIRE(std::system((command + " >/dev/null").c_str()) == 0);
  }
  /// The flags of a node; with the authority of others where it is given.
  std::vector<std::string> flags(const certificates* others = nullptr) const {
    return {"--node-certificate", folder_ / "node.pem",
            "--node-key",         folder_ / "node.key",
            "--node-authority",   (others == nullptr ? *this : *others).folder_ / "authority.pem"};
  }

 private:
  temporary_folder folder_;
};

/// How often each key of many is answered with success at this node, and with 503.
struct key_answers {
  int placed = 0;
  int unavailable = 0;
};
key_answers place_keys(served_cluster& nodes, std::size_t at, const std::string& prefix, int keys) {
  key_answers seen;
  for (int i = 0; i < keys; ++i) {
    const auto status = nodes.client(at).place_with_key(order(1), prefix + std::to_string(i)).status;
    if (status == 201) ++seen.placed;
    if (status == 503) ++seen.unavailable;
  }
  return seen;
}

TEST_CASE(
    "over TLS nodes work together, and one whose certificate another authority has signed gets nothing") {
  const certificates good;
  const certificates own;
  served_cluster nodes;
  nodes.start(good.flags());
  nodes.start(good.flags());
  REQUIRE(nodes.becomes_shared_out({0, 1}));
  constexpr int keys = 16;
  for (const std::size_t at : {0, 1}) CHECK(place_keys(nodes, at, "before-", keys).placed == keys);

  // It has the database's password, so it is a member; but nobody hands it a command, nor takes one.
  const auto stranger = nodes.start(own.flags());
  REQUIRE(nodes.becomes_shared_out({0, 1, 2}));
  const auto its = order_of_node(nodes, stranger);
  const auto ours = order_of_node(nodes, 0);
  CHECK(nodes.client(0).del(path_of(its)).status == 503);
  CHECK(nodes.client(stranger).del(path_of(ours)).status == 503);
  CHECK(nodes.client(1).del(path_of(ours)).status == 204);

  CHECK(nodes[stranger].terminate() == 0);
  REQUIRE(nodes.becomes_shared_out({0, 1}));
  // A listener that has met a stranger takes good ones on.
  nodes.start_again(stranger, good.flags());
  REQUIRE(nodes.becomes_shared_out({0, 1, 2}));
  for (const std::size_t at : {0, 1, 2}) CHECK(place_keys(nodes, at, "after-", keys).placed == keys);
}

double asked_again(const served_cluster& nodes, std::size_t at) {
  const exposition figures(nodes.client(at).get("/metrics").body);
  return figures["holdfast_cluster_commands_asked_again_total"];
}

TEST_CASE("over TLS a connection that ends takes no other one along") {
  const certificates good;
  served_cluster nodes;
  for (int i = 0; i < 3; ++i) nodes.start(good.flags());
  REQUIRE(nodes.becomes_shared_out({0, 1, 2}));
  constexpr int keys = 200;
  for (const std::size_t at : {0, 1, 2}) CHECK(place_keys(nodes, at, "before-", keys).placed == keys);
  nodes[2].kill();
  REQUIRE(nodes.becomes_shared_out({0, 1}));
  // Half of these go to the other one; what was asked over a connection that is lost is asked again.
  for (const std::size_t at : {0, 1}) {
    const auto lost = asked_again(nodes, at);
    CHECK(place_keys(nodes, at, "after-" + std::to_string(at), keys).placed == keys);
    CHECK(asked_again(nodes, at) == lost);
  }
}

TEST_CASE("a node that is told to end does, although another one stands still with their connections") {
  const certificates good;
  for (const auto& flags : {std::vector<std::string>{}, good.flags()}) {
    served_cluster nodes(flags);
    for (int i = 0; i < 2; ++i) nodes.start();
    REQUIRE(nodes.becomes_shared_out({0, 1}));
    for (const std::size_t at : {0, 1})
      CHECK(place_keys(nodes, at, "key-" + std::to_string(at), 16).placed == 16);
    nodes[1].process().freeze(false);
    nodes[0].process().send(SIGTERM);
    CHECK(nodes[0].process().wait_for_exit() == 0);
    nodes[1].process().send(SIGCONT);
  }
}

TEST_CASE("a server that is alone does not push in where a cluster runs, and may where none does any more") {
  served_cluster nodes;
  nodes.start();
  const temporary_folder folder;
  const std::vector<std::string> alone{"serve",       "--listen",  "127.0.0.1:0",         "--data",
                                       folder.path(), "--journal", nodes.database().url()};
  process refused(alone);
  CHECK(refused.wait_for_exit() == 1);
  CAPTURE(refused.errors());
  CHECK(refused.errors().find("--node-listen") != std::string::npos);
  CHECK(nodes.client(0).place(order(1)).status == 201);
  CHECK(nodes[0].terminate() == 0);
  serving_process allowed(folder.path(), {"--journal", nodes.database().url()});
  CHECK(http_client(allowed.port()).place(order(1)).status == 201);
}

TEST_CASE("a server that is alone ends where another one has taken over its journal") {
  const postgres_database database;
  const temporary_folder first_folder;
  const temporary_folder second_folder;
  const std::vector<std::string> on_database{"--journal", database.url()};
  serving_process first(first_folder.path(), on_database);
  CHECK(http_client(first.port()).place(order(1)).status == 201);
  serving_process second(second_folder.path(), on_database);
  // Each order goes to another shard, and all are the other one's by now.
  CHECK(http_client(first.port()).place(order(1)).status == 503);
  CHECK(first.process().wait_for_exit() == 1);
  CAPTURE(first.process().errors());
  CHECK(first.process().errors().find("--node-listen") != std::string::npos);
  CHECK(http_client(second.port()).place(order(1)).status == 201);
}

TEST_CASE("certificates that can't work end the start with the flags") {
  const certificates good;
  const certificates own;
  const temporary_folder folder;
  const postgres_database database;
  const auto refused_with = [&](std::vector<std::string> certificates) {
    std::vector<std::string> arguments{"serve",
                                       "--listen",
                                       "127.0.0.1:0",
                                       "--data",
                                       folder.path(),
                                       "--journal",
                                       database.url(),
                                       "--view",
                                       "redis://127.0.0.1:1/0",
                                       "--payment",
                                       "http://127.0.0.1:1",
                                       "--node-listen",
                                       "127.0.0.1:0"};
    arguments.insert(arguments.end(), certificates.begin(), certificates.end());
    process refused(std::move(arguments));
    CHECK(refused.wait_for_exit() == 1);
    CHECK(refused.rest_of_output().empty());
    return refused.errors();
  };
  const auto says = [&](const std::vector<std::string>& certificates, const std::string& part) {
    const auto text = refused_with(certificates);
    CAPTURE(text);
    CHECK(text.find("--node-certificate") != std::string::npos);
    CHECK(text.find(part) != std::string::npos);
  };
  says(own.flags(&good), "the authority does not vouch for the certificate");
  auto absent = good.flags();
  absent[1] = "/nowhere.pem";
  says(absent, "can't read a certificate from /nowhere.pem");
  auto another_key = good.flags();
  another_key[3] = own.flags()[3];
  says(another_key, "can't read the key");
}

}  // namespace
}  // namespace holdfast::testing
