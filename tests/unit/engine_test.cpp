// The engine as a whole on virtual time: what it answers, what it journals, what it charges, and
// that it goes on after a crash between any two steps.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_engine.hpp"

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
using testing::virtual_engine;

namespace {

domain::reservation told(const actors::placement_answer& answer) {
  return storage::fold_reservation(answer.records).value();
}

payments::charge_answer charge_says(payments::charge_status status) {
  return {status, {}, "scripted"};
}

}  // namespace

TEST_CASE("a paid reservation is answered as reservated, and its receipt follows by itself") {
  virtual_engine engine;
  const auto answer = engine.place(a_placement());
  engine.run();
  REQUIRE(answer->has_value());
  CHECK((*answer)->status == placement_status::decided);
  CHECK((*answer)->id == 1);
  CHECK(domain::outcome_of(told(**answer)) == placement_outcome::paid);
  CHECK(told(**answer).receipt == receipt_status::receipt_pending);

  const auto stored = engine.stored(1);
  CHECK(stored.receipt == receipt_status::receipt_issued);
  CHECK(stored.receipt_no == "0-1");
  CHECK(stored.expected_delivery_at->at == stored.paid_at + std::chrono::days(21));
  REQUIRE(engine.provider.charges.size() == 1);
  CHECK(engine.provider.charges[0].idempotency_key == "1-charge");
  CHECK(engine.provider.charges[0].card_number.reveal() == "1234123412341234");
}

TEST_CASE("placements go round robin, so a fresh store counts 1, 2, 3") {
  virtual_engine engine;
  engine.run();
  for (domain::reservation_id expected = 1; expected <= 300; ++expected) {
    const auto answer = engine.place(a_placement());
    engine.run();
    REQUIRE((*answer)->id == expected);
  }
}

TEST_CASE("nothing is charged before the placement is durable, nothing answered before the charge is") {
  virtual_engine engine;
  engine.run();
  const auto answer = engine.place(a_placement());
  engine.run_actors();
  REQUIRE(engine.jobs.size() == 1);  // the append of the placement
  CHECK(engine.provider.charges.empty());
  engine.step();
  engine.run_actors();
  CHECK(engine.provider.charges.size() == 1);
  // The provider has answered; until that is journalled the customer hears nothing.
  while (engine.provider.captured.empty()) engine.step();
  engine.run_actors();
  CHECK_FALSE(answer->has_value());
  engine.run();
  CHECK(answer->has_value());
}

TEST_CASE("a placement ends as its payment does") {
  using charge = payments::charge_status;
  using settle = payments::settle_status;
  using reason = domain::cancel_reason;
  struct row {
    charge charged;
    settle settled;
    placement_outcome outcome;
    payment_status payment;
    domain::cancel_reason reason;
    std::size_t settlements;
  };
  const row rows[] = {
      {charge::declined, settle::unknown, placement_outcome::declined, payment_status::payment_declined,
       reason::payment_declined, 0},
      {charge::not_charged, settle::unknown, placement_outcome::unavailable, payment_status::payment_failed,
       reason::payment_unavailable, 0},
      {charge::unknown, settle::captured, placement_outcome::paid, payment_status::paid, reason::none, 1},
      {charge::unknown, settle::not_charged, placement_outcome::unavailable, payment_status::payment_failed,
       reason::payment_unavailable, 1},
  };
  for (const auto& row : rows) {
    CAPTURE(static_cast<int>(row.charged));
    CAPTURE(static_cast<int>(row.settled));
    virtual_engine engine;
    engine.provider.on_charge = [&](const auto&) { return charge_says(row.charged); };
    engine.provider.on_settle = [&](auto) { return payments::settle_answer{row.settled, "t-1", {}}; };
    const auto answer = engine.place(a_placement());
    engine.run();
    REQUIRE(answer->has_value());
    REQUIRE((*answer)->status == placement_status::decided);
    const auto state = told(**answer);
    CHECK(domain::outcome_of(state) == row.outcome);
    CHECK(state.payment == row.payment);
    CHECK(state.reason == row.reason);
    CHECK(engine.provider.settles.size() == row.settlements);
    CHECK(engine.provider.charges.size() == 1);
  }
}

TEST_CASE("an unknown payment is answered as under way when the wait ends, and goes on by itself") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::unknown); };
  engine.provider.on_settle = [](auto) { return payments::settle_answer{}; };
  const auto answer = engine.place(a_placement({{"key", 1}}));
  engine.run();
  const auto meanwhile = engine.place(a_placement({{"key", 1}}));
  engine.run();
  CHECK((*meanwhile)->status == placement_status::key_in_use);
  CHECK_FALSE(answer->has_value());

  engine.advance(5100ms);
  REQUIRE(answer->has_value());
  CHECK((*answer)->status == placement_status::in_progress);
  CHECK(told(**answer).status == reservation_status::order);
  const auto again = engine.place(a_placement({{"key", 1}}));
  engine.run();
  CHECK((*again)->status == placement_status::in_progress);

  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::captured, "t", {}};
  };
  engine.advance(60s);
  CHECK(engine.stored((*answer)->id).status == reservation_status::reservated);
  const auto replayed = engine.place(a_placement({{"key", 1}}));
  engine.run();
  CHECK((*replayed)->status == placement_status::decided);
  CHECK((*replayed)->replayed);
  CHECK(engine.provider.charges.size() == 1);
}

TEST_CASE("who was told that it goes on is told so after a restart too, though the clock was set back") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::unknown); };
  engine.provider.on_settle = [](auto) { return payments::settle_answer{}; };
  const auto answer = engine.place(a_placement({{"key", 1}}));
  engine.advance(5100ms);
  REQUIRE(answer->has_value());
  CHECK((*answer)->status == placement_status::in_progress);
  engine.set_clock_back(1h);
  engine.restart();
  const auto again = engine.place(a_placement({{"key", 1}}));
  engine.run();
  REQUIRE(again->has_value());
  CHECK((*again)->status == placement_status::in_progress);
}

TEST_CASE("a settlement that never gets an answer is parked, visibly, and stays unfinished") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::unknown); };
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::unknown, {}, "down"};
  };
  engine.place(a_placement());
  engine.run();
  engine.advance(2h);
  CHECK(engine.stored(1).parked);
  const auto check_listed = [&] {
    const auto parked = engine.parked();
    REQUIRE(parked.total == 1);
    CHECK(parked.first.at(0).id == 1);
    CHECK(parked.first.at(0).why == "down");
    CHECK(parked.first.at(0).since == engine.stored(1).modified_at);
  };
  check_listed();
  engine.restart();
  check_listed();
  engine.advance(5s);  // it leaves memory, and the cancellation brings it back
  // The customer's cancellation tries again, and the provider is well by now.
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::not_charged, {}, {}};
  };
  const auto cancelled = engine.cancel(1);
  engine.run();
  CHECK((*cancelled)->status == cancellation_status::done);
  CHECK(engine.stored(1).status == reservation_status::reservation_cancelled);
  CHECK(engine.parked().total == 0);
}

TEST_CASE("a reservation that the provider answers clearly but never settles does not open the breaker") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::unknown, {}, "another_intent", true};
  };
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::unknown, {}, "another_intent", true};
  };
  engine.place(a_placement());
  engine.run();
  engine.advance(10min);
  CHECK(engine.provider.settles.size() >= 20);
  CHECK(engine.breaker().now == actors::breaker_figures::state::closed);
}

TEST_CASE("cancelling voids the receipt and refunds once, however often it is asked for") {
  virtual_engine engine;
  engine.place(a_placement());
  engine.run();
  for (int again = 0; again < 3; ++again) {
    const auto cancelled = engine.cancel(1);
    engine.run();
    REQUIRE(cancelled->has_value());
    CHECK((*cancelled)->status == cancellation_status::done);
    engine.advance(2s);  // it is passivated, and the next comes back from the journal
  }
  const auto state = engine.stored(1);
  CHECK(state.status == reservation_status::reservation_cancelled);
  CHECK(state.payment == payment_status::payment_cancelled);
  CHECK(state.receipt == receipt_status::receipt_cancelled);
  CHECK(state.receipt_no == "0-1");
  REQUIRE(engine.provider.refunds.size() == 1);
  CHECK(engine.provider.refunds[0].idempotency_key == "1-refund");
}

TEST_CASE("cancelling what never was is told so, without a trace") {
  virtual_engine engine;
  const auto cancelled = engine.cancel(4711);
  engine.run();
  CHECK((*cancelled)->status == cancellation_status::unknown_reservation);
}

TEST_CASE("to a customer another's reservation is unknown, at every step, and stays as it is") {
  virtual_engine engine;
  const auto placed = engine.place(a_placement());
  const auto others = a_placement().what.user_id + 1;
  // What each question leads to may go on while the next is asked.
  for (int round = 0; round < 100; ++round) {
    engine.step();
    const auto refused = engine.cancel(1, others);
    for (int steps = 0; !*refused && steps < 1000; ++steps) engine.step();
    REQUIRE(*refused);
    CHECK((*refused)->status == cancellation_status::unknown_reservation);
  }
  engine.run();
  CHECK((*placed)->status == placement_status::decided);
  CHECK(engine.stored(1).status == domain::reservation_status::reservated);
  CHECK(engine.stored(1).receipt == domain::receipt_status::receipt_issued);

  const auto cancelled = engine.cancel(1, a_placement().what.user_id);
  engine.run();
  CHECK((*cancelled)->status == cancellation_status::done);
}

TEST_CASE("a cancellation that takes longer than the wait is answered as under way and goes on") {
  virtual_engine engine;
  engine.place(a_placement());
  engine.run();
  const auto well = engine.provider.on_refund;
  engine.provider.on_refund = [](const auto&) { return payments::refund_answer{}; };
  const auto cancelled = engine.cancel(1);
  engine.run();
  CHECK_FALSE(cancelled->has_value());
  engine.advance(1500ms);
  const auto again = engine.cancel(1);
  engine.advance(600ms);
  REQUIRE(cancelled->has_value());
  CHECK((*cancelled)->status == cancellation_status::in_progress);
  CHECK_FALSE(again->has_value());  // its own wait is not over
  engine.advance(1500ms);
  REQUIRE(again->has_value());
  CHECK((*again)->status == cancellation_status::in_progress);
  CHECK(engine.stored(1).status == reservation_status::cancelling);
  engine.provider.on_refund = well;
  engine.advance(60s);
  CHECK(engine.stored(1).status == reservation_status::reservation_cancelled);
}

TEST_CASE("cancelling while the charge is under way: the placement is told, the charge refunded") {
  virtual_engine engine;
  engine.run();
  const auto placed = engine.place(a_placement());
  while (engine.provider.charges.empty()) engine.step();
  auto charge = std::move(engine.jobs.back());  // the provider takes its time
  engine.jobs.pop_back();
  const auto cancelled = engine.cancel(1);
  engine.run();
  REQUIRE(placed->has_value());
  CHECK(domain::outcome_of(told(**placed)) == placement_outcome::cancelled);
  CHECK_FALSE(cancelled->has_value());
  charge();
  engine.run();
  CHECK((*cancelled)->status == cancellation_status::done);
  CHECK(engine.provider.captured[1] == 0);
  CHECK(engine.provider.refunds.size() == 1);
  CHECK(engine.stored(1).payment == payment_status::payment_cancelled);
}

TEST_CASE("cancelling while the receipt is being issued leaves it void") {
  for (int steps = 0; steps < 40; ++steps) {
    CAPTURE(steps);
    virtual_engine engine;
    engine.run();
    engine.place(a_placement());
    while (engine.provider.captured.empty()) engine.step();
    for (int i = 0; i < steps; ++i) engine.step();
    const auto cancelled = engine.cancel(1);
    engine.run();
    engine.advance(1s);
    REQUIRE(cancelled->has_value());
    CHECK((*cancelled)->status == cancellation_status::done);
    CHECK(engine.stored(1).receipt == receipt_status::receipt_cancelled);
    CHECK(engine.fatal.empty());
  }
}

TEST_CASE("the same key answers the same again, after a restart too, and other fields are refused") {
  virtual_engine engine;
  const auto first = engine.place(a_placement({{"k", 42}}));
  engine.run();
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto again = engine.place(a_placement({{"k", 42}}));
    const auto other = engine.place(a_placement({{"k", 43}}));
    engine.run();
    CHECK((*again)->status == placement_status::decided);
    CHECK((*again)->replayed);
    CHECK((*again)->id == (*first)->id);
    CHECK((*again)->records == (*first)->records);  // at the version that decided it
    CHECK((*other)->status == placement_status::key_reused);
    engine.advance(3s);
    engine.restart();
  }
  CHECK(engine.provider.charges.size() == 1);
}

TEST_CASE("after a crash between any two steps every saga ends, and money and orders agree") {
  for (int steps = 0; steps < 80; ++steps) {
    CAPTURE(steps);
    virtual_engine engine;
    engine.run();
    const auto placed = engine.place(a_placement({{"k", 1}}));
    for (int i = 0; i < steps; ++i) engine.step();
    const bool answered = placed->has_value();
    engine.restart();
    engine.advance(5s);
    // The customer asks again with the same key.
    const auto again = engine.place(a_placement({{"k", 1}}));
    engine.run();
    engine.advance(5s);
    REQUIRE(again->has_value());
    REQUIRE((*again)->status == placement_status::decided);
    const auto id = (*again)->id;
    const auto state = engine.stored(id);
    CHECK(domain::finished(state));
    CHECK((engine.provider.captured[id] == 1) == (state.payment == payment_status::paid));
    CHECK((state.receipt == receipt_status::receipt_issued) == (state.payment == payment_status::paid));
    CHECK(engine.provider.charges.size() <= 1);
    if (answered) CHECK(domain::outcome_of(state) == placement_outcome::paid);
    if (!(*again)->replayed) CHECK_FALSE(answered);
    CHECK(engine.fatal.empty());
  }
}

TEST_CASE("after a crash between any two steps a cancellation ends, refunded once, the receipt void") {
  for (int steps = 0; steps < 60; ++steps) {
    CAPTURE(steps);
    virtual_engine engine;
    engine.place(a_placement());
    engine.run();
    const auto cancelled = engine.cancel(1);
    for (int i = 0; i < steps; ++i) engine.step();
    const bool answered = cancelled->has_value();
    engine.restart();
    engine.advance(5s);
    const auto state = engine.stored(1);
    CHECK(domain::finished(state));
    if (answered) CHECK(state.status == reservation_status::reservation_cancelled);
    const bool undone = state.status == reservation_status::reservation_cancelled;
    CHECK(engine.provider.captured[1] == (undone ? 0 : 1));
    CHECK((state.receipt == receipt_status::receipt_cancelled) == undone);
  }
}

TEST_CASE("reservations at rest leave memory, and a command brings them back") {
  virtual_engine engine;
  engine.run();
  const auto idle = engine.running_actors();
  for (int i = 0; i < 50; ++i) engine.place(a_placement());
  engine.run_actors();
  CHECK(engine.running_actors() >= idle + 50);
  engine.run();
  CHECK(engine.running_actors() == idle);
  const auto cancelled = engine.cancel(17);
  engine.run();
  CHECK((*cancelled)->status == cancellation_status::done);
  CHECK(engine.running_actors() == idle);
}

TEST_CASE("a command that meets a passivation half way is served") {
  bool left = false;
  for (int steps = 0; !left; ++steps) {
    CAPTURE(steps);
    virtual_engine engine;
    const auto placed = engine.place(a_placement());
    while (!placed->has_value()) engine.step();
    // Its receipt, its last append, the passivation: one step more of it each time, to the end.
    for (int i = 0; i < steps && !left; ++i) left = !engine.step();
    const auto cancelled = engine.cancel(1);
    engine.run();
    REQUIRE(cancelled->has_value());
    CHECK((*cancelled)->status == cancellation_status::done);
  }
}

TEST_CASE("what another owner has taken over is answered as unavailable, and ends a server that is alone") {
  virtual_engine engine;
  engine.run();
  engine.reservations.claim({0}, [](auto) {});
  engine.run();
  const auto answer = engine.place(a_placement());
  engine.run();
  REQUIRE(answer->has_value());
  CHECK((*answer)->status == placement_status::unavailable);
  CHECK(engine.provider.charges.empty());
  REQUIRE_FALSE(engine.fatal.empty());
  CHECK(engine.fatal[0].find("--node-listen") != std::string::npos);
}

TEST_CASE("a journal that fails is answered as unavailable and ends the process, once") {
  virtual_engine engine;
  engine.run();
  engine.reservations.fail_next_appends(1, "no space left on device");
  const auto first = engine.place(a_placement());
  const auto second = engine.place(a_placement());
  engine.run();
  CHECK((*first)->status == placement_status::unavailable);
  CHECK((*second)->status == placement_status::unavailable);
  REQUIRE_FALSE(engine.fatal.empty());
  CHECK(engine.fatal[0] == "no space left on device");
  CHECK(engine.provider.charges.empty());
}

TEST_CASE("while the journal stands still new commands are refused at once, and nobody waits for ever") {
  virtual_engine engine;
  const auto before = engine.place(a_placement());
  engine.run();
  REQUIRE((*before)->status == placement_status::decided);
  // It takes its time with the first of these, and all the others wait behind that.
  const auto first = engine.place(a_placement());
  const auto second = engine.place(a_placement(storage::idempotency_claim{"k", 1}));
  const auto third = engine.place(a_placement());
  engine.run_actors();
  const auto cancelled = engine.cancel(3);
  engine.pass_time_for_actors(1500ms);
  CHECK_FALSE(first->has_value());
  const auto late = engine.place(a_placement());
  const auto late_cancellation = engine.cancel(1);
  engine.run_actors();
  REQUIRE(late->has_value());
  CHECK((*late)->status == placement_status::unavailable);
  REQUIRE(late_cancellation->has_value());
  CHECK((*late_cancellation)->status == cancellation_status::unavailable);
  engine.pass_time_for_actors(5s);
  for (const auto& answer : {first, second, third}) {
    REQUIRE(answer->has_value());
    CHECK((*answer)->status == placement_status::unavailable);
  }
  REQUIRE(cancelled->has_value());
  CHECK((*cancelled)->status == cancellation_status::unavailable);
  // It goes on: what waited becomes durable, and nobody is charged for what he was told was not taken.
  engine.run();
  CHECK(engine.fatal.empty());
  CHECK(engine.provider.charges.size() == 1);
  for (const auto id : {(*first)->id, (*second)->id}) {
    CHECK(engine.stored(id).status == reservation_status::reservation_cancelled);
    CHECK(engine.stored(id).reason == domain::cancel_reason::payment_interrupted);
  }
  CHECK(engine.stored(3).reason == domain::cancel_reason::customer);
  const auto after = engine.place(a_placement());
  engine.run();
  CHECK((*after)->status == placement_status::decided);
}

TEST_CASE("who waits for a payment while the journal stands still hears what is durable") {
  virtual_engine engine;
  const auto answer = engine.place(a_placement());
  engine.run_actors();
  engine.step();
  // Placed and charged; that it is paid is not written.
  while (engine.provider.captured.empty()) engine.step();
  engine.run_actors();
  engine.pass_time_for_actors(6s);
  REQUIRE(answer->has_value());
  CHECK((*answer)->status == placement_status::in_progress);
  CHECK(told(**answer).status == reservation_status::order);
  engine.run();
  CHECK(engine.stored(1).status == reservation_status::reservated);
}

TEST_CASE("receipt numbers are gapless in each book, whatever was cancelled or crashed") {
  virtual_engine engine;
  engine.run();
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 256; ++i) engine.place(a_placement());
    for (int i = 0; i < 700 * round; ++i) engine.step();
    engine.cancel(static_cast<domain::reservation_id>(round) * 256 + 5);
    if (round % 2 == 0) engine.restart();
    engine.run();
    engine.advance(2s);
  }
  std::map<std::string, std::vector<std::string>> numbers;
  for (const auto& [id, row] : engine.view.rows) {
    const auto no = engine.stored(id).receipt_no;
    if (!no.empty()) numbers[no.substr(0, no.find('-'))].push_back(no);
  }
  CHECK(numbers.size() == 256);
  for (auto& [book, used] : numbers) {
    std::sort(used.begin(), used.end());
    for (std::size_t i = 0; i < used.size(); ++i) CHECK(used[i] == book + "-" + std::to_string(i + 1));
  }
}

TEST_CASE("while the receipt desk's journal is away, reserving and paying go on") {
  virtual_engine engine;
  engine.run();
  // Its append is held back: everything else is answered meanwhile.
  const auto placed = engine.place(a_placement());
  while (!placed->has_value()) engine.step();
  CHECK(domain::outcome_of(told(**placed)) == placement_outcome::paid);
}

TEST_CASE("the view equals the fold of the journal, also after it was lost or out of reach") {
  virtual_engine engine;
  engine.run();
  const auto check = [&] {
    engine.advance(1s);
    CHECK(engine.view.published);
    for (domain::reservation_id id = 1; id <= 20; ++id) {
      const auto row = engine.view.rows[id];
      CHECK(storage::fold_reservation(row.records).value() == engine.stored(id));
      CHECK(row.version == engine.stored(id).version);
      CHECK_FALSE(engine.progress->lags(id));
    }
  };
  for (int i = 0; i < 10; ++i) engine.place(a_placement());
  engine.run();
  engine.view.reachable = false;
  for (int i = 0; i < 10; ++i) engine.place(a_placement());
  engine.cancel(3);
  engine.run();
  engine.advance(3s);
  CHECK(engine.progress->lags(storage::id_of(10, 1)));
  engine.view.reachable = true;
  check();
  engine.view.flush();
  check();
  engine.restart();
  check();
}

TEST_CASE("declined cards do not open the breaker") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::declined); };
  for (int i = 0; i < 30; ++i) {
    const auto answer = engine.place(a_placement());
    engine.run();
    REQUIRE(answer->has_value());
  }
  CHECK(engine.breaker().now == actors::breaker_figures::state::closed);
  CHECK(engine.breaker().window_failed == 0);
}

TEST_CASE("an open breaker refuses at once, probes after a while, and closes again") {
  virtual_engine engine;
  engine.run();
  const auto well = engine.provider.on_charge;
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::not_charged); };
  for (int i = 0; i < 10; ++i) {
    engine.place(a_placement());
    engine.run();
  }
  CHECK(engine.breaker().now == actors::breaker_figures::state::open);
  const auto calls = engine.provider.charges.size();
  const auto refused = engine.place(a_placement());
  engine.run();
  CHECK(domain::outcome_of(told(**refused)) == placement_outcome::unavailable);
  CHECK(engine.provider.charges.size() == calls);
  engine.provider.on_charge = well;
  engine.advance(5s);
  for (int i = 0; i < 3; ++i) {
    const auto probe = engine.place(a_placement());
    engine.run();
    CHECK(domain::outcome_of(told(**probe)) == placement_outcome::paid);
  }
  CHECK(engine.breaker().now == actors::breaker_figures::state::closed);
}

TEST_CASE("the provider never sees more calls at once than the bulkhead admits") {
  virtual_engine engine;
  engine.run();
  std::vector<std::shared_ptr<std::optional<actors::placement_answer>>> answers;
  for (int i = 0; i < 200; ++i) answers.push_back(engine.place(a_placement()));
  std::size_t most = 0;
  while (engine.step())
    most = std::max(most, engine.provider.charges.size() - engine.provider.captured.size());
  CHECK(most == 64);
  for (const auto& answer : answers) {
    CHECK(domain::outcome_of(told(**answer)) == placement_outcome::paid);
  }
}

TEST_CASE("a reservation that answers a repeated placement leaves memory again") {
  virtual_engine engine;
  const auto idle = engine.running_actors();
  for (int again = 0; again < 3; ++again) {
    engine.place(a_placement({{"k", 1}}));
    engine.run();
  }
  engine.advance(3s);
  CHECK(engine.running_actors() == idle);
}

TEST_CASE("ids go on after a restart where they were") {
  virtual_engine engine;
  for (domain::reservation_id expected = 1; expected <= 6; ++expected) {
    const auto answer = engine.place(a_placement());
    engine.run();
    CHECK((*answer)->id == expected);
    engine.restart();
  }
}

TEST_CASE("a shard under a steady trickle does the same work for each placement for ever") {
  virtual_engine engine;
  shard_keys keys(0);
  std::size_t first = 0;
  for (int round = 0; round < 6; ++round) {
    const auto before = engine.steps;
    for (int i = 0; i < 60; ++i) {
      engine.place(a_placement({{keys.next(), 1}}));
      engine.run();
      engine.advance(std::chrono::milliseconds(700 + (i * 379) % 1900));
    }
    const auto work = engine.steps - before;
    if (round == 1) first = work;
    if (round > 1) CHECK(work < first * 13 / 10);
  }
}

TEST_CASE("receipts follow although the clerk went down with the command") {
  virtual_engine engine;
  int downs = 2;
  engine.before_delivery_date = [&] {
    if (downs-- > 0) throw std::runtime_error("scripted");
  };
  const auto placed = engine.place(a_placement());
  engine.run();
  CHECK(domain::outcome_of(told(**placed)) == placement_outcome::paid);
  engine.advance(10s);
  CHECK(engine.stored(1).receipt == receipt_status::receipt_issued);
  CHECK(engine.stored(1).receipt_no == "0-1");
}

TEST_CASE("whoever asks gets an answer, although the reservation went down with the question") {
  virtual_engine engine;
  bool fails = true;
  engine.before_clock = [&] {
    if (std::exchange(fails, false)) throw std::runtime_error("scripted");
  };
  const auto placed = engine.place(a_placement());
  engine.run();
  REQUIRE(placed->has_value());
  CHECK((*placed)->status == placement_status::unavailable);
}

TEST_CASE("those that wait for the receipt desk don't keep others from being resumed") {
  virtual_engine engine;
  engine.before_delivery_date = [] { throw std::runtime_error("the desk is away"); };
  shard_keys keys(0);
  for (int i = 0; i < 70; ++i) {
    engine.place(a_placement({{keys.next(), 1}}));
    engine.run();
  }
  // The last one's charge is unknown, and settled only after the restart.
  engine.provider.on_charge = [](const auto&) { return charge_says(payments::charge_status::unknown); };
  const auto settle =
      std::exchange(engine.provider.on_settle, [](auto) { return payments::settle_answer{}; });
  engine.place(a_placement({{keys.next(), 1}}));
  engine.run();
  REQUIRE(engine.stored(70 * 256 + 1).unresolved);
  REQUIRE(engine.stored(1).receipt == receipt_status::receipt_pending);
  engine.provider.on_settle = settle;
  engine.restart();
  engine.advance(20s);
  CHECK(domain::outcome_of(engine.stored(70 * 256 + 1)) == placement_outcome::unavailable);
}
