// What the actors count as they go, on virtual time: that the figures say what was done, and nothing else.
#include "actors/meters.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using actors::view_call;
using domain::placement_outcome;
using domain::step;
using testing::a_placement;
using testing::virtual_engine;

namespace {

using outcomes = std::array<std::uint64_t, actors::outcome_count>;
/// none, charge, settle, issue_receipt, void_receipt, refund
using steps = std::array<std::uint64_t, actors::step_count>;

std::uint64_t count_of(const actors::counted_values& values) {
  std::uint64_t all = 0;
  for (const auto count : values.counts) all += count;
  return all;
}

void place(virtual_engine& engine) {
  engine.place(a_placement());
  engine.run();
}

payments::charge_answer charged(payments::charge_status status) {
  return {status, {}, "scripted"};
}

/// Never answers but when it is closed.
class silent_provider final : public payments::provider {
 public:
  void charge(payments::charge_request, std::function<void(payments::charge_answer)> done) override {
    waiting.push_back(std::move(done));
  }
  void settle(payments::settle_request, std::function<void(payments::settle_answer)> done) override {
    done({});
  }
  void refund(payments::refund_request, std::function<void(payments::refund_answer)> done) override {
    done({});
  }
  void close() override {}

  std::vector<std::function<void(payments::charge_answer)>> waiting;
};

}  // namespace

TEST_CASE("a saga that was paid, and one that was cancelled afterwards, have ended with all their steps") {
  virtual_engine engine;
  CHECK(engine.figures().sagas.steps_begun == steps{});
  place(engine);
  auto seen = engine.figures().sagas;
  CHECK(seen.ended == outcomes{0, 1, 0, 0, 0});
  CHECK(seen.steps_begun == steps{0, 1, 0, 1, 0, 0});
  engine.cancel(1);
  engine.run();
  seen = engine.figures().sagas;
  CHECK(seen.ended == outcomes{0, 1, 0, 0, 1});
  CHECK(seen.steps_begun == steps{0, 1, 0, 1, 1, 1});
  CHECK(seen.steps_retried == steps{});
}

TEST_CASE("a saga that came to nothing has ended as its customer is told") {
  virtual_engine engine;
  engine.provider.on_charge = [](const auto&) { return charged(payments::charge_status::declined); };
  place(engine);
  engine.provider.on_charge = [](const auto&) { return charged(payments::charge_status::not_charged); };
  place(engine);
  place(engine);
  CHECK(engine.figures().sagas.ended == outcomes{0, 0, 1, 2, 0});
  engine.cancel(1);
  engine.run();
  CHECK(engine.figures().sagas.ended == outcomes{0, 0, 1, 2, 0});
}

TEST_CASE("a saga has ended when that is durable, not when it is decided") {
  virtual_engine engine;
  bool answered = false;
  engine.provider.on_charge = [&](const auto&) {
    answered = true;
    return charged(payments::charge_status::declined);
  };
  engine.place(a_placement());
  while (!answered) engine.step();
  // What follows from it, but for the journal's answer.
  engine.run_actors();
  CHECK(engine.figures().sagas.ended == outcomes{});
  engine.run();
  CHECK(engine.figures().sagas.ended == outcomes{0, 0, 1, 0, 0});
}

TEST_CASE("every further try of a step counts") {
  virtual_engine engine;
  place(engine);
  int failures = 3;
  const auto refund = engine.provider.on_refund;
  engine.provider.on_refund = [&](const auto& request) {
    return failures-- > 0 ? payments::refund_answer{} : refund(request);
  };
  engine.cancel(1);
  engine.advance(1min);
  const auto seen = engine.figures().sagas;
  CHECK(seen.steps_begun[5] == 1);
  CHECK(seen.steps_retried == steps{0, 0, 0, 0, 0, 3});
  CHECK(seen.ended == outcomes{0, 1, 0, 0, 1});
}

TEST_CASE("a receipt that the desk has to be asked for again is retried") {
  virtual_engine engine;
  int failures = 1;
  engine.before_delivery_date = [&] {
    if (failures-- > 0) throw std::runtime_error("scripted");
  };
  engine.place(a_placement());
  engine.advance(1min);
  const auto seen = engine.figures().sagas;
  CHECK(seen.steps_begun == steps{0, 1, 0, 1, 0, 0});
  CHECK(seen.steps_retried[3] >= 1);
  CHECK(seen.ended == outcomes{0, 1, 0, 0, 0});
}

TEST_CASE("reservations are resident from their placement until they rest, and after a restart too") {
  virtual_engine engine;
  engine.silence_receipts();
  for (int i = 0; i < 5; ++i) place(engine);
  CHECK(engine.figures().sagas.residents == 5);
  engine.restart();
  CHECK(engine.figures().sagas.residents == 5);
  engine.let_receipts_answer();
  engine.advance(1min);
  CHECK(engine.figures().sagas.residents == 0);
  CHECK(engine.figures().sagas.ended == outcomes{0, 5, 0, 0, 0});
}

TEST_CASE("reservations that go down are not resident until they are back") {
  virtual_engine engine;
  bool fails = false;
  engine.before_clock = [&] {
    if (fails) throw std::runtime_error("scripted");
  };
  engine.place(a_placement());
  while (engine.provider.charges.empty()) engine.step();
  fails = true;
  engine.run();
  CHECK(engine.figures().sagas.residents == 0);
  fails = false;
  engine.advance(1min);
  CHECK(engine.figures().sagas.ended == outcomes{0, 1, 0, 0, 0});
  CHECK(engine.figures().sagas.residents == 0);
}

TEST_CASE("each batch counts with its entries, and with the time that it took") {
  virtual_engine engine;
  place(engine);
  auto seen = engine.figures();
  CHECK(count_of(seen.reservations.append_durations) == 3);
  CHECK(seen.reservations.batch_entries.sum == 3);
  CHECK(count_of(seen.receipts.append_durations) == 1);

  // Those that are ready together go together.
  for (int i = 0; i < 3; ++i) engine.place(a_placement());
  engine.run_actors();
  engine.advance_clock_only(400ms);
  CHECK(engine.figures().reservations.under_way_for == 400ms);
  CHECK_FALSE(engine.figures().reservations.stalled);
  // What the clock has woken; then the journal's answer, and what follows from it.
  engine.run_actors();
  engine.step();
  engine.run_actors();
  seen = engine.figures();
  CHECK(seen.reservations.batch_entries.sum == 6);
  CHECK(count_of(seen.reservations.batch_entries) == 4);
  CHECK(count_of(seen.reservations.append_durations) == 4);
  CHECK(std::chrono::nanoseconds(seen.reservations.append_durations.sum) == 400ms);
  CHECK(seen.reservations.under_way_for == 0ms);
}

TEST_CASE("a journal that gives no answer stands still") {
  virtual_engine engine;
  engine.silence_receipts();
  engine.place(a_placement());
  engine.advance(900ms);
  CHECK_FALSE(engine.figures().receipts.stalled);
  engine.advance(200ms);
  CHECK(engine.figures().receipts.stalled);
  CHECK_FALSE(engine.figures().reservations.stalled);
  engine.let_receipts_answer();
  engine.run();
  const auto seen = engine.figures().receipts;
  CHECK_FALSE(seen.stalled);
  CHECK(seen.under_way_for == 0ms);
  CHECK(std::chrono::nanoseconds(seen.append_durations.sum) >= 1s);
}

TEST_CASE("a view that is silent falls behind, by as much as the oldest row has waited") {
  virtual_engine engine;
  CHECK(engine.figures().projection.behind_for == 0ms);
  engine.view.pause();
  place(engine);
  engine.advance(2s);
  place(engine);
  engine.advance(1s);
  CHECK(engine.figures().projection.behind_for == 3s);
  CHECK(engine.progress->lag() == 6);
  engine.view.resume();
  engine.advance(1s);
  CHECK(engine.figures().projection.behind_for == 0ms);
  CHECK(engine.progress->lag() == 0);
  CHECK(engine.figures().projection.errors == std::array<std::uint64_t, actors::view_call_count>{});
}

TEST_CASE("rows that came during a write wait since then, not since those before them") {
  virtual_engine engine;
  const auto let_one_write_end = [&] {
    engine.view.resume();
    engine.view.pause();
    engine.run();
  };
  engine.view.pause();
  place(engine);
  // The row was written as soon as it was there, and once more as it became meanwhile.
  let_one_write_end();
  engine.advance(2s);
  place(engine);
  engine.advance(1s);
  CHECK(engine.figures().projection.behind_for == 3s);
  let_one_write_end();
  CHECK(engine.figures().projection.behind_for == 1s);
  CHECK(engine.progress->lag() == 3);
}

TEST_CASE("failures of the view count by what failed, and it is behind until it is back") {
  virtual_engine engine;
  engine.view.reachable = false;
  place(engine);
  engine.advance(10s);
  const auto seen = engine.figures().projection;
  CHECK(seen.errors[static_cast<std::size_t>(view_call::write)] == 1);
  // Asked again with each look.
  CHECK(seen.errors[static_cast<std::size_t>(view_call::open)] >= 30);
  CHECK(seen.errors[static_cast<std::size_t>(view_call::publish)] == 0);
  CHECK(seen.behind_for >= 9s);
  engine.view.reachable = true;
  engine.advance(1s);
  CHECK(engine.figures().projection.behind_for == 0ms);
  CHECK(engine.progress->lag() == 0);
}

TEST_CASE("calls that find no place in the bulkhead are told apart from those that the breaker refuses") {
  silent_provider provider;
  virtual_engine engine(&provider);
  for (int i = 0; i < 70; ++i) engine.place(a_placement());
  engine.run();
  CHECK(engine.breaker().calls_under_way == 64);
  CHECK(engine.breaker().without_place == 0);
  engine.advance(100ms);
  CHECK(engine.breaker().without_place == 6);
  CHECK(engine.breaker().not_permitted == 0);
  CHECK(engine.figures().sagas.ended == outcomes{0, 0, 0, 6, 0});
  for (auto& answer : provider.waiting) answer(charged(payments::charge_status::declined));
  engine.run();
  CHECK(engine.breaker().calls_under_way == 0);
  CHECK(engine.breaker().succeeded == 64);
}

TEST_CASE("threads count by themselves, and all of it is seen") {
  actors::saga_meter meter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&] {
      for (int times = 0; times < 1000; ++times) {
        meter.came();
        meter.step_begun(step::charge);
        meter.ended(placement_outcome::paid);
        if (times % 2 == 0) meter.left();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto seen = meter.read();
  CHECK(seen.steps_begun == steps{0, 40'000, 0, 0, 0, 0});
  CHECK(seen.ended == outcomes{0, 40'000, 0, 0, 0});
  CHECK(seen.residents == 20'000);
}
