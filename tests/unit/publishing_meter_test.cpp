// What is told of how far the Redis stream is behind the journal.
#include "http/publishing_meter.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <initializer_list>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

const auto start = http::publishing_meter::clock::time_point{} + 1h;

storage::journal_place shards_at(std::initializer_list<storage::position> first_ones) {
  storage::journal_place place(storage::shard_count, 0);
  std::copy(first_ones.begin(), first_ones.end(), place.begin());
  return place;
}

}  // namespace

TEST_CASE("a stream that has everything is not behind") {
  http::publishing_meter meter(start);
  meter.at(shards_at({7, 3}));
  meter.looked(shards_at({7, 3}), start + 1s);
  CHECK(meter.read(start + 1h).lag_records == 0);
  CHECK(meter.read(start + 1h).behind_for == 0s);
  // Another node is ahead of what this one has seen of the journal.
  meter.at(shards_at({9, 3}));
  meter.looked(shards_at({8, 3}), start + 2s);
  CHECK(meter.read(start + 1h).lag_records == 0);
}

TEST_CASE("the lag counts from the last look that found nothing missing") {
  http::publishing_meter meter(start);
  meter.at(shards_at({}));
  meter.looked(shards_at({}), start + 1s);
  meter.looked(shards_at({5, 2}), start + 2s);
  CHECK(meter.read(start + 4s).lag_records == 7);
  CHECK(meter.read(start + 4s).behind_for == 3s);
  meter.wrote(9);
  meter.at(shards_at({5, 2}));
  meter.looked(shards_at({5, 2}), start + 5s);
  CHECK(meter.read(start + 6s).behind_for == 0s);
  CHECK(meter.read(start + 6s).published == 9);
}

TEST_CASE("a stream that never has everything is as far behind as what it has not passed") {
  http::publishing_meter meter(start);
  meter.at(shards_at({}));
  // A record a second, published three seconds later.
  for (std::uint64_t second = 1; second <= 100; ++second) {
    if (second > 3) meter.at(shards_at({second - 3}));
    meter.looked(shards_at({second}), start + std::chrono::seconds(second));
  }
  const auto seen = meter.read(start + 100s);
  CHECK(seen.lag_records == 3);
  CHECK(seen.behind_for >= 3s);
  CHECK(seen.behind_for <= 6s);
}

TEST_CASE("while it can't be known what the stream lacks, it is behind") {
  http::publishing_meter meter(start);
  meter.failed(http::publishing_obstacle::redis);
  CHECK(meter.read(start + 9s).behind_for == 9s);
  // Its place is not known yet: there is nothing to count from.
  meter.looked(shards_at({4}), start + 9s);
  CHECK(meter.read(start + 9s).lag_records == 0);
  meter.at(shards_at({4}));
  meter.looked(shards_at({4}), start + 10s);
  CHECK(meter.read(start + 11s).behind_for == 0s);
  meter.failed(http::publishing_obstacle::redis);
  meter.failed(http::publishing_obstacle::journal);
  // The journal goes on while Redis is away.
  meter.looked(shards_at({6}), start + 20s);
  const auto seen = meter.read(start + 30s);
  CHECK(seen.lag_records == 2);
  CHECK(seen.behind_for == 20s);
  CHECK(seen.errors == std::array<std::uint64_t, 2>{1, 2});
}
