// The contract of a cluster's membership, on every adapter: who gets which shards as nodes come, go and fall
// silent. Nodes are only names here; what they do with their shards is the engine's.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/memory_membership.hpp"
#include "storage/postgres_membership.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/postgres_server.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

using shards = std::set<shard_id>;

/// In memory, with a clock that a test moves.
class memory_rig {
 public:
  membership& store() { return store_; }
  /// Waits until whoever beats no more has lost his lease; `alive` go on meanwhile.
  void outlast_a_lease(const std::function<void()>& alive) {
    for (int i = 0; i < 4; ++i) {
      now_ += store_.lease() / 3;
      alive();
    }
  }

 private:
  memory_membership::time_point now_{};
  memory_membership store_{300ms, [this] { return now_; }};
};

class postgres_rig {
 public:
  postgres_rig() {
    auto opened = postgres_membership::open({.url = database_.url(), .schema = "cluster"}, 2s);
    REQUIRE_MESSAGE(opened, opened.error());
    store_ = std::move(*opened);
  }
  membership& store() { return *store_; }
  void outlast_a_lease(const std::function<void()>& alive) {
    const auto until = std::chrono::steady_clock::now() + store_->lease() + 100ms;
    while (std::chrono::steady_clock::now() < until) alive();
  }

 private:
  postgres_database database_;
  std::unique_ptr<postgres_membership> store_;
};

/// A node that serves whatever it is given.
class node {
 public:
  node(membership& store, std::string name) : store_(store), me_{std::move(name), "127.0.0.1:1", {}} {}

  cluster_state beat() {
    std::promise<membership_result<cluster_state>> promise;
    last_beat_ = {me_, last_beat_.number + 1, {serves_.begin(), serves_.end()}};
    store_.beat(last_beat_, [&](auto state) { promise.set_value(std::move(state)); });
    auto state = promise.get_future().get();
    REQUIRE_MESSAGE(state, state.error());
    serves_.clear();
    for (std::size_t shard = 0; shard < shard_count; ++shard) {
      const auto owner = state->owners[shard];
      if (owner != nobody && state->members.at(owner).name == me_.name)
        serves_.insert(static_cast<shard_id>(shard));
    }
    return std::move(*state);
  }
  /// As beat(), after having stopped to serve what is above its share.
  cluster_state beat_and_hand_over() {
    const auto state = beat();
    while (serves_.size() > state.share) serves_.erase(std::prev(serves_.end()));
    return beat();
  }
  void leave() {
    std::promise<bool> done;
    store_.leave(me_.name, [&](auto left) { done.set_value(left.has_value()); });
    CHECK(done.get_future().get());
    serves_.clear();
  }
  void take_no_shards() { me_.roles = no_roles; }
  void stop_serving(shard_id shard) { serves_.erase(shard); }
  const shards& serves() const { return serves_; }
  const heartbeat& last_beat() const { return last_beat_; }

 private:
  membership& store_;
  cluster_member me_;
  heartbeat last_beat_;
  shards serves_;
};

std::unique_ptr<postgres_membership> opened(const postgres_database& database,
                                            std::chrono::milliseconds lease) {
  auto membership = postgres_membership::open({.url = database.url(), .schema = "cluster"}, lease);
  REQUIRE_MESSAGE(membership, membership.error());
  return std::move(*membership);
}

/// In the schema of the membership.
std::string cluster_sql(const postgres_database& database, const std::string& statements) {
  return run_sql(database.url(), "SET search_path = cluster; " + statements);
}

shards common(const node& a, const node& b) {
  shards both;
  std::set_intersection(a.serves().begin(), a.serves().end(), b.serves().begin(), b.serves().end(),
                        std::inserter(both, both.end()));
  return both;
}

}  // namespace

TEST_CASE_TEMPLATE("shards are shared out evenly, and as few move as have to", rig, memory_rig,
                   postgres_rig) {
  rig world;
  node first(world.store(), "first");
  const auto alone = first.beat();
  CHECK(first.serves().size() == shard_count);
  CHECK(alone.members == std::vector<cluster_member>{{"first", "127.0.0.1:1", {}}});
  node second(world.store(), "second");
  CHECK(second.beat().share == shard_count / 2);
  CHECK_MESSAGE(second.serves().empty(), "what is served is not taken away");
  const auto before = first.serves();
  first.beat_and_hand_over();
  CHECK(first.serves().size() == shard_count / 2);
  CHECK(std::includes(before.begin(), before.end(), first.serves().begin(), first.serves().end()));
  second.beat();
  CHECK(second.serves().size() == shard_count / 2);
  CHECK(common(first, second).empty());
  node third(world.store(), "third");
  third.beat();
  for (auto* one : {&first, &second}) one->beat_and_hand_over();
  third.beat();
  CHECK(first.serves().size() == 86);
  CHECK(second.serves().size() == 85);
  CHECK(third.serves().size() == 85);
}

TEST_CASE_TEMPLATE("many nodes share out evenly too, and then nothing moves any more", rig, memory_rig,
                   postgres_rig) {
  rig world;
  std::deque<node> nodes;
  for (int i = 0; i < 20; ++i) nodes.emplace_back(world.store(), "node " + std::to_string(i));
  const auto go_round = [&] {
    for (auto& one : nodes) one.beat_and_hand_over();
  };
  for (int round = 0; round < 3; ++round) go_round();
  std::vector<shards> served;
  for (const auto& one : nodes) served.push_back(one.serves());
  CHECK(std::count_if(served.begin(), served.end(), [](const auto& of) { return of.size() == 13; }) == 16);
  CHECK(std::count_if(served.begin(), served.end(), [](const auto& of) { return of.size() == 12; }) == 4);
  go_round();
  for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(nodes[i].serves() == served[i]);
}

TEST_CASE_TEMPLATE("who falls silent loses its shards to the others when its lease has run out", rig,
                   memory_rig, postgres_rig) {
  rig world;
  node silent(world.store(), "silent");
  silent.beat();
  node other(world.store(), "other");
  other.beat();
  silent.beat_and_hand_over();
  other.beat();
  REQUIRE(other.serves().size() == shard_count / 2);
  std::size_t members = 2;
  world.outlast_a_lease([&] { members = other.beat().members.size(); });
  CHECK(members == 1);
  CHECK(other.serves().size() == shard_count);
  // It comes again, and finds everything taken.
  const auto state = silent.beat();
  CHECK(silent.serves().empty());
  CHECK(state.share == shard_count / 2);
}

TEST_CASE_TEMPLATE("what a node serves no more is free at once", rig, memory_rig, postgres_rig) {
  rig world;
  node first(world.store(), "first");
  node second(world.store(), "second");
  first.beat();
  second.beat();
  first.stop_serving(7);
  first.stop_serving(9);
  // Above its share it gets nothing back.
  first.beat();
  second.beat();
  CHECK(second.serves() == shards{7, 9});
  CHECK(first.serves().size() == shard_count - 2);
}

TEST_CASE_TEMPLATE("a node that wants no shards is a member without any", rig, memory_rig, postgres_rig) {
  rig world;
  node gateway(world.store(), "gateway");
  gateway.take_no_shards();
  CHECK(gateway.beat().members.size() == 1);
  CHECK(gateway.serves().empty());
  node owner(world.store(), "owner");
  const auto state = owner.beat();
  CHECK(state.share == shard_count);
  CHECK(owner.serves().size() == shard_count);
  CHECK(gateway.beat().owners[0] == 1);
}

TEST_CASE_TEMPLATE("a node that leaves is forgotten, and its shards are free at once", rig, memory_rig,
                   postgres_rig) {
  rig world;
  node first(world.store(), "first");
  node second(world.store(), "second");
  first.beat();
  second.beat();
  first.leave();
  const auto state = second.beat();
  CHECK(state.members.size() == 1);
  CHECK(second.serves().size() == shard_count);
}

TEST_CASE_TEMPLATE("a heartbeat that arrives late has no effect", rig, memory_rig, postgres_rig) {
  rig world;
  const auto arrives = [&](const heartbeat& late) {
    std::promise<bool> done;
    world.store().beat(late, [&](auto state) { done.set_value(state.has_value()); });
    CHECK(done.get_future().get());
  };
  node first(world.store(), "first");
  first.beat();
  const auto early = first.last_beat();
  CHECK(early.serves.empty());
  first.beat();
  arrives(early);
  node second(world.store(), "second");
  second.beat();
  CHECK_MESSAGE(second.serves().empty(), "nothing was given back");
  first.beat_and_hand_over();
  CHECK(first.serves().size() == shard_count / 2);
  first.leave();
  arrives(first.last_beat());
  const auto state = second.beat();
  CHECK(state.members.size() == 1);
  CHECK(second.serves().size() == shard_count);
}

TEST_CASE("a heartbeat writes one row, and those of leases only as shards change hands") {
  const postgres_database database;
  const auto store = opened(database, 60s);
  node first(*store, "first");
  first.beat();
  CHECK(first.serves().size() == shard_count);
  cluster_sql(database,
              "CREATE TABLE written (name text);"
              "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
              "$$ BEGIN INSERT INTO cluster.written VALUES (TG_TABLE_NAME); RETURN NULL; END $$;"
              "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON members "
              "FOR EACH ROW EXECUTE FUNCTION note();"
              "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON leases "
              "FOR EACH ROW EXECUTE FUNCTION note()");
  const auto written = [&](const std::string& table) {
    return cluster_sql(database, "SELECT count(*) FROM written WHERE name = '" + table + "'");
  };
  for (int i = 0; i < 100; ++i) first.beat();
  CHECK(first.serves().size() == shard_count);
  CHECK(written("members") == "100");
  CHECK(written("leases") == "0");
  node second(*store, "second");
  second.beat();
  first.beat_and_hand_over();
  second.beat();
  CHECK(second.serves().size() == shard_count / 2);
  CHECK_MESSAGE(written("leases") == "256", "128 that were given back, and taken");
}

TEST_CASE("leases that ran out are not renewed, though nobody has taken them") {
  const postgres_database database;
  const auto store = opened(database, 60s);
  node first(*store, "first");
  node second(*store, "second");
  first.beat();
  second.beat();
  REQUIRE(first.serves().size() == shard_count);
  // As if its last heartbeat had been a lease ago.
  cluster_sql(database, "UPDATE members SET until = clock_timestamp() WHERE name = 'first'");
  const auto state = first.beat();
  CHECK(state.members.size() == 2);
  CHECK_MESSAGE(first.serves().size() == shard_count / 2, "taken anew, up to its share");
  second.beat();
  CHECK(second.serves().size() == shard_count / 2);
  CHECK(common(first, second).empty());
}

TEST_CASE("leases of a member that was forgotten are nobody's, also when it comes again") {
  const postgres_database database;
  const auto store = opened(database, 60s);
  node first(*store, "first");
  node second(*store, "second");
  second.take_no_shards();
  first.beat();
  cluster_sql(database, "UPDATE members SET until = clock_timestamp() - interval '1 hour'");
  const auto state = second.beat();
  CHECK(cluster_sql(database, "SELECT count(*) FROM members") == "1");
  CHECK(std::count(state.owners.begin(), state.owners.end(), nobody) == shard_count);
  node third(*store, "third");
  third.take_no_shards();
  third.beat();
  first.take_no_shards();
  const auto again = first.beat();
  CHECK(again.members.size() == 3);
  CHECK(std::count(again.owners.begin(), again.owners.end(), nobody) == shard_count);
}

namespace {

/// As version 1 made them, with one member that has all leases but one, which is over.
constexpr auto tables_of_version_1 =
    "CREATE SCHEMA cluster; SET search_path = cluster;"
    "CREATE TABLE cluster (version bigint NOT NULL); INSERT INTO cluster VALUES (1);"
    "CREATE TABLE members (name text PRIMARY KEY, address text NOT NULL, roles bigint NOT NULL, "
    "until timestamptz NOT NULL, last_beat bigint NOT NULL);"
    "CREATE TABLE leases (shard smallint PRIMARY KEY, owner text, until timestamptz) WITH (fillfactor = 10);"
    "INSERT INTO members VALUES ('old', '127.0.0.1:1', 7, clock_timestamp() + interval '1 hour', 3);"
    "INSERT INTO leases SELECT shard, 'old', clock_timestamp() + interval '1 hour' "
    "FROM generate_series(0, 255) AS every(shard);"
    "UPDATE leases SET until = clock_timestamp() WHERE shard = 9";

}  // namespace

TEST_CASE("leases of version 1 last as long as their owner is a member, and its program gets no more") {
  const postgres_database database;
  run_sql(database.url(), tables_of_version_1);
  const auto store = opened(database, 60s);
  CHECK(cluster_sql(database, "SELECT version FROM cluster") == "2");
  node fresh(*store, "fresh");
  CHECK(fresh.beat().members.size() == 2);
  CHECK(fresh.serves() == shards{9});
  const auto renew = "UPDATE leases SET until = clock_timestamp() WHERE owner = 'old'";
  CHECK_THROWS(cluster_sql(database, renew));
  cluster_sql(database, "UPDATE members SET until = clock_timestamp() WHERE name = 'old'");
  fresh.beat();
  CHECK(fresh.serves().size() == shard_count);
  CHECK_MESSAGE(opened(database, 60s), "once is enough");
}

TEST_CASE("a membership of a newer version is refused, and left as it is") {
  const postgres_database database;
  run_sql(database.url(), tables_of_version_1);
  cluster_sql(database, "UPDATE cluster SET version = 99");
  const auto refused = postgres_membership::open({.url = database.url(), .schema = "cluster"}, 60s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("version 99") != std::string::npos);
  CHECK(cluster_sql(database, "SELECT count(until) FROM leases") == "256");
}

TEST_CASE("nodes that beat at the same time never share out a shard twice, and all get their share") {
  const postgres_database database;
  constexpr int nodes = 4;
  std::vector<std::unique_ptr<postgres_membership>> stores;
  std::vector<std::unique_ptr<node>> all;
  for (int i = 0; i < nodes; ++i) {
    stores.push_back(opened(database, 20s));
    all.push_back(std::make_unique<node>(*stores.back(), "node-" + std::to_string(i)));
  }
  for (int round = 0; round < 4; ++round) {
    std::vector<std::future<void>> beats;
    for (auto& one : all) beats.push_back(std::async(std::launch::async, [&] { one->beat_and_hand_over(); }));
    for (auto& one : beats) one.get();
  }
  shards owned;
  for (const auto& one : all) {
    CHECK(one->serves().size() == shard_count / nodes);
    owned.insert(one->serves().begin(), one->serves().end());
  }
  CHECK(owned.size() == shard_count);
}

TEST_CASE("a membership whose server is away fails in time to stop before its lease ends, and recovers") {
  const postgres_database database;
  const auto store = opened(database, 2s);
  node one(*store, "one");
  one.beat();
  shared_postgres().end(SIGINT);
  std::promise<bool> answered;
  const auto asked_at = std::chrono::steady_clock::now();
  store->beat({{"one", "", {}}, 100, {}}, [&](auto state) { answered.set_value(state.has_value()); });
  CHECK_FALSE(answered.get_future().get());
  CHECK((std::chrono::steady_clock::now() - asked_at < 2s));
  shared_postgres().start();
  CHECK(one.beat().members.size() == 1);
}
