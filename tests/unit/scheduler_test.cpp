// The scheduler that runs actors on lent event loops: whatever else is ready, every actor gets its turn,
// and the loops' own handlers too.
#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "actors/scheduler.hpp"
#include "tests/support/http_client.hpp"

using namespace std::chrono_literals;
using holdfast::testing::eventually;
namespace asio = boost::asio;

namespace {

constexpr auto deadline = 30s;
constexpr int victims = 40;

struct test_loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread{[this] { context.run(); }};

  ~test_loop() {
    context.stop();
    thread.join();
  }
  void run(std::function<void()> task) { asio::post(context, std::move(task)); }
  /// Runs it there, and waits.
  void run_now(const std::function<void()>& task) {
    std::promise<void> done;
    run([&] {
      task();
      done.set_value();
    });
    REQUIRE(done.get_future().wait_for(deadline) == std::future_status::ready);
  }
};

struct system_config : caf::actor_system_config {
  system_config() { holdfast::actors::use_lent_loops(*this); }
};

/// Two loops that run the actors of a system, until the test ends.
struct lent_system {
  std::vector<std::unique_ptr<test_loop>> loops;
  system_config config;
  std::atomic<bool> playing{true};
  std::atomic<long> hops{0};
  std::atomic<int> counted{0};
  std::unique_ptr<caf::actor_system> system = std::make_unique<caf::actor_system>(config);

  lent_system() {
    std::vector<holdfast::actors::lent_loop> lent;
    for (int i = 0; i < 2; ++i) {
      auto& loop = *loops.emplace_back(std::make_unique<test_loop>());
      lent.push_back([&loop](std::function<void()> task) { loop.run(std::move(task)); });
    }
    holdfast::actors::lend_loops(*system, std::move(lent));
  }
  ~lent_system() {
    playing = false;
    for (const auto& each : all) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    all.clear();
    system.reset();
  }

  /// Sends a message back and forth with another, each turn a while long.
  caf::actor spawn_player() {
    return keep(system->spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](const caf::actor& other) {
        ++hops;
        const auto until = std::chrono::steady_clock::now() + 20us;
        while (std::chrono::steady_clock::now() < until) {
        }
        if (playing) self->send(other, caf::actor_cast<caf::actor>(self));
      }};
    }));
  }
  caf::actor spawn_counter() {
    return keep(system->spawn(
        [this](caf::event_based_actor*) -> caf::behavior { return {[this](int) { ++counted; }}; }));
  }
  /// For as long as the test lasts, from the loop's own thread.
  void keep_busy(test_loop& loop) { loop.run(players()); }
  /// Spawns some, and lets them begin when it is called.
  std::function<void()> players() {
    std::vector<std::pair<caf::actor, caf::actor>> pairs;
    for (int i = 0; i < 4; ++i) pairs.emplace_back(spawn_player(), spawn_player());
    return [pairs] {
      for (const auto& [one, other] : pairs) caf::anon_send(one, other);
    };
  }

  std::vector<caf::actor> all;

 private:
  caf::actor keep(caf::actor one) {
    all.push_back(one);
    return one;
  }
};

TEST_CASE("it tells how many actors wait for a loop") {
  lent_system lent;
  CHECK(holdfast::actors::ready_actors(*lent.system) == 0);
  std::vector<caf::actor> counters;
  for (int i = 0; i < 3; ++i) counters.push_back(lent.spawn_counter());
  // A loop that is not held yet would take some of what it is to find.
  std::promise<void> go_on;
  const auto gone_on = go_on.get_future().share();
  std::latch held(2);
  for (auto& loop : lent.loops) {
    loop->run([&held, gone_on] {
      held.count_down();
      gone_on.wait();
    });
  }
  held.wait();
  for (const auto& counter : counters) {
    for (int i = 0; i < 2; ++i) caf::anon_send(counter, i);
  }
  CHECK(holdfast::actors::ready_actors(*lent.system) == 3);
  go_on.set_value();
  CHECK(eventually([&] { return lent.counted == 6 && holdfast::actors::ready_actors(*lent.system) == 0; }));
}

TEST_CASE("actors that one busy loop gave to another one are run, though both stay busy") {
  lent_system lent;
  std::vector<caf::actor> counters;
  for (int i = 0; i < victims; ++i) counters.push_back(lent.spawn_counter());
  // The second loop is held while it is called in, and has work of its own before it comes to that.
  std::promise<void> go_on;
  std::promise<void> held;
  lent.loops[1]->run([&, play = lent.players()] {
    held.set_value();
    go_on.get_future().wait();
    play();
  });
  held.get_future().wait();
  lent.loops[0]->run_now([&, play = lent.players()] {
    for (const auto& each : counters) caf::anon_send(each, 1);
    play();
  });
  go_on.set_value();
  CHECK(eventually([&] { return lent.counted == victims; }));
  CHECK(lent.hops > 0);
}

TEST_CASE("what comes from another thread is run, though both loops stay busy") {
  lent_system lent;
  const auto counter = lent.spawn_counter();
  for (const auto& loop : lent.loops) lent.keep_busy(*loop);
  REQUIRE(eventually([&] { return lent.hops > 100; }));
  for (int i = 0; i < victims; ++i) caf::anon_send(counter, i);
  CHECK(eventually([&] { return lent.counted == victims; }));
}

TEST_CASE("a loop looks after its own handlers, though its actors stay busy") {
  lent_system lent;
  for (const auto& loop : lent.loops) lent.keep_busy(*loop);
  REQUIRE(eventually([&] { return lent.hops > 100; }));
  for (const auto& loop : lent.loops) loop->run_now([] {});
}

TEST_CASE("one that runs first does so before all that were ready before it") {
  lent_system lent;
  std::vector<int> order;
  const auto recorder = [&](int name) {
    auto one = lent.system->spawn([&order, name](caf::event_based_actor*) -> caf::behavior {
      return {[&order, name](int) { order.push_back(name); }};
    });
    lent.all.push_back(one);
    return one;
  };
  const auto others = std::vector{recorder(1), recorder(2), recorder(3)};
  const auto first = recorder(0);
  // They have to be there, and have had their first turn.
  REQUIRE(eventually([&] { return lent.system->registry().running() >= 4; }));
  lent.loops[0]->run_now([] {});
  holdfast::actors::run_first(*lent.system, first);
  lent.loops[0]->run_now([&] {
    for (const auto& each : others) caf::anon_send(each, 1);
    caf::anon_send(first, 1);
  });
  REQUIRE(eventually([&] {
    bool all = false;
    lent.loops[0]->run_now([&] { all = order.size() == 4; });
    return all;
  }));
  CHECK(order == std::vector{0, 1, 2, 3});
}

TEST_CASE("a system ends while its loops go on, and another may begin on them") {
  for (int times = 0; times < 20; ++times) {
    lent_system lent;
    const auto counter = lent.spawn_counter();
    for (const auto& loop : lent.loops) loop->run([counter] { caf::anon_send(counter, 1); });
    REQUIRE(eventually([&] { return lent.counted == 2; }));
  }
}

}  // namespace
