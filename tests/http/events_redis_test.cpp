// The events of the real binary in a real Redis stream, read by redis-cli as a consumer group: all of them,
// in order, through kills of the one and the other, and once whoever publishes them.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/event_publisher.hpp"
#include "storage/event_codec.hpp"
#include "storage/memory_journal.hpp"
#include "tests/support/customers.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/exposition.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

constexpr const char* order = R"({"userId":7,"price":1300000,"cardNo":"1234-5678-9012-3456"})";

/// What redis-cli prints, line by line.
std::vector<std::string> redis_cli(const redis_server& redis, const std::string& command) {
  const auto line = "redis-cli -p " + std::to_string(redis.port()) + " " + command;
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen(line.c_str(), "r"), ::pclose);
  if (!output) throw std::runtime_error("no redis-cli");
  std::string text;
  std::array<char, 4096> bytes;
  while (const auto count = std::fread(bytes.data(), 1, bytes.size(), output.get())) {
    text.append(bytes.data(), count);
  }
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// A member of a consumer group, which reads what no other has read, and acknowledges it by reading.
class consumer {
 public:
  explicit consumer(const redis_server& redis) : redis_(redis) {
    redis_cli(redis_, "XGROUP CREATE prereservation shipping 0 MKSTREAM");
  }

  std::vector<seen_event> read() {
    std::vector<seen_event> events;
    const auto lines =
        redis_cli(redis_, "XREADGROUP GROUP shipping one COUNT 1000 NOACK STREAMS prereservation '>'");
    // The stream's name, then for each entry its id and its three fields.
    for (std::size_t at = 1; at + 6 < lines.size(); at += 7) {
      CHECK(lines[at + 1] == "eventId");
      CHECK(lines[at + 3] == "eventType");
      CHECK(lines[at + 5] == "data");
      events.push_back({.id = lines[at], .type = lines[at + 4], .data = lines[at + 6]});
      CHECK(events.back().event_id() == lines[at + 2]);
    }
    return events;
  }

  std::vector<seen_event> read(std::size_t count) {
    std::vector<seen_event> all;
    REQUIRE(eventually([&] {
      for (auto& event : read()) all.push_back(std::move(event));
      return all.size() >= count;
    }));
    return all;
  }

 private:
  const redis_server& redis_;
};

std::vector<std::string> publishing_to(const redis_server& redis) {
  return {"--events", "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0"};
}

std::vector<std::string> event_ids(const std::vector<seen_event>& events) {
  std::vector<std::string> ids;
  for (const auto& event : events) ids.push_back(event.event_id());
  return ids;
}

TEST_CASE("a consumer group gets what happens, as the event stream tells it") {
  redis_server redis;
  consumer shipping(redis);
  served_shop shop(publishing_to(redis));
  event_stream events(shop.server().port());
  for (int i = 0; i < 3; ++i) REQUIRE(shop->place(order).status == 201);
  const auto told = events.require(9);
  std::map<std::string, std::string> expected;
  for (const auto& event : told) expected[event.event_id()] = event.data;
  std::map<std::string, std::string> got;
  for (const auto& event : shipping.read(9)) got[event.event_id()] = event.data;
  CHECK(got == expected);
  CHECK(shipping.read().empty());
}

TEST_CASE("the stream goes on where it was after its publisher was killed, and after Redis was away") {
  redis_server redis;
  consumer shipping(redis);
  const temporary_folder folder;
  std::mt19937_64 random(std::random_device{}());
  crowd customers(3, random());
  for (int round = 0; round < 3; ++round) {
    serving_process server(folder.path(), publishing_to(redis));
    customers.begin(server.port());
    CHECK(eventually([&] { return customers.answered() >= 50; }));
    if (round == 1) {
      redis.pause();
      CHECK(eventually([&] { return customers.answered() >= 150; }));
      redis.resume();
    }
    customers.expect_the_end();
    server.kill();
    CHECK(customers.finish() == "");
  }
  serving_process server(folder.path(), publishing_to(redis));
  http_client shop(server.port());
  REQUIRE(wait_for_view(shop));
  // The last order comes after all others in its shard only, so count them from the beginning.
  event_stream all(server.port(), "/events?from=beginning");
  std::set<std::string> told;
  std::set<std::string> got;
  std::map<std::uint64_t, std::uint64_t> versions;
  std::size_t entries = 0;
  std::size_t marker = 0;
  REQUIRE(shop.place(order).status == 201);
  REQUIRE(eventually([&] {
    for (const auto& event : shipping.read()) {
      ++entries;
      got.insert(event.event_id());
      CHECK(event.version() > versions[event.reservation()]);
      versions[event.reservation()] = event.version();
    }
    // Sagas that the kill interrupted go on by themselves: until both have the same.
    while (told.size() < got.size()) told.insert(all.require().event_id());
    marker = told == got ? marker + 1 : 0;
    return marker > 100;
  }));
  // None twice: the place and the entries are one step.
  CHECK(entries == got.size());
}

TEST_CASE("how far the stream is behind shows while Redis is away, and no more once it is back") {
  redis_server redis;
  served_shop shop(publishing_to(redis));
  REQUIRE(shop->place(order).status == 201);
  exposition seen(shop->get("/metrics").body);
  const auto shows = [&](const auto& what) {
    return eventually([&] {
      seen = exposition(shop->get("/metrics").body);
      return what();
    });
  };
  CHECK(shows([&] { return seen["holdfast_events_published_total"] == 3; }));
  CHECK(shows([&] { return seen["holdfast_event_publishing_lag_seconds"] == 0; }));
  CHECK(seen["holdfast_event_publishing_lag_records"] == 0);
  CHECK(seen[R"(holdfast_event_publishing_errors_total{of="redis"})"] == 0);
  redis.pause();
  REQUIRE(shop->place(order).status == 201);
  CHECK(shows([&] { return seen[R"(holdfast_event_publishing_errors_total{of="redis"})"] >= 2; }));
  CHECK(seen["holdfast_event_publishing_lag_seconds"] > 0.5);
  CHECK(seen["holdfast_event_publishing_lag_records"] > 0);
  CHECK(seen[R"(holdfast_event_publishing_errors_total{of="journal"})"] == 0);
  redis.resume();
  CHECK(shows([&] { return seen["holdfast_event_publishing_lag_seconds"] == 0; }));
  CHECK(seen["holdfast_event_publishing_lag_records"] == 0);
}

TEST_CASE("a Redis that was emptied gets everything again") {
  redis_server redis;
  served_shop shop(publishing_to(redis));
  REQUIRE(shop->place(order).status == 201);
  std::vector<std::string> before;
  {
    consumer shipping(redis);
    before = event_ids(shipping.read(3));
  }
  redis.flush();
  consumer shipping(redis);
  REQUIRE(shop->place(order).status == 201);
  const auto again = event_ids(shipping.read(6));
  CHECK(std::vector<std::string>(again.begin(), again.begin() + 3) == before);
}

/// One event each.
void append_placed(storage::memory_journal& journal, const storage::shard_claim& owner, std::uint64_t from,
                   std::uint64_t to) {
  for (auto n = from; n <= to; ++n) {
    auto next = entry(owner, storage::id_of(0, n), 0);
    next.record =
        storage::encode_events(std::vector<domain::reservation_event>{domain::reservation_placed{}});
    REQUIRE(append(journal, next).status == storage::append_status::appended);
  }
}

TEST_CASE("what comes in the place of what a journal has lost is published") {
  redis_server redis;
  consumer shipping(redis);
  http::event_publisher_options options;
  options.redis.port = redis.port();
  storage::memory_journal whole;
  append_placed(whole, claim(whole, 0), 1, 10);
  {
    http::publishing_meter meter;
    const http::event_publisher publisher(whole, options, meter);
    shipping.read(10);
  }
  // As a standby that took over without the last four.
  std::atomic<int> asked = 0;
  storage::memory_journal shorter(
      [&](const auto& job) {
        job();
        ++asked;
      },
      whole.store_id());
  const auto owner = claim(shorter, 0);
  append_placed(shorter, owner, 1, 6);
  const int asked_before = asked;
  http::publishing_meter meter;
  const http::event_publisher publisher(shorter, options, meter);
  // It has looked where the journal ends.
  REQUIRE(eventually([&] { return asked > asked_before; }));
  append_placed(shorter, owner, 7, 8);
  const auto got = shipping.read(2);
  CHECK(got[0].event_id() == std::to_string(storage::id_of(0, 7)) + "-1");
  CHECK(got[1].event_id() == std::to_string(storage::id_of(0, 8)) + "-1");
}

TEST_CASE("two that publish one journal add nothing twice, and either goes on alone") {
  redis_server redis;
  consumer shipping(redis);
  storage::memory_journal journal;
  const auto owner = claim(journal, 0);
  std::uint64_t count = 0;
  const auto append_some = [&] {
    append_placed(journal, owner, count + 1, count + 300);
    count += 300;
  };
  http::event_publisher_options options;
  options.redis.port = redis.port();
  append_some();
  std::vector<seen_event> got;
  const auto read_all = [&] {
    for (auto& event : shipping.read(count - got.size())) got.push_back(std::move(event));
  };
  http::publishing_meter meter;
  auto one = std::make_unique<http::event_publisher>(journal, options, meter);
  http::event_publisher other(journal, options, meter);
  read_all();
  append_some();
  read_all();
  one.reset();
  append_some();
  read_all();
  CHECK(shipping.read().empty());
  CHECK(eventually([&] { return meter.read().published == count; }));
  REQUIRE(got.size() == count);
  for (std::uint64_t i = 0; i < count; ++i) {
    CHECK(got[i].event_id() == std::to_string(storage::id_of(0, i + 1)) + "-1");
  }
}

TEST_CASE("the stream is cut at about its length") {
  redis_server redis;
  auto flags = publishing_to(redis);
  flags.insert(flags.end(), {"--events-length", "1000"});
  served_shop shop(flags);
  for (int i = 0; i < 600; ++i) REQUIRE(shop->place(order).status == 201);
  // Every reservation has three events; the last receipts may come in any order.
  const auto all_are_there = [&] {
    const auto lines = redis_cli(redis, "XINFO STREAM prereservation");
    const auto added = std::find(lines.begin(), lines.end(), "entries-added");
    return added != lines.end() && std::next(added) != lines.end() && *std::next(added) == "1800";
  };
  REQUIRE(eventually(all_are_there));
  const auto length = redis.integer({"XLEN", "prereservation"});
  CHECK(length >= 1000);
  // Redis cuts whole nodes, of a hundred entries unless it was told otherwise.
  CHECK(length < 1200);
}

}  // namespace
}  // namespace holdfast::testing
