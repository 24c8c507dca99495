// Several engines as one cluster, on virtual time: who serves what as nodes come, go, fall silent and are cut
// off, and what becomes of commands meanwhile.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/forwarder.hpp"
#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_cluster.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using actors::cancellation_status;
using actors::placement_status;
using domain::payment_status;
using domain::placement_outcome;
using domain::receipt_status;
using domain::reservation_status;
using testing::a_placement;
using testing::shard_keys;
using testing::virtual_cluster;

namespace {

using shards = std::set<storage::shard_id>;

shards all_shards() {
  shards all;
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) all.insert(shard);
  return all;
}

storage::idempotency_claim claim_for(storage::shard_id shard) {
  return {shard_keys(shard).next(), 42};
}

std::size_t served_by(const std::vector<virtual_cluster::node*>& nodes) {
  shards served;
  for (const auto* one : nodes) served.merge(one->serves());
  return served.size();
}

/// Three nodes that share the shards evenly.
struct three_nodes {
  virtual_cluster cluster;
  virtual_cluster::node& a;
  virtual_cluster::node& b;
  virtual_cluster::node& c;

  explicit three_nodes(actors::engine_options options = {})
      : cluster(options), a(cluster.start("a")), b(cluster.start("b")), c(cluster.start("c")) {
    cluster.advance(3s);
    REQUIRE(served_by({&a, &b, &c}) == storage::shard_count);
    REQUIRE(c.serves().size() > 80);
  }
  ~three_nodes() {
    for (const auto* one : {&a, &b, &c}) CHECK(one->fatal.empty());
  }
};

/// Of a reservation of b's; the provider keeps it.
payments::charge_request charge_without_answer(three_nodes& with) {
  with.cluster.provider.answers_charges = false;
  with.b.place(a_placement(claim_for(*with.b.serves().begin())));
  with.cluster.run();
  REQUIRE(with.cluster.provider.charges.size() == 1);
  return with.cluster.provider.charges[0];
}

bool placed_and_paid(const std::shared_ptr<std::optional<actors::placement_answer>>& answer) {
  REQUIRE(*answer);
  return (*answer)->status == placement_status::decided &&
         domain::outcome_of(storage::fold_reservation((*answer)->records).value()) == placement_outcome::paid;
}

/// Whether each shard's receipts are numbered 1, 2, 3.
bool receipts_are_gapless(virtual_cluster& cluster, const std::vector<domain::reservation_id>& ids) {
  std::map<storage::shard_id, std::set<std::string>> numbers;
  for (const auto id : ids) {
    const auto state = cluster.stored(id);
    if (!state.receipt_no.empty()) CHECK(numbers[storage::shard_of(id)].insert(state.receipt_no).second);
  }
  for (const auto& [shard, seen] : numbers) {
    for (std::size_t n = 1; n <= seen.size(); ++n) {
      if (!seen.contains(std::to_string(shard) + "-" + std::to_string(n))) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("nodes share the shards evenly as they come, and no shard has two owners at any moment") {
  virtual_cluster cluster;
  std::vector<virtual_cluster::node*> nodes;
  cluster.after_step = [&] {
    std::size_t served = 0;
    for (const auto* one : nodes) served += one->serves().size();
    REQUIRE(served <= storage::shard_count);
  };
  nodes.push_back(&cluster.start("a"));
  CHECK(nodes[0]->serving());
  CHECK(nodes[0]->serves() == all_shards());
  for (const auto* name : {"b", "c"}) {
    const auto before = nodes[0]->serves();
    nodes.push_back(&cluster.start(name));
    CHECK(nodes.back()->serving());
    cluster.advance(2s);
    CHECK(served_by(nodes) == storage::shard_count);
    const auto least = storage::shard_count / nodes.size();
    std::size_t moved = storage::shard_count;
    for (const auto* one : nodes) {
      CHECK(one->serves().size() >= least);
      CHECK(one->serves().size() <= least + 1);
      if (one != nodes.back()) moved -= one->serves().size();
    }
    // No more than what the new one has.
    CHECK(moved == nodes.back()->serves().size());
    const auto now = nodes[0]->serves();
    CHECK(std::includes(before.begin(), before.end(), now.begin(), now.end()));
  }
  CHECK(nodes[0]->figures().members == 3);
  // The first to have them, and the second one of what it has got of the first's.
  CHECK(nodes[0]->figures().newest_epoch == 1);
  CHECK(nodes[1]->figures().newest_epoch == 2);
  CHECK(nodes[0]->figures().shards_owned == nodes[0]->serves().size());
}

TEST_CASE("any node takes any command, and a key means the same at all of them") {
  three_nodes with;
  for (auto* at : {&with.a, &with.b, &with.c}) {
    for (const storage::shard_id shard : {0, 100, 200, 255}) {
      CAPTURE(at->name);
      CAPTURE(shard);
      const auto key = claim_for(static_cast<storage::shard_id>(shard));
      const auto answer = at->place(a_placement(key));
      with.cluster.run();
      REQUIRE(*answer);
      REQUIRE((*answer)->status == placement_status::decided);
      // The first of the three is the one that places.
      CHECK((*answer)->replayed == (at != &with.a));
      CHECK(storage::shard_of((*answer)->id) == shard);
      const auto other = at->place(a_placement(storage::idempotency_claim{key.key, 43}));
      with.cluster.run();
      REQUIRE(*other);
      CHECK((*other)->status == placement_status::key_reused);
    }
  }
  for (const storage::shard_id shard : {0, 100, 200, 255}) {
    const auto id = storage::id_of(shard, 1);
    for (auto* at : {&with.c, &with.b, &with.a}) {
      const auto refused = at->cancel(id, a_placement().what.user_id + 1);
      with.cluster.run();
      REQUIRE(*refused);
      CHECK((*refused)->status == cancellation_status::unknown_reservation);
    }
    CHECK(with.cluster.stored(id).status == domain::reservation_status::reservated);
    for (auto* at : {&with.c, &with.b, &with.a}) {
      const auto cancelled = at->cancel(id);
      with.cluster.advance(100ms);
      REQUIRE(*cancelled);
      CHECK((*cancelled)->status == cancellation_status::done);
    }
    CHECK(with.cluster.stored(id).status == domain::reservation_status::reservation_cancelled);
    const auto unknown = with.a.cancel(storage::id_of(shard, 1000));
    with.cluster.run();
    REQUIRE(*unknown);
    CHECK((*unknown)->status == cancellation_status::unknown_reservation);
  }
  CHECK(with.cluster.provider.charges.size() == 4);
  CHECK(with.cluster.provider.refunds.size() == 4);
}

TEST_CASE("a node without shards hands placements on, under a key of its own that nobody sees") {
  three_nodes with;
  auto& front = with.cluster.start("front", storage::no_roles);
  CHECK(front.serving());
  with.cluster.advance(1s);
  CHECK(front.serves().empty());
  std::set<domain::reservation_id> ids;
  for (int i = 0; i < 20; ++i) {
    const auto answer = front.place(a_placement());
    with.cluster.advance(100ms);
    CHECK(placed_and_paid(answer));
    CHECK_FALSE((*answer)->replayed);
    ids.insert((*answer)->id);
  }
  CHECK(ids.size() == 20);
  CHECK(front.figures().commands_forwarded == 20);
}

TEST_CASE(
    "whenever a node dies, others serve its shards within a lease and two seconds, and finish its sagas") {
  three_nodes with;
  auto& cluster = with.cluster;
  // Some are paid and wait for their answer, some for their charge, when it dies.
  std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> told;
  std::vector<domain::reservation_id> ids;
  for (const auto shard : with.b.serves()) ids.push_back(storage::id_of(shard, 1));
  for (const auto& id : ids) told.push_back(with.b.place(a_placement(claim_for(storage::shard_of(id)))));
  for (std::size_t turn = 0; turn < 6 * ids.size(); ++turn) cluster.step();
  cluster.kill(with.b);
  const auto took = cluster.advance_until(
      [&] {
        return served_by({&with.a, &with.c}) == storage::shard_count;
      },
      20s);
  CHECK(took <= virtual_cluster::lease + 2s);
  cluster.advance(10s);
  for (const auto id : ids) {
    CAPTURE(id);
    std::vector<storage::entity_id> unfinished;
    cluster.read([&] {
      cluster.reservations.list_unfinished(storage::shard_of(id), 0, 10,
                                           [&](auto result) { unfinished = result.value(); });
    });
    CHECK(unfinished.empty());
  }
  // The same key at another node: the truth, once.
  std::size_t charged = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto again = with.a.place(a_placement(claim_for(storage::shard_of(ids[i]))));
    cluster.advance(50ms);
    REQUIRE(*again);
    REQUIRE((*again)->status == placement_status::decided);
    const auto state = cluster.stored((*again)->id);
    const bool paid = state.payment == payment_status::paid;
    CHECK(cluster.provider.captured[(*again)->id] == (paid ? 1 : 0));
    charged += paid ? 1 : 0;
    // Not one that was cancelled without its customer's knowledge, when it was told that it is paid.
    if (*told[i] && (*told[i])->status == placement_status::decided) CHECK(paid);
  }
  CHECK(charged > 0);
}

TEST_CASE("a node that can't renew stops before its leases end, and nobody else serves until they have") {
  three_nodes with;
  auto& cluster = with.cluster;
  cluster.after_step = [&] {
    const auto served = with.a.serves().size() + with.b.serves().size() + with.c.serves().size();
    REQUIRE(served <= storage::shard_count);
  };
  const auto shard = *with.b.serves().begin();
  cluster.silence({"b"});
  SUBCASE("it is told so") {}
  SUBCASE("it is told nothing") {
    cluster.membership.hold_answers_to("b");
  }
  const auto stopped = cluster.advance_until([&] { return with.b.serves().empty(); }, 10s);
  CHECK(stopped < virtual_cluster::lease);
  CHECK_FALSE(with.b.figures().in_touch);
  const auto taken = stopped + cluster.advance_until(
                                   [&] {
                                     return served_by({&with.a, &with.c}) == storage::shard_count;
                                   },
                                   10s);
  CHECK(taken >= virtual_cluster::lease - 200ms);
  CHECK(taken <= virtual_cluster::lease + 2s);
  const auto answer = with.a.place(a_placement(claim_for(shard)));
  cluster.advance(200ms);
  CHECK(placed_and_paid(answer));
  // It knows of no owner meanwhile, and says so.
  const auto refused = with.b.place(a_placement(claim_for(shard)));
  CHECK(cluster.advance_until([&] { return refused->has_value(); }, 10s) <=
        actors::longest_search_for_owner + 100ms);
  REQUIRE(*refused);
  CHECK((*refused)->status == placement_status::unavailable);
  // Heard again, it gets its share.
  cluster.silence({});
  cluster.membership.release_answers();
  cluster.advance(3s);
  CHECK(with.b.serves().size() > 80);
}

TEST_CASE("where the membership is away for all, nobody serves, and everything goes on when it is back") {
  three_nodes with;
  auto& cluster = with.cluster;
  cluster.silence({"a", "b", "c"});
  cluster.advance(6s);
  CHECK(served_by({&with.a, &with.b, &with.c}) == 0);
  const auto refused = with.a.place(a_placement());
  const auto also = with.b.cancel(1);
  const auto took = cluster.advance_until([&] { return refused->has_value() && also->has_value(); }, 10s);
  CHECK(took <= actors::longest_search_for_owner + 100ms);
  REQUIRE(*refused);
  CHECK((*refused)->status == placement_status::unavailable);
  REQUIRE(*also);
  CHECK((*also)->status == cancellation_status::unavailable);
  cluster.silence({});
  cluster.advance(3s);
  CHECK(served_by({&with.a, &with.b, &with.c}) == storage::shard_count);
  const auto answer = with.a.place(a_placement());
  cluster.advance(100ms);
  CHECK(placed_and_paid(answer));
}

TEST_CASE("a node that ends hands its shards over at once, who waits there is answered, and nobody fails") {
  three_nodes with;
  auto& cluster = with.cluster;
  std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> told;
  const auto shard = *with.b.serves().begin();
  told.push_back(with.b.place(a_placement(claim_for(shard))));
  told.push_back(with.a.place(a_placement(claim_for(*with.b.serves().rbegin()))));
  cluster.step();
  const auto done = with.b.hand_over();
  const auto took = cluster.advance_until([&] { return done->wait_for(0ms); }, 5s);
  CHECK(with.b.serves().empty());
  const auto all = took + cluster.advance_until(
                              [&] {
                                return served_by({&with.a, &with.c}) == storage::shard_count;
                              },
                              5s);
  CHECK(all <= 500ms);
  // It still takes commands, for others.
  for (int i = 0; i < 10; ++i) told.push_back(with.b.place(a_placement()));
  told.push_back(with.b.place(a_placement(storage::idempotency_claim{"another", 1})));
  cluster.advance(500ms);
  for (const auto& answer : told) CHECK(placed_and_paid(answer));
  with.b.end();
  cluster.run();
  cluster.advance(1s);
  CHECK(with.a.figures().members == 2);
}

TEST_CASE("a hand-over does not wait for a slow provider: its customer hears that it goes on, and it does") {
  three_nodes with;
  auto& cluster = with.cluster;
  const auto shard = *with.b.serves().begin();
  std::vector<testing::job> late;
  cluster.provider.on_charge = [&](const auto& request) {
    // Charged, and never answered.
    cluster.provider.capture(request);
    return payments::charge_answer{payments::charge_status::unknown, {}, {}};
  };
  bool settles = false;
  const auto honest = cluster.provider.on_settle;
  cluster.provider.on_settle = [&](domain::reservation_id id) {
    return settles ? honest(id) : payments::settle_answer{payments::settle_status::unknown, {}, {}};
  };
  const auto told = with.a.place(a_placement(claim_for(shard)));
  cluster.advance(100ms);
  CHECK_FALSE(*told);
  with.b.hand_over();
  const auto took = cluster.advance_until([&] { return told->has_value(); }, 5s);
  CHECK(took <= 400ms);
  REQUIRE(*told);
  CHECK((*told)->status == placement_status::in_progress);
  settles = true;
  cluster.advance(30s);
  const auto state = cluster.stored((*told)->id);
  CHECK(state.status == reservation_status::reservated);
  CHECK(state.payment == payment_status::paid);
  CHECK(cluster.provider.captured[(*told)->id] == 1);
}

TEST_CASE("a charge learns for good when its reservation may be another's, and only then") {
  three_nodes with;
  auto& cluster = with.cluster;
  const auto charge = charge_without_answer(with);
  CHECK_FALSE(charge.lost());

  SUBCASE("its node can't renew the leases") {
    cluster.silence({"b"});
    const auto passed = cluster.advance_until([&] { return charge.lost(); }, 10s);
    CHECK(passed < virtual_cluster::lease);
    CHECK(passed > virtual_cluster::lease / 2);
    cluster.silence({});
    cluster.advance(10s);
    CHECK(with.b.figures().in_touch);
  }
  SUBCASE("its shard is handed over, which waits for it a while") {
    const auto done = with.b.hand_over();
    cluster.advance(cluster.options.node.hand_over_wait / 2);
    CHECK_FALSE(charge.lost());
    CHECK(cluster.advance_until([&] { return done->wait_for(0ms); }, 5s) < 5s);
  }
  SUBCASE("it has been answered") {
    cluster.jobs.push_back(cluster.provider.unanswered.front());
    cluster.run();
  }
  CHECK(charge.lost());
}

TEST_CASE("what a lapse has ended stays ended, where a hand-over would have waited longer than a lease") {
  actors::engine_options patient;
  patient.payment_wait = patient.node.hand_over_wait = 3 * virtual_cluster::lease;
  three_nodes with(patient);
  auto& cluster = with.cluster;
  const auto charge = charge_without_answer(with);
  const auto done = with.b.hand_over();
  cluster.advance(virtual_cluster::lease);
  CHECK_FALSE(charge.lost());
  CHECK_FALSE(done->wait_for(0ms));
  cluster.silence({"b"});
  cluster.advance_until([&] { return charge.lost(); }, 10s);
  cluster.after_step = [&] { REQUIRE(charge.lost()); };
  cluster.silence({});
  CHECK(cluster.advance_until([&] { return done->wait_for(0ms); }, 2s) < 2s);
  cluster.after_step = nullptr;
}

TEST_CASE("the journal refuses an owner that another has followed, and who has the lease claims anew") {
  three_nodes with;
  auto& cluster = with.cluster;
  const auto shard = *with.b.serves().begin();
  // As a node would that was asleep in the middle of its claim.
  cluster.read([&] { cluster.reservations.claim({shard}, [](const auto&) {}); });
  const auto refused = with.b.place(a_placement(claim_for(shard)));
  cluster.advance(2s);
  REQUIRE(*refused);
  CHECK((*refused)->status == placement_status::unavailable);
  CHECK(cluster.provider.charges.empty());
  CHECK(with.b.serves().contains(shard));
  const auto again = with.b.place(a_placement(claim_for(shard)));
  cluster.advance(100ms);
  CHECK(placed_and_paid(again));
  CHECK((*again)->id == storage::id_of(shard, 1));
}

TEST_CASE("an owner that can't be reached is told in bounded time, and asked no more than once") {
  three_nodes with;
  auto& cluster = with.cluster;
  const auto shard = *with.b.serves().begin();
  const auto first = with.a.place(a_placement(claim_for(shard)));
  cluster.run();
  CHECK(placed_and_paid(first));
  cluster.network.cut_both_ways("a", "b");
  const auto id = (*first)->id;
  const auto cancelled = with.a.cancel(id);
  const auto took = cluster.advance_until([&] { return cancelled->has_value(); }, 20s);
  CHECK(took <= cluster.options.cancel_wait + actors::longest_way + 100ms);
  REQUIRE(*cancelled);
  CHECK((*cancelled)->status == cancellation_status::unavailable);
  cluster.network.mend();
  const auto again = with.a.cancel(id);
  cluster.advance(100ms);
  REQUIRE(*again);
  CHECK((*again)->status == cancellation_status::done);
}

TEST_CASE("commands that were asked of a node that dies are asked again of its shards' next owner") {
  three_nodes with;
  auto& cluster = with.cluster;
  const auto shard = *with.b.serves().begin();
  const auto first = with.a.place(a_placement(claim_for(shard)));
  cluster.run();
  REQUIRE(placed_and_paid(first));
  // The answer is lost with the node, what it did is not.
  cluster.network.cut("b", "a");
  const auto cancelled = with.a.cancel((*first)->id);
  const auto placed = with.a.place(a_placement(storage::idempotency_claim{shard_keys(shard, "k").next(), 1}));
  cluster.run();
  CHECK_FALSE(*cancelled);
  with.b.end();
  cluster.network.gates.erase("b");
  cluster.advance(1s);
  REQUIRE(*cancelled);
  CHECK((*cancelled)->status == cancellation_status::done);
  CHECK(cluster.stored((*first)->id).status == reservation_status::reservation_cancelled);
  CHECK(cluster.provider.refunds.size() == 1);
  CHECK(placed_and_paid(placed));
  CHECK(with.a.figures().commands_asked_again == 2);
}

TEST_CASE("a placement without a key is charged once, although its answer was lost and its node has ended") {
  three_nodes with;
  auto& cluster = with.cluster;
  auto& front = cluster.start("front", storage::no_roles);
  cluster.advance(500ms);
  for (const auto* one : {"a", "b", "c"}) cluster.network.cut(one, "front");
  const auto answer = front.place(a_placement());
  cluster.run();
  CHECK_FALSE(*answer);
  REQUIRE(cluster.provider.charges.size() == 1);
  const auto id = cluster.provider.charges.front().reservation;
  for (auto* one : {&with.a, &with.b, &with.c}) {
    if (!one->serves().contains(storage::shard_of(id))) continue;
    one->end();
    cluster.network.gates.erase(one->name);
    break;
  }
  cluster.network.mend();
  cluster.advance(1s);
  CHECK(placed_and_paid(answer));
  CHECK((*answer)->id == id);
  CHECK_FALSE((*answer)->replayed);
  CHECK(cluster.provider.charges.size() == 1);
}

TEST_CASE("a placement that is asked again and meets itself under its key waits for what becomes of it") {
  three_nodes with;
  auto& cluster = with.cluster;
  auto& front = cluster.start("front", storage::no_roles);
  cluster.advance(500ms);
  const auto told = cluster.provider.on_settle;
  cluster.provider.on_charge = [&](const auto& request) -> payments::charge_answer {
    cluster.provider.capture(request);
    return {payments::charge_status::unknown, {}, {}};
  };
  cluster.provider.on_settle = [](auto) -> payments::settle_answer {
    return {payments::settle_status::unknown, {}, {}};
  };
  const auto answer = front.place(a_placement());
  cluster.run();
  REQUIRE(cluster.provider.charges.size() == 1);
  cluster.network.end_connections();
  cluster.advance(500ms);
  CHECK_FALSE(*answer);
  cluster.provider.on_settle = told;
  cluster.advance(2s);
  CHECK(placed_and_paid(answer));
  CHECK_FALSE((*answer)->replayed);
  CHECK(cluster.provider.charges.size() == 1);
}

TEST_CASE(
    "a claim that comes back when its leases have run out does not count, not even for who has them again") {
  three_nodes with;
  auto& cluster = with.cluster;
  cluster.hold(cluster.reservations);
  cluster.kill(with.a);
  cluster.advance(6s);
  // Both have claimed the shards of the dead one, and lose touch before they hear of it.
  cluster.silence({"b", "c"});
  cluster.advance(6s);
  CHECK(with.b.serves().empty());
  cluster.silence({});
  cluster.advance(1s);
  cluster.release_journal();
  cluster.advance(1s);
  CHECK(served_by({&with.b, &with.c}) == storage::shard_count);
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    const auto answer = with.b.place(a_placement(claim_for(shard)));
    cluster.run();
    CHECK(placed_and_paid(answer));
  }
}

TEST_CASE("receipts stay gapless while books go from node to node") {
  three_nodes with;
  auto& cluster = with.cluster;
  std::vector<domain::reservation_id> ids;
  const std::vector<storage::shard_id> some{0, 50, 100, 150, 200, 250};
  const auto place_some = [&](const std::string& round, virtual_cluster::node& at) {
    std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> told;
    for (const auto shard : some) {
      shard_keys keys(shard, round + "-");
      for (int i = 0; i < 3; ++i) {
        told.push_back(at.place(a_placement(storage::idempotency_claim{keys.next(), 1})));
      }
    }
    cluster.advance(1s);
    for (const auto& answer : told) {
      CHECK(placed_and_paid(answer));
      ids.push_back((*answer)->id);
    }
  };
  place_some("first", with.a);
  // The shards of b go to others, and some come back to one that had them.
  with.b.hand_over();
  cluster.advance(1s);
  place_some("second", with.a);
  const auto cancelled = with.c.cancel(ids.front());
  cluster.advance(500ms);
  REQUIRE(*cancelled);
  CHECK((*cancelled)->status == cancellation_status::done);
  auto& d = cluster.start("d");
  cluster.advance(2s);
  place_some("third", d);
  cluster.kill(with.a);
  cluster.advance(8s);
  place_some("fourth", with.c);
  cluster.advance(20s);
  for (const auto id : ids) {
    const auto state = cluster.stored(id);
    CHECK(state.receipt ==
          (id == ids.front() ? receipt_status::receipt_cancelled : receipt_status::receipt_issued));
  }
  CHECK(receipts_are_gapless(cluster, ids));
}

TEST_CASE("a view that was emptied is shown again when the shards of all nodes are in it") {
  three_nodes with;
  auto& cluster = with.cluster;
  std::vector<domain::reservation_id> ids;
  for (int i = 0; i < 60; ++i) {
    auto* at = i % 3 == 0 ? &with.a : i % 3 == 1 ? &with.b : &with.c;
    const auto answer = at->place(a_placement());
    cluster.run();
    ids.push_back((*answer)->id);
  }
  cluster.advance(1s);
  CHECK(cluster.view.published);
  CHECK(cluster.view.rows.size() == ids.size());
  cluster.view.flush();
  cluster.after_step = [&] {
    if (cluster.view.published) REQUIRE(cluster.view.rows.size() == ids.size());
  };
  cluster.advance(2s);
  CHECK(cluster.view.published);
  // Also where the owner of some is gone.
  cluster.kill(with.c);
  cluster.view.flush();
  cluster.advance(3s);
  CHECK(cluster.view.published);
  cluster.after_step = nullptr;
  for (const auto id : ids) CHECK(cluster.view.rows[id].version == cluster.stored(id).version);
}

// --- Roles ---

namespace {

constexpr storage::member_roles only_reservations{true, false, false};
constexpr storage::member_roles only_receipts{false, true, false};
constexpr storage::member_roles only_rows{false, false, true};

/// Placed at the node and paid, one in each of some shards.
std::vector<domain::reservation_id> place_some(virtual_cluster& cluster, virtual_cluster::node& at,
                                               const std::string& round) {
  std::vector<domain::reservation_id> ids;
  for (int i = 0; i < 40; ++i) {
    const auto answer = at.place(a_placement(storage::idempotency_claim{round + std::to_string(i), 1}));
    cluster.run();
    CHECK(placed_and_paid(answer));
    ids.push_back((*answer)->id);
  }
  return ids;
}

bool all_have_receipts(virtual_cluster& cluster, const std::vector<domain::reservation_id>& ids) {
  return std::all_of(ids.begin(), ids.end(),
                     [&](auto id) { return cluster.stored(id).receipt == receipt_status::receipt_issued; });
}

bool all_have_rows(virtual_cluster& cluster, const std::vector<domain::reservation_id>& ids) {
  return std::all_of(ids.begin(), ids.end(),
                     [&](auto id) { return cluster.view.rows[id].version == cluster.stored(id).version; });
}

}  // namespace

TEST_CASE(
    "with the only receipt node down reserving and paying go on, and its follower issues every receipt") {
  virtual_cluster cluster;
  auto& a = cluster.start("a", only_reservations);
  auto& b = cluster.start("b", only_reservations);
  auto& desk = cluster.start("desk", only_receipts);
  cluster.start("rows", only_rows);
  cluster.advance(2s);
  CHECK(desk.serves().empty());
  auto ids = place_some(cluster, a, "before");
  cluster.advance(1s);
  CHECK(all_have_receipts(cluster, ids));
  cluster.kill(desk);
  const auto paid_from = cluster.now();
  auto more = place_some(cluster, b, "meanwhile");
  const auto paid_until = cluster.now();
  cluster.advance(30s);
  for (const auto id : more) {
    const auto state = cluster.stored(id);
    CHECK(state.payment == payment_status::paid);
    CHECK(state.receipt == receipt_status::receipt_pending);
  }
  // Its receipt can't be voided yet, and is not forgotten.
  const auto cancelled = a.cancel(ids.back());
  cluster.advance(3s);
  REQUIRE(*cancelled);
  CHECK((*cancelled)->status == cancellation_status::in_progress);
  cluster.start("another desk", only_receipts);
  cluster.advance(40s);
  CHECK(all_have_receipts(cluster, more));
  for (const auto id : more) {
    const auto due = cluster.stored(id).expected_delivery_at.value().at - std::chrono::days(21);
    CHECK(due >= paid_from);
    CHECK(due <= paid_until);
  }
  CHECK(cluster.stored(ids.back()).status == reservation_status::reservation_cancelled);
  ids.insert(ids.end(), more.begin(), more.end());
  CHECK(receipts_are_gapless(cluster, ids));
  CHECK(a.fatal.empty());
  CHECK(b.fatal.empty());
}

TEST_CASE("what the membership says when the leases are over is not obeyed") {
  virtual_cluster cluster;
  cluster.membership.hold_answers_to("a");
  auto& a = cluster.start("a");
  cluster.advance(2s);
  auto& b = cluster.start("b");
  cluster.advance(2 * virtual_cluster::lease);
  REQUIRE(b.serves().size() == storage::shard_count);
  // It says that all shards are a's.
  cluster.membership.release_answers();
  cluster.run();
  CHECK(a.serves().empty());
  const auto placed = b.place(a_placement());
  cluster.run();
  CHECK(placed_and_paid(placed));
  cluster.advance(5s);
  CHECK(a.serves().size() == storage::shard_count / 2);
  CHECK(a.fatal.empty());
  CHECK(b.fatal.empty());
}

TEST_CASE("books that go to another node in the middle of a receipt leave those that stay alone") {
  virtual_cluster cluster;
  auto& a = cluster.start("a");
  cluster.advance(1s);
  cluster.hold(cluster.receipts);
  auto ids = place_some(cluster, a, "first");
  auto& b = cluster.start("b");
  cluster.advance_until([&] { return a.serves().size() == storage::shard_count / 2; }, 3s);
  cluster.release_journal();
  cluster.run();
  // No time goes by, as it would if the clerk went down with the books.
  const auto placed = a.place(a_placement());
  cluster.run();
  REQUIRE(placed_and_paid(placed));
  CHECK(cluster.stored((*placed)->id).receipt == receipt_status::receipt_issued);
  ids.push_back((*placed)->id);
  cluster.advance(10s);
  CHECK(all_have_receipts(cluster, ids));
  CHECK(receipts_are_gapless(cluster, ids));
  CHECK(a.fatal.empty());
  CHECK(b.fatal.empty());
}

TEST_CASE("receipt nodes share the books, and follow each other") {
  virtual_cluster cluster;
  auto& a = cluster.start("a", only_reservations);
  auto& one = cluster.start("one desk", only_receipts);
  auto& other = cluster.start("other desk", only_receipts);
  cluster.advance(2s);
  auto ids = place_some(cluster, a, "first");
  cluster.advance(2s);
  CHECK(all_have_receipts(cluster, ids));
  cluster.kill(one);
  const auto more = place_some(cluster, a, "second");
  ids.insert(ids.end(), more.begin(), more.end());
  cluster.advance(40s);
  CHECK(all_have_receipts(cluster, ids));
  // One that was cut off for long comes back to books that have gone on.
  cluster.silence({"other desk"});
  cluster.start("third desk", only_receipts);
  cluster.advance(10s);
  const auto third = place_some(cluster, a, "third");
  ids.insert(ids.end(), third.begin(), third.end());
  cluster.silence({});
  cluster.advance(40s);
  const auto fourth = place_some(cluster, a, "fourth");
  ids.insert(ids.end(), fourth.begin(), fourth.end());
  cluster.advance(40s);
  CHECK(all_have_receipts(cluster, ids));
  CHECK(receipts_are_gapless(cluster, ids));
  CHECK(a.fatal.empty());
  CHECK(other.fatal.empty());
}

TEST_CASE("rows that no owner keeps are kept by the nodes for that, which follow each other") {
  virtual_cluster cluster;
  auto& a = cluster.start("a", {true, true, false});
  auto& rows = cluster.start("rows", only_rows);
  cluster.advance(2s);
  CHECK(cluster.view.published);
  auto ids = place_some(cluster, a, "first");
  cluster.advance(1s);
  CHECK(all_have_rows(cluster, ids));
  CHECK(rows.progress.lag() == 0);
  cluster.kill(rows);
  const auto more = place_some(cluster, a, "second");
  ids.insert(ids.end(), more.begin(), more.end());
  cluster.advance(1s);
  CHECK_FALSE(all_have_rows(cluster, ids));
  cluster.start("more rows", only_rows);
  cluster.start("even more rows", only_rows);
  cluster.advance(8s);
  CHECK(all_have_rows(cluster, ids));
  cluster.view.flush();
  cluster.advance(2s);
  CHECK(cluster.view.published);
  CHECK(all_have_rows(cluster, ids));
  CHECK(a.fatal.empty());
}
