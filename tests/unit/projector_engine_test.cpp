// The projector under load and while shards change hands, on virtual time: a view that was lost is shown
// again while customers go on, and its checkpoints never pass over a record that it lacks.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_cluster.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using testing::a_placement;
using testing::shard_keys;
using testing::virtual_cluster;
using testing::virtual_engine;

namespace {

/// Which shards go to a second node when it comes.
std::vector<storage::shard_id> shards_of_a_second_node() {
  virtual_cluster cluster;
  cluster.start("a");
  cluster.advance(3s);
  const auto& b = cluster.start("b");
  cluster.advance(3s);
  const auto all = b.serves();
  return {all.begin(), all.end()};
}

/// What the view was asked is answered; what it is asked next stays open.
template <class Engine>
void let_view_answer_once(Engine& engine) {
  engine.view.resume();
  engine.view.pause();
  engine.run();
}

/// For each answer of the view another order has been placed, all in one shard; how many were, until it is
/// shown.
std::size_t orders_until_shown(virtual_engine& engine, std::size_t at_most) {
  shard_keys keys(7);
  engine.view.pause();
  std::size_t placed = 0;
  for (; !engine.view.published && placed < at_most; ++placed) {
    engine.place(a_placement({{keys.next(), 1}}));
    engine.advance_clock_only(5ms);
    engine.run();
    let_view_answer_once(engine);
  }
  engine.view.resume();
  return placed;
}

bool shows_all(virtual_engine& engine, std::size_t count) {
  if (!engine.view.published || engine.view.rows.size() != count) return false;
  for (const auto& [id, row] : engine.view.rows) {
    if (row.version != engine.stored(id).version) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a view that was lost is shown again while customers go on, though never all of them are in it") {
  constexpr std::size_t at_most = 4 * storage::shard_count;
  virtual_engine engine;
  std::size_t placed = 0;
  for (; placed < 600; ++placed) {
    engine.place(a_placement());
    engine.run();
  }
  engine.advance(1s);
  REQUIRE(shows_all(engine, placed));
  SUBCASE("it was emptied") {
    engine.view.flush();
  }
  SUBCASE("an operator wants it made anew") {
    engine.rebuild_view();
    engine.run_actors();
    engine.view.published = false;
  }
  const auto meanwhile = orders_until_shown(engine, at_most);
  CHECK(meanwhile < at_most);
  engine.advance(1s);
  CHECK(shows_all(engine, placed + meanwhile));
}

TEST_CASE("a view that has more than the journal is made anew") {
  virtual_engine engine;
  shard_keys keys(0);
  engine.place(a_placement({{keys.next(), 1}}));
  engine.run();
  engine.advance(1s);
  REQUIRE(shows_all(engine, 1));
  engine.crash();
  // As if the journal had had a second order before a standby took over that lacked it.
  auto lost = engine.view.rows.at(storage::id_of(0, 1));
  lost.id = storage::id_of(0, 2);
  lost.version = 100;
  engine.view.write({lost}, {{0, 100}}, [](auto) {});
  engine.start();
  engine.run();
  engine.advance(1s);
  CHECK(shows_all(engine, 1));
  engine.place(a_placement({{keys.next(), 1}}));
  engine.run();
  engine.advance(1s);
  CHECK(shows_all(engine, 2));
}

TEST_CASE("rows that came while a shard was handed over are not passed over by the next that comes") {
  const auto going = shards_of_a_second_node();
  REQUIRE(going.size() >= 2);
  actors::engine_options patient;
  patient.node.hand_over_wait = 1500ms;
  virtual_cluster cluster(patient);
  auto& a = cluster.start("a");
  cluster.advance(3s);
  cluster.provider.answers_charges = false;
  cluster.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::declined, {}, "insufficient_funds"};
  };
  for (const auto shard : {going.front(), going.back()}) {
    shard_keys keys(shard);
    for (int i = 0; i < 2; ++i) {
      a.place(a_placement({{keys.next(), 1}}));
      cluster.run();
    }
  }
  cluster.advance(100ms);
  REQUIRE(cluster.provider.unanswered.size() == 4);
  const auto answer = [&](std::size_t charge) {
    cluster.provider.unanswered[charge]();
    cluster.run();
  };

  auto& b = cluster.start("b");
  cluster.advance_until([&] { return !a.serves().contains(going.front()); }, 1s);
  cluster.view.pause();
  // A look at the view is under way, and the journal will be asked how far it goes.
  cluster.advance(250ms);
  answer(2);
  let_view_answer_once(cluster);
  // What became of the third is on its way from the journal to the view. The fourth keeps its shard here.
  answer(0);
  let_view_answer_once(cluster);
  answer(1);
  CHECK(b.serves().empty());
  cluster.view.resume();
  cluster.advance(10s);
  REQUIRE(b.serves().size() == going.size());
  for (const auto& charge : cluster.provider.charges) {
    CAPTURE(charge.reservation);
    const auto state = cluster.stored(charge.reservation);
    CHECK(state.status == domain::reservation_status::reservation_cancelled);
    CHECK(cluster.view.rows[charge.reservation].version == state.version);
  }
  CHECK(a.fatal.empty());
  CHECK(b.fatal.empty());
}
