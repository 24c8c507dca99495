// How many requests each may make, on a clock of the test's.
#include "http/rate_limiter.hpp"

#include <doctest/doctest.h>

#include <string>

namespace holdfast::testing {
namespace {

using namespace std::chrono_literals;
using http::rate_limiter;

rate_limiter::time_point limiter_time(std::chrono::milliseconds since_start) {
  return rate_limiter::time_point(1h) + since_start;
}

TEST_CASE("a window's requests may come at once, then as they are refilled") {
  rate_limiter limiter({.requests = 5, .window = 1000ms});
  for (std::uint32_t i = 0; i < 5; ++i) {
    const auto state = limiter.take("ann", limiter_time(0ms));
    CHECK(state.allowed);
    CHECK(state.remaining == 4 - i);
    CHECK(state.wait == (i + 1) * 200ms);
  }
  for (const auto at : {0ms, 100ms, 199ms}) {
    const auto state = limiter.take("ann", limiter_time(at));
    CHECK_FALSE(state.allowed);
    CHECK(state.remaining == 0);
    CHECK(state.wait == 200ms - at);
  }
  CHECK(limiter.take("ann", limiter_time(200ms)).allowed);
  CHECK_FALSE(limiter.take("ann", limiter_time(200ms)).allowed);
  // Full again, and no fuller than that.
  int allowed = 0;
  while (limiter.take("ann", limiter_time(1h)).allowed) ++allowed;
  CHECK(allowed == 5);
}

TEST_CASE("over a long time no more is allowed than the rate, however it is asked") {
  rate_limiter limiter({.requests = 3, .window = 1000ms});
  int allowed = 0;
  for (auto at = 0ms; at < 10'000ms; at += 7ms) allowed += limiter.take("ann", limiter_time(at)).allowed;
  CHECK(allowed >= 30);
  CHECK(allowed <= 33);
}

TEST_CASE("nobody's requests count as another's") {
  rate_limiter limiter({.requests = 1, .window = 1000ms});
  CHECK(limiter.take("ann", limiter_time(0ms)).allowed);
  CHECK(limiter.take("bob", limiter_time(0ms)).allowed);
  CHECK_FALSE(limiter.take("ann", limiter_time(0ms)).allowed);
}

TEST_CASE("no more are remembered than the bound, and who has waited is forgotten first") {
  rate_limiter limiter({.requests = 2, .window = 1000ms}, 10);
  for (int i = 0; i < 10; ++i) CHECK(limiter.take(std::to_string(i), limiter_time(0ms)).allowed);
  const auto state = limiter.take("new", limiter_time(1ms));
  CHECK_FALSE(state.allowed);
  CHECK(state.wait > 0ms);
  CHECK(limiter.principals() == 10);
  // Those who are remembered are served meanwhile.
  CHECK(limiter.take("3", limiter_time(2ms)).allowed);
  CHECK_FALSE(limiter.take("3", limiter_time(2ms)).allowed);
  CHECK(limiter.take("new", limiter_time(600ms)).allowed);
  CHECK(limiter.principals() == 2);
  CHECK_FALSE(limiter.take("3", limiter_time(400ms)).allowed);
}

}  // namespace
}  // namespace holdfast::testing
