// Reservations that wait long for their next try, on virtual time: they leave memory, nothing but an alarm
// stays, and nobody notices: neither customers nor operators, nor the next owner of their shard.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/backoff.hpp"
#include "actors/shard.hpp"
#include "actors/step_retry.hpp"
#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_cluster.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using actors::cancellation_status;
using actors::operation_status;
using actors::placement_status;
using domain::reservation_status;
using domain::step;
using testing::a_placement;
using testing::shard_keys;
using testing::virtual_cluster;
using testing::virtual_engine;

namespace {

/// A wake-up is late by a look at the clock, and by the grain of the test's time.
constexpr auto latest_wake = actors::shard_tick + 50ms;

/// Nothing can be settled or refunded, and charges are unknown.
template <class Engine>
void break_bank(Engine& engine) {
  engine.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::unknown, {}, "silent", true};
  };
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::unknown, {}, "silent", true};
  };
  engine.provider.on_refund = [](const auto&) {
    return payments::refund_answer{payments::refund_status::unknown, {}, "silent", true};
  };
}

template <class Engine>
void mend_bank(Engine& engine) {
  engine.provider.on_settle = [](auto) {
    return payments::settle_answer{payments::settle_status::captured, "t-1", {}};
  };
  engine.provider.on_refund = [](const auto&) {
    return payments::refund_answer{payments::refund_status::refunded, "r-1", {}};
  };
}

/// The reservation with the key `k`, which is the first of its shard.
domain::reservation_id the_only_one() {
  return storage::id_of(storage::shard_of_key("k", 1), 1);
}

template <class Engine, class Condition>
void advance_until(Engine& engine, Condition holds) {
  for (int looks = 0; !holds(); ++looks) {
    REQUIRE(looks < 1000);
    engine.advance(50ms);
  }
}

/// An engine with one reservation, under the key `k`, whose step has had no outcome since nobody waits for
/// it.
class stuck_engine : public virtual_engine {
 public:
  explicit stuck_engine(domain::step in) {
    if (in == domain::step::settle) break_bank(*this);
    if (in == domain::step::issue_receipt)
      before_delivery_date = [] { throw std::runtime_error("the desk is away"); };
    be_placed();
    if (in == domain::step::refund) break_bank(*this);
    if (in == domain::step::void_receipt) let_another_hang_at_the_desk();
    if (in == domain::step::refund || in == domain::step::void_receipt) cancel(the_only_one());
    advance(8s);
  }

  bool is_asleep() const {
    const auto seen = figures().sagas;
    return seen.asleep == 1 && seen.residents == hanging_;
  }
  void advance_until_asleep() {
    advance_until(*this, [this] { return is_asleep(); });
  }
  void get_unstuck() {
    mend_bank(*this);
    before_delivery_date = [] {};
    let_receipts_answer();
    hanging_ = 0;
  }

 private:
  void be_placed() {
    place(a_placement(storage::idempotency_claim{"k", 1}));
    run();
  }
  /// So that the clerk knows by now that his book is silent.
  void let_another_hang_at_the_desk() {
    silence_receipts();
    place(a_placement());
    advance(1100ms);
    hanging_ = 1;
  }

  std::uint64_t hanging_ = 0;
};

constexpr step retried_steps[] = {step::settle, step::issue_receipt, step::void_receipt, step::refund};

operation_status retry_by_operator(virtual_engine& engine, domain::reservation_id id, const char* why) {
  const auto answer = engine.operate({id, domain::operator_action::retry, "mina", why});
  engine.run();
  REQUIRE(answer->has_value());
  return (*answer)->status;
}

void place_in_shard_0(virtual_engine& engine, std::size_t count) {
  shard_keys keys(0);
  for (std::size_t i = 0; i < count; ++i) engine.place(a_placement({{keys.next(), 1}}));
  engine.run();
}

/// At a bank that is broken.
void let_sleep_in_shard_0(virtual_engine& engine, std::size_t count) {
  break_bank(engine);
  place_in_shard_0(engine, count);
  engine.advance(1min);
  advance_until(engine, [&] { return engine.figures().sagas.asleep == count; });
}

}  // namespace

TEST_CASE("whatever step waits long for its next try, its reservation waits out of memory and ends as ever") {
  for (const auto in : retried_steps) {
    CAPTURE(static_cast<int>(in));
    stuck_engine engine(in);
    engine.advance_until_asleep();
    const auto told = engine.retried(the_only_one());
    REQUIRE(told);
    CHECK(told->step == in);
    CHECK(told->tries >= 4);
    CHECK(told->last_answer ==
          (in == step::settle || in == step::refund ? "silent" : "the receipt desk is away"));
    CHECK(told->next_try_at > engine.now());

    engine.advance(1min);
    REQUIRE(engine.retried(the_only_one()));
    CHECK(engine.retried(the_only_one())->tries > told->tries);
    engine.get_unstuck();
    engine.advance(40s);
    CHECK(domain::finished(engine.stored(the_only_one())));
    CHECK_FALSE(engine.retried(the_only_one()));
    CHECK(engine.figures().sagas.asleep == 0);
    CHECK(engine.figures().sagas.residents == 0);
    const auto& charges = engine.provider.charges;
    CHECK(std::count_if(charges.begin(), charges.end(),
                        [](const auto& charge) { return charge.reservation == the_only_one(); }) == 1);
    CHECK(engine.fatal.empty());
  }
}

TEST_CASE("a sleeper is tried when it is due, and its backoff goes on growing") {
  stuck_engine engine(step::settle);
  for (std::uint32_t naps = 0; naps < 12; ++naps) {
    engine.advance_until_asleep();
    const auto tries = engine.provider.settles.size();
    const auto told = *engine.retried(the_only_one());
    CAPTURE(told.tries);
    REQUIRE(told.tries == tries);
    const auto wait = actors::backoff(the_only_one(), told.tries);
    CHECK(told.next_try_at - engine.now() <= wait);
    if (naps > 0) CHECK(told.next_try_at - engine.now() >= wait - 2 * latest_wake);
    engine.advance(told.next_try_at - engine.now() - 50ms);
    CHECK(engine.provider.settles.size() == tries);
    CHECK(engine.is_asleep());
    engine.advance(latest_wake + 50ms);
    CHECK(engine.provider.settles.size() == tries + 1);
  }
  CHECK(engine.figures().sagas.steps_begun[2] == 1);
  CHECK(engine.figures().sagas.steps_retried[2] == engine.provider.settles.size() - 1);
}

TEST_CASE("while somebody waits, and where the next try is near, it stays") {
  virtual_engine engine;
  break_bank(engine);
  engine.place(a_placement(storage::idempotency_claim{"k", 1}));
  engine.advance(4900ms);
  CHECK(engine.retried(the_only_one())->next_try_at - engine.now() > 1s);
  CHECK(engine.figures().sagas.residents == 1);
  // It goes with the last one who waits, not with the next try.
  const auto tries = engine.provider.settles.size();
  engine.advance(200ms);
  CHECK(engine.figures().sagas.residents == 0);
  CHECK(engine.figures().sagas.asleep == 1);
  CHECK(engine.provider.settles.size() == tries);
  CHECK(engine.retried(the_only_one()));

  engine.restart();
  CHECK(engine.retried(the_only_one())->tries == 1);
  CHECK(engine.figures().sagas.residents == 1);
}

TEST_CASE("a payment is parked after an hour, though it slept through nearly all of it") {
  for (const auto in : {step::settle, step::refund}) {
    CAPTURE(static_cast<int>(in));
    stuck_engine engine(in);
    engine.advance(59min);
    REQUIRE_FALSE(engine.stored(the_only_one()).parked);
    engine.advance(1min + 20s);
    CHECK(engine.stored(the_only_one()).parked);
    CHECK(engine.stored(the_only_one()).parked_because == "silent");
    CHECK(engine.parked().total == 1);
    CHECK_FALSE(engine.retried(the_only_one()));
    CHECK(engine.figures().sagas.asleep == 0);
    CHECK(engine.figures().sagas.residents == 0);
  }
}

TEST_CASE("a sleeper that an operator retries is tried at once, once, and sleeps on with one try more") {
  for (const auto in : retried_steps) {
    CAPTURE(static_cast<int>(in));
    stuck_engine engine(in);
    engine.advance(30s);
    engine.advance_until_asleep();
    const auto before = engine.retried(the_only_one());
    const auto began = engine.now();
    CHECK(retry_by_operator(engine, the_only_one(), "it answers me") == operation_status::recorded);
    CHECK(engine.now() == began);
    REQUIRE(engine.retried(the_only_one()));
    CHECK(engine.retried(the_only_one())->tries == before->tries + 1);
    CHECK(engine.is_asleep());
    // A repeat of the command is no event, and brings no try.
    CHECK(retry_by_operator(engine, the_only_one(), "it answers me") == operation_status::unchanged);
    CHECK(engine.retried(the_only_one())->tries == before->tries + 1);
    CHECK(engine.is_asleep());
    engine.get_unstuck();
    CHECK(retry_by_operator(engine, the_only_one(), "and again") == operation_status::recorded);
    engine.advance(in == step::issue_receipt ? 40s : 0s);
    CHECK(domain::finished(engine.stored(the_only_one())));
  }
}

TEST_CASE("a sleeper is cancelled at once") {
  virtual_engine engine;
  engine.silence_receipts();
  place_in_shard_0(engine, 1);
  engine.advance(1100ms);
  // Of the second the clerk hears when the book has been silent for too long: it sleeps.
  engine.place(a_placement({{shard_keys(0, "second-").next(), 1}}));
  engine.advance(8s);
  REQUIRE(engine.figures().sagas.asleep == 1);
  engine.let_receipts_answer();
  engine.run();
  const auto second = storage::id_of(0, 2);
  REQUIRE(engine.stored(second).receipt == domain::receipt_status::receipt_pending);
  const auto cancelled = engine.cancel(second);
  engine.run();
  REQUIRE(cancelled->has_value());
  CHECK((*cancelled)->status == cancellation_status::done);
  CHECK(engine.stored(second).receipt == domain::receipt_status::receipt_cancelled);
  CHECK(engine.provider.refunds.size() == 1);
  CHECK_FALSE(engine.retried(second));
  CHECK(engine.figures().sagas.asleep == 0);
}

TEST_CASE("a cancellation of a sleeper whose settlement waits is told as under way, and cuts no wait short") {
  stuck_engine engine(step::settle);
  engine.advance(1min);
  engine.advance_until_asleep();
  engine.advance(1s);
  const auto before = *engine.retried(the_only_one());
  REQUIRE(before.next_try_at - engine.now() > 5s);
  const auto cancelled = engine.cancel(the_only_one());
  engine.run();
  CHECK(engine.stored(the_only_one()).status == reservation_status::cancelling);
  CHECK(engine.figures().sagas.residents == 1);
  engine.advance(2100ms);
  REQUIRE(cancelled->has_value());
  CHECK((*cancelled)->status == cancellation_status::in_progress);
  CHECK(engine.is_asleep());
  CHECK(engine.retried(the_only_one())->tries == before.tries);
  CHECK(engine.retried(the_only_one())->next_try_at == before.next_try_at);
  mend_bank(engine);
  engine.advance(20s);
  CHECK(engine.stored(the_only_one()).status == reservation_status::reservation_cancelled);
  CHECK(engine.provider.refunds.size() == 1);
}

TEST_CASE("a sleeper's key is answered at once, and it sleeps on until the same try") {
  stuck_engine engine(step::settle);
  engine.advance(1min);
  engine.advance_until_asleep();
  const auto before = *engine.retried(the_only_one());
  for (int times = 0; times < 20; ++times) {
    const auto again = engine.place(a_placement(storage::idempotency_claim{"k", 1}));
    engine.run();
    REQUIRE(again->has_value());
    CHECK((*again)->status == placement_status::in_progress);
    CHECK((*again)->id == the_only_one());
    CHECK(engine.is_asleep());
  }
  CHECK(engine.retried(the_only_one())->tries == before.tries);
  CHECK(engine.retried(the_only_one())->next_try_at == before.next_try_at);
}

TEST_CASE("a command that meets one that falls asleep half way is served") {
  bool asleep = false;
  for (int steps = 0; !asleep; ++steps) {
    CAPTURE(steps);
    stuck_engine engine(step::refund);
    engine.advance(20s);
    engine.advance_until_asleep();
    // Its next try, and one step more of what follows each time, to the end.
    engine.advance_clock_only(engine.retried(the_only_one())->next_try_at - engine.now() + latest_wake);
    for (int i = 0; i < steps && !asleep; ++i) asleep = !engine.step();
    mend_bank(engine);
    CAPTURE(engine.figures().sagas.residents);
    REQUIRE(retry_by_operator(engine, the_only_one(), "go on") == operation_status::recorded);
    engine.run();
    CHECK(engine.stored(the_only_one()).status == reservation_status::reservation_cancelled);
    CHECK(engine.figures().sagas.asleep == 0);
    CHECK_FALSE(engine.retried(the_only_one()));
  }
}

TEST_CASE("a try that a child begins for an operator counts, though its word of a long wait was on the way") {
  int begun_at_once = 0;
  for (int turns = 0; turns < 10; ++turns) {
    CAPTURE(turns);
    actors::engine_options options;
    options.payment_wait = 100ms;
    virtual_engine engine(options);
    break_bank(engine);
    engine.place(a_placement(storage::idempotency_claim{"k", 1}));
    engine.run();
    // Nobody waits for it any more, but its waits were too short to sleep: the next one is not.
    advance_until(engine, [&] {
      const auto told = engine.retried(the_only_one());
      return told && actors::backoff(the_only_one(), told->tries + 1) >= actors::shortest_sleep;
    });
    REQUIRE(engine.figures().sagas.residents == 1);
    const auto before = engine.provider.settles.size();
    engine.advance_clock_only(engine.retried(the_only_one())->next_try_at - engine.now());
    engine.run_actors();
    REQUIRE(engine.provider.settles.size() == before + 1);
    const auto answer_the_try = std::move(engine.jobs.back());
    engine.jobs.pop_back();
    engine.run();
    engine.operate({the_only_one(), domain::operator_action::retry, "mina", "go on"});
    engine.run_actors();
    // The operator's wish is durable, and then, before all have heard, the try has no outcome.
    for (int i = 0; i <= turns; ++i) engine.step();
    answer_the_try();
    mend_bank(engine);
    engine.run();
    if (engine.provider.settles.size() == before + 1) continue;
    ++begun_at_once;
    CHECK(domain::finished(engine.stored(the_only_one())));
  }
  CHECK(begun_at_once > 0);
}

TEST_CASE("while the journal of a shard stands still, nobody is brought back") {
  constexpr std::size_t reservations = 30;
  virtual_engine engine;
  let_sleep_in_shard_0(engine, reservations);
  const auto tries = engine.provider.settles.size();
  engine.silence_reservations();
  engine.place(a_placement());
  engine.advance(engine.options.journal_patience + 100ms);
  const auto awake = engine.figures().sagas.residents;
  engine.advance(2min);
  CHECK(engine.figures().sagas.residents <= awake);
  CHECK(engine.provider.settles.size() - tries <= awake);
  engine.let_reservations_answer();
  mend_bank(engine);
  engine.advance(40s);
  for (std::uint64_t n = 1; n <= reservations; ++n) {
    CAPTURE(n);
    CHECK(domain::finished(engine.stored(storage::id_of(0, n))));
  }
  CHECK(engine.figures().sagas.asleep == 0);
}

TEST_CASE("however many are due, a shard brings back a few at a time") {
  constexpr std::size_t reservations = 100;
  virtual_engine engine;
  let_sleep_in_shard_0(engine, reservations);
  // As if the process had stood still: all are due at once.
  engine.advance_clock_only(1min);
  const auto before = engine.provider.settles.size();
  std::set<domain::reservation_id> tried;
  for (std::size_t looks = 0; tried.size() < reservations; ++looks) {
    REQUIRE(looks <= 2 * reservations / engine.options.shards.wakes_at_once);
    const auto so_far = engine.provider.settles.size();
    while (engine.step()) {
      CHECK(engine.figures().sagas.residents <= engine.options.shards.wakes_at_once);
    }
    CHECK(engine.provider.settles.size() - so_far <= engine.options.shards.wakes_at_once);
    tried = {engine.provider.settles.begin() + static_cast<std::ptrdiff_t>(before),
             engine.provider.settles.end()};
    engine.advance_clock_only(actors::shard_tick);
  }
}

TEST_CASE("those for which there is no alarm left leave memory too, and end all the same") {
  constexpr std::size_t reservations = 20;
  actors::engine_options options;
  options.shards.sleepers = 5;
  virtual_engine engine(options);
  break_bank(engine);
  place_in_shard_0(engine, reservations);
  engine.advance(8s);
  advance_until(engine, [&] { return engine.figures().sagas.residents == 0; });
  CHECK(engine.figures().sagas.asleep == options.shards.sleepers);
  std::size_t told = 0;
  for (std::uint64_t n = 1; n <= reservations; ++n) told += engine.retried(storage::id_of(0, n)).has_value();
  CHECK(told == options.shards.sleepers);
  for (int i = 0; i < 600; ++i) {
    engine.advance(100ms);
    REQUIRE(engine.figures().sagas.asleep <= options.shards.sleepers);
  }
  mend_bank(engine);
  engine.advance(60s);
  for (std::uint64_t n = 1; n <= reservations; ++n) {
    CAPTURE(n);
    CHECK(domain::finished(engine.stored(storage::id_of(0, n))));
    CHECK_FALSE(engine.retried(storage::id_of(0, n)));
  }
  CHECK(engine.figures().sagas.asleep == 0);
}

TEST_CASE("while the book of receipts is silent those of its first second stay, and all later ones sleep") {
  virtual_engine engine;
  engine.silence_receipts();
  for (int second = 0; second < 20; ++second) {
    for (int i = 0; i < 50; ++i) engine.place(a_placement());
    engine.advance(1s);
  }
  engine.advance(10s);
  CHECK(engine.figures().sagas.residents <= 100);
  CHECK(engine.figures().sagas.asleep >= 900);
  engine.let_receipts_answer();
  engine.advance(30s);
  for (domain::reservation_id id = 1; id <= 1000; ++id) {
    CAPTURE(id);
    REQUIRE(engine.stored(id).receipt == domain::receipt_status::receipt_issued);
  }
  CHECK(engine.figures().sagas.asleep == 0);
}

TEST_CASE("a shard with sleepers goes to another node at once, which takes them up") {
  virtual_cluster cluster;
  break_bank(cluster);
  auto& a = cluster.start("a");
  cluster.advance(1s);
  constexpr domain::reservation_id reservations = 300;
  for (domain::reservation_id i = 0; i < reservations; ++i) {
    a.place(a_placement());
    cluster.advance(25ms);
  }
  cluster.advance(20s);
  advance_until(cluster, [&] { return a.sagas().residents == 0; });
  REQUIRE(a.sagas().asleep == reservations);
  REQUIRE(a.retried(1));

  auto& b = cluster.start("b");
  const auto done = a.hand_over();
  cluster.advance_until([&] { return b.serves().size() == storage::shard_count; }, 5s);
  CHECK(done->wait_for(0ms));
  CHECK(a.sagas().asleep == 0);
  CHECK_FALSE(a.retried(1));
  CHECK(b.retried(1));
  cluster.advance(5s);
  CHECK(b.sagas().asleep + b.sagas().residents == reservations);
  mend_bank(cluster);
  const auto settles = cluster.provider.settles.size();
  cluster.advance(20s);
  for (domain::reservation_id id = 1; id <= reservations; ++id) {
    CAPTURE(id);
    REQUIRE(cluster.stored(id).status == reservation_status::reservated);
  }
  // Only its owner has tried.
  CHECK(cluster.provider.settles.size() - settles == reservations);
  CHECK(b.sagas().asleep == 0);
  CHECK(a.fatal.empty());
  CHECK(b.fatal.empty());
}
