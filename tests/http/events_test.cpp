// /events of the real binary: what becomes durable is told, once to who stays and without a gap to who
// comes back, whether he left, was too slow or the server was killed.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/customers.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/exposition.hpp"
#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

constexpr const char* order = R"({"userId":7,"userAddress":"seoul","productId":2,"productName":"fold",)"
                              R"("price":1300000,"cardNo":"1234-5678-9012-3456"})";
constexpr const char* declined_order = R"({"userId":8,"cardNo":"4000000000000002"})";

const std::vector<std::string> paid_types{"ReservationCreated", "PaymentCreated", "ReceiptCreated"};
const std::vector<std::string> cancelled_types{"ReceiptCancelled", "PaymentCancelled",
                                               "ReservationCancelled"};

std::vector<std::string> types_of(const std::vector<seen_event>& events) {
  std::vector<std::string> types;
  for (const auto& event : events) types.push_back(event.type);
  return types;
}

std::vector<std::string> both(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A paid order and its cancellation, six events: one that overtook the receipt would have one less.
std::uint64_t place_and_cancel(http_client& shop) {
  const auto placed = shop.place(order);
  REQUIRE(placed.status == 201);
  const auto receipt = "/receipts/" + std::to_string(id_of(placed));
  REQUIRE(eventually([&] { return text_at(shop.document(receipt), "/status") == "receipt_issued"; }));
  REQUIRE(shop.del("/preReservations/" + std::to_string(id_of(placed))).status == 204);
  return id_of(placed);
}

/// Everything that a stream from the beginning tells, as far as there are that many.
std::vector<seen_event> from_the_beginning(std::uint16_t port, std::size_t count,
                                           const std::string& filter = {}) {
  return event_stream(port, "/events?from=beginning" + filter).require(count);
}

TEST_CASE("what happens to an order is told in order, with its document's fields") {
  served_shop shop;
  event_stream events(shop.server().port());
  CHECK(events.head().header("content-type") == "text/event-stream");
  CHECK(events.head().header("transfer-encoding") == "chunked");
  CHECK(events.head().header("connection") == "close");
  const auto id = place_and_cancel(*shop.operator->());
  const auto told = events.require(6);
  CHECK(types_of(told) == both(paid_types, cancelled_types));
  std::set<std::string> ids;
  for (const auto& event : told) {
    CAPTURE(event.data);
    CHECK(text_at(parse_json(event.data), "/eventType") == event.type);
    CHECK(event.reservation() == id);
    CHECK(event.at("/userId") == "7");
    CHECK(event.event_id() == std::to_string(id) + "-" + std::to_string(event.version()));
    CHECK(text_at(parse_json(event.data), "/timestamp").size() == std::string("yyyyMMddHHmmss").size());
    CHECK(event.data.find("12345678") == std::string::npos);
    CHECK(event.data.find("_links") == std::string::npos);
    ids.insert(event.event_id());
  }
  CHECK(ids.size() == 6);
  CHECK(told[0].at("/status") == "\"order\"");
  CHECK(told[0].at("/cardNo") == "\"****-****-****-3456\"");
  CHECK(told[1].at("/status") == "\"paid\"");
  CHECK(told[2].at("/status") == "\"receipt_issued\"");
  CHECK(told[2].at("/receiptNo") != "null");
  CHECK(told[3].at("/status") == "\"receipt_cancelled\"");
  CHECK(told[4].at("/status") == "\"payment_cancelled\"");
  CHECK(told[5].at("/status") == "\"reservation_cancelled\"");
  CHECK(told[5].at("/cancelReason") == "\"customer\"");
  // What an event shows is what the document shows, while nothing else happens to it.
  const auto document = shop->document("/preReservations/" + std::to_string(id));
  for (const auto* field :
       {"/version", "/userAddress", "/productName", "/price", "/createdAt", "/modifiedAt"}) {
    CHECK(told[5].at(field) == json_at(document, field));
  }
}

TEST_CASE("a stream begins with what comes, or with the beginning where that is asked for") {
  served_shop shop;
  place_and_cancel(*shop.operator->());
  event_stream from_now(shop.server().port());
  REQUIRE(shop->place(declined_order).status == 402);
  const std::vector<std::string> declined{"ReservationCreated", "PaymentDeclined", "ReservationCancelled"};
  CHECK(types_of(from_now.require(3)) == declined);
  const auto all = from_the_beginning(shop.server().port(), 9);
  CHECK(types_of(all) == both(both(paid_types, cancelled_types), declined));
}

TEST_CASE("a stream goes on right behind the event that was the last one") {
  served_shop shop;
  place_and_cancel(*shop.operator->());
  place_and_cancel(*shop.operator->());
  const auto all = from_the_beginning(shop.server().port(), 12);
  for (std::size_t last = 0; last + 1 < all.size(); ++last) {
    CAPTURE(last);
    event_stream again(shop.server().port(), "/events?from=beginning", all[last].id);
    CHECK(again.last_id() == all[last].id);
    // Of the events of one record the first ones are told again, for they have the same place.
    const auto told_before = [&](const auto& event) {
      return std::any_of(
          all.begin(), all.begin() + static_cast<std::ptrdiff_t>(last) + 1,
          [&](const auto& one) { return one.id == all[last].id && one.event_id() == event.event_id(); });
    };
    auto next = again.require();
    while (told_before(next)) next = again.require();
    CHECK(next.event_id() == all[last + 1].event_id());
    CHECK(next.data == all[last + 1].data);
  }
}

TEST_CASE("a reader who has read everything waits for what comes next") {
  served_shop shop;
  const auto first = place_and_cancel(*shop.operator->());
  const auto last = from_the_beginning(shop.server().port(), 6).back().id;
  event_stream again(shop.server().port(), "/events", last);
  const auto second = place_and_cancel(*shop.operator->());
  CHECK(first != second);
  for (const auto& event : again.require(6)) CHECK(event.reservation() == second);
}

TEST_CASE("only what is asked for is told") {
  served_shop shop;
  event_stream of_customer(shop.server().port(), "/events?userId=8");
  event_stream of_types(shop.server().port(), "/events?type=PaymentDeclined,ReceiptCancelled");
  place_and_cancel(*shop.operator->());
  REQUIRE(shop->place(declined_order).status == 402);
  for (const auto& event : of_customer.require(3)) CHECK(event.at("/userId") == "8");
  CHECK(types_of(of_types.require(2)) == std::vector<std::string>{"ReceiptCancelled", "PaymentDeclined"});
  const auto older = from_the_beginning(shop.server().port(), 1, "&userId=8&type=ReservationCancelled");
  CHECK(older.front().at("/cancelReason") == "\"payment_declined\"");
}

TEST_CASE("what makes no sense is refused, and says what it is") {
  served_shop shop;
  const auto id = event_stream(shop.server().port()).last_id();
  const auto refused = [&](const std::string& last_event_id) {
    const auto answer = shop->get("/events", {{"Last-Event-ID", last_event_id}});
    check_problem(answer, 400, "invalid-header");
    CHECK(text_at(answer, "/detail").find("Last-Event-ID") != std::string::npos);
  };
  refused("1");
  refused("not a place");
  refused(id + "A");
  refused(id.substr(1));
  refused(id + ", " + id);
  refused(std::string(4000, 'A'));
  check_problem(shop->get("/events?type=PaymentLost"), 400, "invalid-parameter");
  check_problem(shop->get("/events?type="), 400, "invalid-parameter");
  check_problem(shop->get("/events?userId=x"), 400, "invalid-parameter");
  check_problem(shop->get("/events?from=yesterday"), 400, "invalid-parameter");
  check_problem(shop->request("POST", "/events"), 405, "method-not-allowed");
  CHECK(shop->request("OPTIONS", "/events").header("allow") == "GET, HEAD, OPTIONS");
}

TEST_CASE("a place in another store is none in this one") {
  served_shop here;
  served_shop there;
  const auto id = event_stream(there.server().port()).last_id();
  check_problem(here->get("/events", {{"Last-Event-ID", id}}), 400, "invalid-header");
}

TEST_CASE("HEAD tells what GET would, and ends") {
  served_shop shop;
  const auto answer = shop->request("HEAD", "/events");
  CHECK(answer.status == 200);
  CHECK(answer.header("content-type") == "text/event-stream");
  CHECK_FALSE(answer.has_header("content-length"));
}

TEST_CASE("an HTTP/1.0 client reads until the end of the connection") {
  served_shop shop;
  auto client = shop.connect();
  const auto head = client.exchange("GET /events?from=beginning HTTP/1.0\r\n\r\n");
  CHECK_FALSE(head.has_header("transfer-encoding"));
  REQUIRE(shop->place(order).status == 201);
  std::string body;
  while (body.find("ReservationCreated\",") == std::string::npos) body += client.read_some();
  CHECK(shop.server().terminate() == 0);
  body += client.read_until_close();
  CHECK(body.starts_with("retry: "));
  CHECK(body.find("\nevent: ReservationCreated\ndata: {") != std::string::npos);
}

TEST_CASE("a server that is told to end ends its streams well") {
  served_shop shop;
  event_stream events(shop.server().port());
  REQUIRE(shop->place(order).status == 201);
  CHECK(types_of(events.require(3)) == paid_types);
  const auto last = events.last_id();
  shop.server().process().send(SIGTERM);
  const auto goodbye = events.require();
  CHECK(goodbye.type == "StreamEnded");
  CHECK(goodbye.at("/reason") == "\"draining\"");
  CHECK_FALSE(events.next());
  CHECK(events.ended_well());
  CHECK(events.last_id() == last);
  CHECK(shop.server().process().wait_for_exit() == 0);
}

TEST_CASE("a reader who is too slow is told so, disturbs nobody, and comes back without a gap") {
  served_shop shop;
  // Written as six bytes each, so that an event has 6 KB.
  std::string address;
  for (int i = 0; i < 1'000; ++i) address += R"(\u0001)";
  const std::string body = R"({"userId":1,"userAddress":")" + address + R"("})";
  constexpr int orders = 400;
  event_stream slow(shop.server().port(), "/events?type=ReservationCreated");
  event_stream quick(shop.server().port(), "/events?type=ReservationCreated");
  // A few at a time, for one who reads is not too slow.
  std::set<std::string> all;
  for (int i = 0; i < orders; ++i) {
    REQUIRE(shop->place(body).status == 201);
    if (i % 20 != 19) continue;
    for (const auto& event : quick.require(20)) all.insert(event.event_id());
  }
  REQUIRE(all.size() == orders);
  std::set<std::string> told;
  auto event = slow.require();
  for (; event.type != "StreamEnded"; event = slow.require()) told.insert(event.event_id());
  CHECK(event.at("/reason") == "\"too-slow\"");
  CHECK_FALSE(slow.next());
  CHECK(slow.ended_well());
  CHECK(told.size() < all.size());
  event_stream again(shop.server().port(), "/events?type=ReservationCreated", slow.last_id());
  for (std::size_t left = all.size() - told.size(); left > 0; --left) told.insert(again.require().event_id());
  CHECK(told == all);
  const exposition seen(shop->get("/metrics").body);
  CHECK(seen["holdfast_event_streams_open"] == 2);
  CHECK(seen[R"(holdfast_event_streams_ended_total{reason="too-slow"})"] == 1);
  CHECK_FALSE(seen.has("holdfast_event_publishing_lag_seconds"));
}

TEST_CASE("there are as many readers as there may be, and a place is free when one leaves") {
  served_shop shop;
  constexpr std::size_t most = 256;
  std::vector<std::unique_ptr<event_stream>> readers;
  while (readers.size() < most) readers.push_back(std::make_unique<event_stream>(shop.server().port()));
  const auto refused = shop->get("/events");
  check_problem(refused, 503, "overloaded");
  CHECK(refused.has_header("retry-after"));
  CHECK(exposition(shop->get("/metrics").body)[R"(holdfast_event_streams_refused_total{by="node"})"] == 1);
  readers.pop_back();
  CHECK(eventually([&] { return shop.connect().exchange(request_text("GET", "/events")).status == 200; }));
}

// --- Through crashes ---

/// A reader who stays through crashes: on another stream each time, from where he was.
class steady_reader {
 public:
  void begin(std::uint16_t port) { stream_.emplace(port, "/events", last_id_); }
  /// Reads until the server is gone, or so many events have come in all.
  void read(std::size_t until = SIZE_MAX) {
    try {
      while (events_.size() < until) {
        const auto event = stream_->next();
        if (!event) break;
        events_.push_back(*event);
      }
    } catch (const std::runtime_error&) {
      // Reset by the server's end.
    }
    last_id_ = stream_->last_id();
  }
  const std::vector<seen_event>& events() const { return events_; }

 private:
  std::optional<event_stream> stream_;
  std::string last_id_;
  std::vector<seen_event> events_;
};

/// The published events in the history of each reservation, as (id, type) in order.
std::map<std::uint64_t, std::vector<std::string>> histories(http_client& shop) {
  std::map<std::uint64_t, std::vector<std::string>> all;
  for_each_row(shop, "myReservations", [&](const rapidjson::Value& row) {
    auto& types = all[row["id"].GetUint64()];
    for (const auto& event : row["history"].GetArray()) {
      const std::string type = event["event"].GetString();
      const bool known = type == "PaymentDeclined" || type == "ReservationCreated" ||
                         std::count(paid_types.begin(), paid_types.end(), type) > 0 ||
                         std::count(cancelled_types.begin(), cancelled_types.end(), type) > 0;
      if (known) types.push_back(type);
    }
  });
  return all;
}

/// What was told of each reservation; what was told again is left out, and has to be the same.
std::map<std::uint64_t, std::vector<std::string>> told_of_each(const std::vector<seen_event>& events) {
  std::map<std::uint64_t, std::vector<std::string>> all;
  std::map<std::uint64_t, std::uint64_t> versions;
  std::map<std::string, std::string> data;
  for (const auto& event : events) {
    const auto [known, fresh] = data.emplace(event.event_id(), event.data);
    CHECK(known->second == event.data);
    if (!fresh) continue;
    CHECK(event.version() > versions[event.reservation()]);
    versions[event.reservation()] = event.version();
    all[event.reservation()].push_back(event.type);
  }
  return all;
}

TEST_CASE("nothing is missed and nothing is told that a crash takes back") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const temporary_folder folder;
  const std::vector<std::string> flags{"--sandbox-decline-rate", "0.1", "--sandbox-latency", "0ms-5ms"};
  crowd customers(4, random());
  steady_reader reader;
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    serving_process server(folder.path(), flags);
    reader.begin(server.port());
    customers.begin(server.port());
    std::thread reading([&] { reader.read(); });
    const int answers = 20 + static_cast<int>(random() % 200);
    CHECK(eventually([&] { return customers.answered() >= answers; }));
    customers.expect_the_end();
    server.kill();
    CHECK(customers.finish() == "");
    reading.join();
  }
  serving_process server(folder.path(), flags);
  http_client shop(server.port());
  REQUIRE(wait_for_view(shop));
  // Until the last of the sagas has ended.
  REQUIRE(eventually([&] {
    bool all = true;
    for_each_row(shop, "preReservations", [&](const rapidjson::Value& row) {
      const std::string status = row["status"].GetString();
      all = all && status != "order" && status != "cancelling";
    });
    for_each_row(shop, "receipts", [&](const rapidjson::Value& row) {
      all = all && std::string(row["status"].GetString()) != "receipt_pending";
    });
    return all;
  }));
  const auto expected = histories(shop);
  std::size_t count = 0;
  for (const auto& [id, types] : expected) count += types.size();
  REQUIRE(count > 0);

  const auto journalled = from_the_beginning(server.port(), count);
  CHECK(told_of_each(journalled) == expected);

  reader.begin(server.port());
  std::set<std::string> known;
  for (const auto& event : reader.events()) known.insert(event.event_id());
  while (known.size() < count) {
    reader.read(reader.events().size() + 1);
    known.insert(reader.events().back().event_id());
  }
  CHECK(told_of_each(reader.events()) == expected);
}

}  // namespace
}  // namespace holdfast::testing
