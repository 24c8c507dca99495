// How many commands the engine lets in: as many as ever while its loops keep up, and no more than it
// answers soon once one lags.
#include "actors/admission.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

using namespace holdfast::actors;
using namespace std::chrono_literals;

namespace {

/// An admission on a clock and a loop that the test turns.
struct gate {
  admission::clock::time_point now{1h};
  std::vector<std::function<void()>> tasks;
  std::shared_ptr<admission> door = std::make_shared<admission>([this] { return now; });

  gate() {
    door->open({[this](std::function<void()> task) { tasks.push_back(std::move(task)); }});
  }

  void turn_loop() {
    for (const auto& task : std::exchange(tasks, {})) task();
  }
  /// Admits until it refuses; how many.
  std::uint32_t fill() {
    std::uint32_t admitted = 0;
    while (door->admit()) ++admitted;
    return admitted;
  }
  void empty(std::uint32_t admitted) {
    while (admitted-- > 0) door->leave();
  }
};

}  // namespace

TEST_CASE("while the loops keep up only the fixed bound holds, however slow the answers are") {
  command_bound bound;
  for (int look = 0; look < 1000; ++look) bound.look(0, look_every, false);
  CHECK(bound.now() == largest_commands_under_way);
}

TEST_CASE("while a loop lags as many are let in as are answered within the wait") {
  command_bound bound;
  constexpr std::uint64_t answered_each_look = 500;
  for (int look = 0; look < 100; ++look) bound.look(answered_each_look, look_every, true);
  const auto looks_in_wait = longest_wait_under_pressure / look_every;
  const auto expected = static_cast<double>(answered_each_look * static_cast<std::uint64_t>(looks_in_wait));
  CHECK(bound.now() <= expected * 1.3);
  CHECK(bound.now() >= expected * 0.7);
}

TEST_CASE("the bound never falls so low that the loops would run dry") {
  command_bound bound;
  for (int look = 0; look < 100; ++look) bound.look(0, look_every, true);
  CHECK(bound.now() == smallest_command_bound);
}

TEST_CASE("once no loop lags the bound is what it was within a second, in many looks or one") {
  for (const int looks : {1, 50}) {
    command_bound bound;
    for (int look = 0; look < 100; ++look) bound.look(0, look_every, true);
    for (int look = 0; look < looks; ++look) bound.look(10, std::chrono::nanoseconds{1s} / looks, false);
    CHECK(bound.now() == largest_commands_under_way);
  }
}

TEST_CASE("a task that has had no turn on its loop shows that the loop lags") {
  gate gate;
  REQUIRE(gate.door->admit());
  gate.door->leave();
  REQUIRE(gate.tasks.size() == 1);
  gate.now += look_every;
  const auto under_pressure = gate.fill();
  CHECK(under_pressure == smallest_command_bound);
  gate.empty(under_pressure);

  gate.turn_loop();
  gate.now += 1s;
  CHECK(gate.door->admit());
  gate.door->leave();
  CHECK(gate.fill() == largest_commands_under_way);
}

TEST_CASE("a loop that turns in time is asked again with each look, and one that lags only once") {
  gate gate;
  for (int look = 0; look < 3; ++look) {
    CHECK(gate.door->admit());
    CHECK(gate.tasks.size() == 1);
    gate.turn_loop();
    gate.now += look_every;
  }
  for (int look = 0; look < 3; ++look) {
    CHECK(gate.door->admit());
    CHECK(gate.tasks.size() == 1);
    gate.now += look_every;
  }
}

TEST_CASE("who is refused does not count, and a closed door lets nobody in") {
  gate gate;
  const auto admitted = gate.fill();
  CHECK_FALSE(gate.door->admit());
  CHECK_FALSE(gate.door->close_and_wait(0ms));
  gate.empty(admitted);
  CHECK(gate.door->close_and_wait(0ms));
  CHECK_FALSE(gate.door->admit());
}
