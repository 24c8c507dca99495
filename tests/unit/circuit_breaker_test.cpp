// Ladders of operations on a circuit breaker. Each line of a ladder is
//
//   <ms> <operation> -> <expected>
//
// charge, compensate   begin so many calls (charge 3); expected: how many were permitted
// ok, fail             end so many of the oldest calls under way, of charges unless it says
//                      `ok 2 compensate`; expected: the state after it
// is                   expected: the state
#include "actors/circuit_breaker.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using holdfast::actors::circuit_breaker;
using holdfast::actors::circuit_breaker_options;
using kind = circuit_breaker::kind;
using outcome = circuit_breaker::outcome;

namespace {

class ladder {
 public:
  explicit ladder(circuit_breaker_options options = {}) : breaker(options) {}

  void climb(const std::string& lines) {
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) {
      if (line.find("->") == std::string::npos) continue;
      CAPTURE(line);
      step(line);
    }
  }

  circuit_breaker breaker;
  std::vector<circuit_breaker::ticket> ended;

 private:
  void step(const std::string& line) {
    const auto arrow = line.find("->");
    std::istringstream words(line.substr(0, arrow));
    std::istringstream result(line.substr(arrow + 2));
    std::string operation;
    std::string which = "charge";
    std::string expected;
    int at_ms = 0;
    int count = 0;
    words >> at_ms >> operation >> count >> which;
    result >> expected;
    now = circuit_breaker::time_point(std::chrono::milliseconds(at_ms));
    if (operation == "charge" || operation == "compensate") {
      CHECK(std::to_string(begin(operation, count)) == expected);
      return;
    }
    if (which.empty()) which = "charge";
    if (operation == "ok") end(which, count, outcome::ok);
    if (operation == "fail") end(which, count, outcome::failed);
    CHECK(state() == expected);
  }

  int begin(const std::string& which, int count) {
    int permitted = 0;
    for (int i = 0; i < count; ++i) {
      const auto ticket = breaker.try_acquire(which == "charge" ? kind::charging : kind::compensating, now);
      if (!ticket) continue;
      open[which].push_back(*ticket);
      ++permitted;
    }
    return permitted;
  }

  void end(const std::string& which, int count, outcome how) {
    auto& tickets = open[which];
    REQUIRE(tickets.size() >= static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      breaker.release(tickets.front(), how, now);
      ended.push_back(tickets.front());
      tickets.erase(tickets.begin());
    }
  }

  std::string state() const {
    switch (breaker.figures().now) {
      case circuit_breaker::state::closed:
        return "closed";
      case circuit_breaker::state::open:
        return "open";
      case circuit_breaker::state::half_open:
        return "half_open";
    }
    return "?";
  }

  circuit_breaker::time_point now;
  std::map<std::string, std::vector<circuit_breaker::ticket>> open;
};

/// Ten failures at 0 ms: open until 5000 ms.
const std::string opened = R"(
    0 charge 10 -> 10
    0 fail 10   -> open
)";

}  // namespace

TEST_CASE("nine failures don't open it, the tenth does") {
  ladder().climb(R"(
    0 charge 10 -> 10
    0 fail 9    -> closed
    0 fail 1    -> open
    0 charge 5  -> 0
    0 compensate 1 -> 0
  )");
}

TEST_CASE("it opens at half of the calls failed, not before") {
  ladder().climb(R"(
    0 charge 20 -> 20
    0 ok 11     -> closed
    0 fail 9    -> closed
    0 charge 1  -> 1
    0 fail 1    -> open
  )");
  ladder().climb(R"(
    0 charge 20 -> 20
    0 ok 10     -> closed
    0 fail 9    -> closed
    0 fail 1    -> open
  )");
}

TEST_CASE("a call of several exchanges is as slow as the longest of them") {
  circuit_breaker breaker;
  const auto call = [&](std::chrono::milliseconds longest_exchange) {
    const auto ticket = breaker.try_acquire(kind::charging, {});
    REQUIRE(ticket);
    breaker.release(*ticket, outcome::ok, circuit_breaker::time_point(2s), longest_exchange);
  };
  for (int i = 0; i < 20; ++i) call(464ms);
  CHECK(breaker.closed());
  for (int i = 0; i < 10; ++i) call(465ms);
  CHECK(breaker.open());
}

TEST_CASE("only the last twenty calls count") {
  ladder().climb(R"(
    0 charge 40 -> 40
    0 ok 20     -> closed
    0 fail 9    -> closed
    0 ok 11     -> closed
    0 charge 20 -> 20
    0 ok 9      -> closed
    0 fail 9    -> closed
    0 fail 1    -> open
  )");
}

TEST_CASE("it opens at half of the calls slow, and a call of exactly the limit is slow") {
  ladder().climb(R"(
    0 charge 10 -> 10
    464 ok 5    -> closed
    465 ok 4    -> closed
    465 ok 1    -> open
  )");
  ladder().climb(R"(
    0 charge 10 -> 10
    464 ok 10   -> closed
  )");
}

TEST_CASE("compensations are judged with the charges") {
  ladder().climb(R"(
    0 compensate 10 -> 10
    0 fail 9 compensate -> closed
    0 charge 1 -> 1
    0 ok 1     -> open
  )");
}

TEST_CASE("it stays open for five seconds and then permits three probes of each kind") {
  ladder at;
  at.climb(opened + R"(
    4999 charge 1     -> 0
    4999 is           -> open
    5000 charge 5     -> 3
    5000 is           -> half_open
    5000 compensate 5 -> 3
    5000 charge 1     -> 0
  )");
  CHECK(at.breaker.figures().not_permitted == 1 + 2 + 2 + 1);
  CHECK(at.breaker.figures().calls_under_way == 6);
}

TEST_CASE("three probes that went well close it") {
  ladder().climb(opened + R"(
    5000 charge 3 -> 3
    5100 ok 2     -> half_open
    5100 charge 1 -> 0
    5100 ok 1     -> closed
    5100 charge 20 -> 20
  )");
}

TEST_CASE("compensations alone can close it") {
  ladder().climb(opened + R"(
    5000 compensate 3 -> 3
    5000 ok 3 compensate -> closed
  )");
}

TEST_CASE("two probes of one kind and one of the other don't close it") {
  ladder().climb(opened + R"(
    5000 charge 2 -> 2
    5000 compensate 1 -> 1
    5000 ok 2     -> half_open
    5000 ok 1 compensate -> half_open
    5000 charge 1 -> 1
    5000 ok 1     -> closed
  )");
}

TEST_CASE("the first bad probe opens it again, for five seconds from then") {
  ladder().climb(opened + R"(
    5000 charge 3  -> 3
    5100 ok 2      -> half_open
    5200 fail 1    -> open
    10199 charge 1 -> 0
    10200 charge 1 -> 1
  )");
}

TEST_CASE("a slow probe is a bad one") {
  ladder().climb(opened + R"(
    5000 charge 1 -> 1
    5465 ok 1     -> open
  )");
}

TEST_CASE("calls from before a change of state are not judged after it") {
  ladder at;
  at.climb(R"(
    0 charge 40    -> 40
    0 fail 10      -> open
    0 fail 5       -> open
    5000 charge 3  -> 3
    5000 fail 10   -> half_open
    5000 ok 15     -> half_open
    5000 ok 3      -> closed
  )");
  CHECK(at.breaker.figures().calls_under_way == 0);
  CHECK(at.breaker.figures().window_calls == 0);
}

TEST_CASE("the window of one closed time does not leak into the next") {
  ladder().climb(opened + R"(
    5000 charge 3  -> 3
    5000 ok 3      -> closed
    5000 charge 10 -> 10
    5000 fail 9    -> closed
    5000 fail 1    -> open
  )");
}

TEST_CASE("at most 64 calls at once, of both kinds together") {
  ladder at;
  at.climb(R"(
    0 charge 40     -> 40
    0 compensate 30 -> 24
    0 charge 1      -> 0
    0 ok 1          -> closed
    0 charge 2      -> 1
  )");
  CHECK(at.breaker.figures().calls_under_way == 64);
  CHECK(at.breaker.figures().not_permitted == 8);
}

TEST_CASE("lost probes don't keep it half-open for ever") {
  ladder().climb(opened + R"(
    5000 charge 3  -> 3
    14999 charge 1 -> 0
    15000 charge 4 -> 3
    15000 is       -> half_open
  )");
}

TEST_CASE("a lost probe does not count as one that went well, even when it comes back") {
  ladder().climb(opened + R"(
    5000 charge 1  -> 1
    15000 charge 3 -> 3
    15000 ok 1     -> half_open
    15000 ok 2     -> half_open
    15000 ok 1     -> closed
  )");
}

TEST_CASE("lost calls give back their places") {
  ladder at;
  at.climb(R"(
    0 charge 70     -> 64
    9999 charge 1   -> 0
    10000 charge 70 -> 64
  )");
  CHECK(at.breaker.bulkhead_full());
  at.breaker.forget_lost(circuit_breaker::time_point(std::chrono::milliseconds(19'999)));
  CHECK(at.breaker.bulkhead_full());
  at.breaker.forget_lost(circuit_breaker::time_point(std::chrono::milliseconds(20'000)));
  CHECK_FALSE(at.breaker.bulkhead_full());
}

TEST_CASE("a ticket counts once") {
  ladder at;
  at.climb(R"(
    0 charge 2 -> 2
    0 fail 1   -> closed
  )");
  for (int i = 0; i < 20; ++i) at.breaker.release(at.ended[0], outcome::failed, {});
  at.breaker.release(12345, outcome::failed, {});
  CHECK(at.breaker.figures().window_calls == 1);
  CHECK(at.breaker.figures().window_failed == 1);
  CHECK(at.breaker.figures().calls_under_way == 1);
}

TEST_CASE("the figures count the window") {
  ladder at;
  at.climb(R"(
    0 charge 6  -> 6
    0 ok 1      -> closed
    500 ok 2    -> closed
    500 fail 1  -> closed
  )");
  const auto figures = at.breaker.figures();
  CHECK(figures.window_calls == 4);
  CHECK(figures.window_failed == 1);
  CHECK(figures.window_slow == 3);
  CHECK(figures.calls_under_way == 2);
  CHECK(figures.not_permitted == 0);
}

TEST_CASE("calls count by how they ended, whatever the state they ended in, and those that are lost") {
  ladder calls;
  calls.climb(R"(
      0    charge 12 -> 12
      10   ok 2      -> closed
      500  fail 8    -> open
      500  fail 1    -> open
      600  charge 3  -> 0
      )");
  auto seen = calls.breaker.figures();
  CHECK(seen.succeeded == 2);
  CHECK(seen.failed == 9);
  CHECK(seen.slow == 9);
  CHECK(seen.not_permitted == 3);
  CHECK(seen.lost == 0);
  calls.breaker.forget_lost(circuit_breaker::time_point(std::chrono::seconds(20)));
  seen = calls.breaker.figures();
  CHECK(seen.lost == 1);
  CHECK(seen.calls_under_way == 0);
}
