// What operators do to reservations, to the breaker and to the view, on the whole engine and on virtual time.
#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/engine.hpp"
#include "tests/support/virtual_cluster.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using actors::breaker_mode;
using actors::operation_status;
using domain::operator_action;
using domain::reservation_status;
using testing::a_placement;
using testing::virtual_cluster;
using testing::virtual_engine;

namespace {

actors::operator_command wish_of_mina(domain::reservation_id id, operator_action action) {
  return {id, action, "mina", "the bank is back"};
}

/// Reservation 1 is parked: its charge is unknown, and settling it says nothing for an hour.
void park_the_first(virtual_engine& engine) {
  engine.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::unknown, {}, "silent"};
  };
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::unknown, {}, "down", true};
  };
  engine.place(a_placement());
  engine.run();
  engine.advance(2h);
  REQUIRE(engine.stored(1).parked);
}

operation_status answer_to(virtual_engine& engine, actors::operator_command what) {
  const auto answer = engine.operate(std::move(what));
  engine.run();
  REQUIRE(answer->has_value());
  return (*answer)->status;
}

std::vector<domain::reservation_event> events_of(virtual_engine& engine, domain::reservation_id id) {
  return storage::decode_reservation_events(engine.view.rows.at(id).records).value();
}

}  // namespace

TEST_CASE("a parked reservation that an operator retries goes on at once, with who and why in its journal") {
  virtual_engine engine;
  park_the_first(engine);
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::captured, "t-1", {}};
  };
  const auto before = engine.now();
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::retry)) == operation_status::recorded);
  CHECK(engine.now() == before);
  CHECK(engine.stored(1).payment == domain::payment_status::paid);
  CHECK(engine.parked().total == 0);
  engine.advance(1s);
  const auto events = events_of(engine, 1);
  const domain::reservation_event said =
      domain::operator_intervened{before, operator_action::retry, "mina", "the bank is back"};
  CHECK(std::count(events.begin(), events.end(), said) == 1);
}

TEST_CASE("a retry starts the backoff anew, and an hour later it is parked again") {
  virtual_engine engine;
  park_the_first(engine);
  CHECK_FALSE(engine.retried(1));
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::retry)) == operation_status::recorded);
  const auto again = engine.retried(1);
  REQUIRE(again);
  CHECK(again->step == domain::step::settle);
  CHECK(again->tries == 1);
  CHECK(again->last_answer == "down");
  CHECK(again->next_try_at - engine.now() < 200ms);
  engine.advance(1min);
  CHECK(engine.retried(1)->tries > 4);
  CHECK_FALSE(engine.stored(1).parked);
  engine.advance(1h);
  CHECK(engine.stored(1).parked);
  CHECK_FALSE(engine.retried(1));
}

TEST_CASE("what waits for its next try is tried at once where an operator wants that, and once only") {
  virtual_engine engine;
  park_the_first(engine);
  int tries = 0;
  engine.provider.on_settle = [&](auto) {
    ++tries;
    return payments::settle_answer{payments::settle_status::unknown, {}, "down", true};
  };
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::retry)) == operation_status::recorded);
  engine.advance(1min);
  const auto before = tries;
  const auto version = engine.stored(1).version;
  REQUIRE(engine.retried(1)->next_try_at > engine.now());
  const auto began = engine.now();
  const actors::operator_command again{1, operator_action::retry, "mina", "it answers me"};
  CHECK(answer_to(engine, again) == operation_status::recorded);
  CHECK(engine.now() == began);
  CHECK(tries == before + 1);
  CHECK(engine.stored(1).version == version + 1);
  // A repeat of the command is no event of its own, and brings no try.
  CHECK(answer_to(engine, again) == operation_status::unchanged);
  CHECK(engine.stored(1).version == version + 1);
  CHECK(tries == before + 1);
  // The wait that it cut short counts no more: they are as rare as before.
  const auto hurried = tries;
  engine.advance(10min);
  CHECK(tries - hurried <= 10min / 11s);
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::captured, "t-1", {}};
  };
  CHECK(answer_to(engine, {1, operator_action::retry, "mina", "and again"}) == operation_status::recorded);
  CHECK(engine.stored(1).payment == domain::payment_status::paid);
}

TEST_CASE("a receipt that waits for the desk is asked for at once, too") {
  virtual_engine engine;
  engine.before_delivery_date = [] { throw std::runtime_error("the desk is away"); };
  engine.place(a_placement());
  engine.advance(10s);
  const auto before = engine.retried(1);
  REQUIRE(before);
  CHECK(before->step == domain::step::issue_receipt);
  const auto began = engine.now();
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::retry)) == operation_status::recorded);
  CHECK(engine.now() == began);
  REQUIRE(engine.retried(1));
  CHECK(engine.retried(1)->tries == before->tries + 1);
  engine.before_delivery_date = [] {};
  engine.advance(1min);
  CHECK(engine.stored(1).receipt == domain::receipt_status::receipt_issued);
}

TEST_CASE("what has nothing left to do is not retried, and what never was is unknown") {
  virtual_engine engine;
  engine.place(a_placement());
  engine.run();
  const auto version = engine.stored(1).version;
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::retry)) == operation_status::unchanged);
  CHECK(engine.stored(1).version == version);
  CHECK(answer_to(engine, wish_of_mina(2, operator_action::retry)) == operation_status::unknown_reservation);
  CHECK(answer_to(engine, {1, operator_action::cancel, "", "why"}) == operation_status::rejected);
  CHECK(engine.stored(1).version == version);
}

TEST_CASE("a reservation that an operator cancels is undone with the reason operator, once") {
  virtual_engine engine;
  engine.place(a_placement());
  engine.run();
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::cancel)) == operation_status::recorded);
  CHECK(engine.stored(1).status == reservation_status::reservation_cancelled);
  CHECK(engine.stored(1).reason == domain::cancel_reason::by_operator);
  CHECK(engine.provider.refunds.size() == 1);
  CHECK(answer_to(engine, wish_of_mina(1, operator_action::cancel)) == operation_status::unchanged);
  CHECK(engine.provider.refunds.size() == 1);
}

TEST_CASE("an operator's command is answered when it is durable, and survives a crash") {
  virtual_engine engine;
  park_the_first(engine);
  const auto answer = engine.operate(wish_of_mina(1, operator_action::cancel));
  CHECK(engine.stored(1).reason == domain::cancel_reason::none);
  while (!answer->has_value()) REQUIRE(engine.step());
  CHECK(engine.stored(1).reason == domain::cancel_reason::by_operator);
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::not_charged, {}, {}};
  };
  engine.restart();
  engine.advance(1s);
  CHECK(engine.stored(1).status == reservation_status::reservation_cancelled);
  CHECK(engine.stored(1).reason == domain::cancel_reason::by_operator);
}

TEST_CASE("a placement that waits hears that it was cancelled by an operator") {
  virtual_engine engine;
  const auto placed = engine.place(a_placement());
  engine.run_actors();
  // The journal takes it; its charge stays open.
  while (engine.provider.charges.empty()) engine.step();
  const auto cancelled = engine.operate(wish_of_mina(1, operator_action::cancel));
  engine.run();
  REQUIRE(placed->has_value());
  CHECK((*cancelled)->status == operation_status::recorded);
  CHECK(engine.stored(1).reason == domain::cancel_reason::by_operator);
  CHECK(engine.provider.captured[1] == 0);
}

TEST_CASE("a breaker that is held open refuses, one that is let go of probes the provider") {
  virtual_engine engine;
  engine.set_breaker(breaker_mode::open);
  engine.run();
  CHECK(engine.breaker().now == actors::breaker_figures::state::open);
  CHECK(engine.breaker().held);
  engine.place(a_placement());
  engine.advance(1min);
  CHECK(engine.provider.charges.empty());
  CHECK(engine.stored(1).payment == domain::payment_status::payment_failed);
  engine.set_breaker(breaker_mode::automatic);
  engine.run();
  CHECK(engine.breaker().now == actors::breaker_figures::state::half_open);
  CHECK_FALSE(engine.breaker().held);
  for (int i = 0; i < 3; ++i) {
    engine.place(a_placement());
    engine.run();
  }
  CHECK(engine.provider.charges.size() == 3);
  CHECK(engine.breaker().now == actors::breaker_figures::state::closed);
}

TEST_CASE("a breaker that is held closed does not open, whatever the provider does") {
  virtual_engine engine;
  engine.set_breaker(breaker_mode::closed);
  engine.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::not_charged, {}, "refused"};
  };
  for (int i = 0; i < 30; ++i) {
    engine.place(a_placement());
    engine.run();
  }
  CHECK(engine.provider.charges.size() == 30);
  CHECK(engine.breaker().now == actors::breaker_figures::state::closed);
  CHECK(engine.breaker().held);
}

TEST_CASE("an engine that has not started yet says that it takes no command for its breaker or its view") {
  virtual_engine ports;
  actors::engine engine({.reservations = ports.reservations,
                         .receipts = ports.receipts,
                         .view = ports.view,
                         .progress = *ports.progress,
                         .provider = ports.provider,
                         .clock = {},
                         .delivery_date = {},
                         .on_fatal = {}},
                        {});
  CHECK_FALSE(engine.set_breaker(breaker_mode::open));
  CHECK_FALSE(engine.rebuild_view());
}

TEST_CASE("a view that an operator wants made anew loses what it had, and is as it was") {
  virtual_engine engine;
  for (int i = 0; i < 20; ++i) engine.place(a_placement());
  engine.advance(1s);
  const auto before = engine.view.rows;
  REQUIRE(before.size() == 20);
  REQUIRE(engine.view.published);
  engine.view.rows.at(3).records = "nonsense";
  engine.view.rows[999] = {.id = 999, .version = 7, .records = {}, .paid_at = {}};
  engine.rebuild_view();
  engine.run_actors();
  // While it was told and the view has not answered.
  engine.place(a_placement());
  engine.advance(1s);
  CHECK(engine.view.published);
  CHECK(engine.view.rows.size() == 21);
  CHECK(engine.view.rows.at(3).records == before.at(3).records);
  CHECK_FALSE(engine.view.rows.contains(999));
  // And goes on.
  engine.place(a_placement());
  engine.advance(1s);
  CHECK(engine.view.rows.size() == 22);
}

TEST_CASE("a view that is away when it is to be made anew is made anew when it is back") {
  virtual_engine engine;
  engine.place(a_placement());
  engine.advance(1s);
  engine.view.rows.at(1).records = "nonsense";
  engine.view.reachable = false;
  engine.rebuild_view();
  engine.advance(2s);
  engine.view.reachable = true;
  engine.advance(2s);
  CHECK(engine.view.published);
  CHECK(engine.view.rows.at(1).records != "nonsense");
}

TEST_CASE("whichever node of a cluster is told, the owner does what an operator wants") {
  virtual_cluster cluster;
  auto& a = cluster.start("a");
  auto& b = cluster.start("b");
  cluster.advance(3s);
  REQUIRE(a.serves().size() + b.serves().size() == storage::shard_count);
  std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> placed;
  for (int i = 0; i < 8; ++i) placed.push_back((i % 2 == 0 ? a : b).place(a_placement()));
  cluster.advance(1s);
  for (const auto& one : placed) {
    REQUIRE(one->has_value());
    const auto answer = a.operate(wish_of_mina((*one)->id, operator_action::cancel));
    cluster.advance(1s);
    REQUIRE(answer->has_value());
    CHECK((*answer)->status == operation_status::recorded);
    CHECK(cluster.stored((*one)->id).reason == domain::cancel_reason::by_operator);
  }
}
