// What fails outside stays outside, with real processes: while Redis is killed, paused or emptied
// and while the payment provider is gone, customers are served what can be served and told what
// can't, and all of it ends well by itself afterwards.
#include <doctest/doctest.h>

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::testing {
namespace {

using strings = std::vector<std::string>;

const std::string order = R"({"userId":7,"price":1300000,"cardNo":"4111-1111-1111-1111"})";
/// For what has to back off and probe on a loaded machine first.
constexpr std::chrono::minutes recovery_deadline{2};

std::string path_of(std::uint64_t id) {
  return "/preReservations/" + std::to_string(id);
}

/// "view-unavailable" and what else comes with it, or what differs.
std::string told_by(const raw_response& answer) {
  if (answer.status != 503) return answer.status_line + " " + answer.body;
  if (!answer.has_header("retry-after")) return "no Retry-After";
  if (answer.header("content-type") != "application/problem+json") return answer.header("content-type");
  return text_at(answer, "/code");
}

/// Customers who place one reservation after the other until they are told to stop; each has to be
/// answered as paid.
class placing_customers {
 public:
  explicit placing_customers(std::uint16_t port) {
    for (auto& one : customers_) {
      one.thread = std::thread([this, &one, port] { run(one, port); });
    }
  }
  ~placing_customers() { stop(); }

  void wait_for_more(std::size_t placements) {
    const auto enough = placed_ + placements;
    REQUIRE(eventually([&] { return placed_ >= enough || refused_; }));
  }

  /// What all of them were told was placed.
  std::set<std::uint64_t> finish() {
    stop();
    std::set<std::uint64_t> ids;
    for (auto& one : customers_) {
      CHECK(one.refusal == "");
      ids.insert(one.ids.begin(), one.ids.end());
    }
    CHECK(ids.size() == placed_);
    return ids;
  }

 private:
  struct customer {
    std::vector<std::uint64_t> ids;
    std::string refusal;
    std::thread thread;
  };

  void run(customer& one, std::uint16_t port) {
    try {
      http_client client(port);
      while (!stopping_) {
        const auto answer = client.place(order);
        if (answer.status != 201) throw std::runtime_error(answer.status_line + " " + answer.body);
        one.ids.push_back(id_of(answer));
        ++placed_;
      }
    } catch (const std::exception& error) {
      one.refusal = error.what();
      refused_ = true;
    }
  }

  void stop() {
    stopping_ = true;
    for (auto& one : customers_) {
      if (one.thread.joinable()) one.thread.join();
    }
  }

  std::atomic<bool> stopping_{false};
  std::atomic<bool> refused_{false};
  std::atomic<std::size_t> placed_{0};
  customer customers_[3];
};

/// A server whose view is on a Redis of its own. Its placements have all the time they need.
struct shop_on_redis {
  temporary_folder folder;
  redis_server redis;
  serving_process server{folder.path(),
                         {"--view", "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0",
                          "--payment-timeout", "20s", "--payment-wait", "30s"}};
  http_client client{server.port()};

  shop_on_redis() { REQUIRE(wait_for_view(client)); }

  std::set<std::uint64_t> place(int count) {
    std::set<std::uint64_t> ids;
    for (int i = 0; i < count; ++i) {
      const auto answer = client.place(order);
      REQUIRE(answer.status == 201);
      ids.insert(id_of(answer));
    }
    return ids;
  }

  /// How many reservations are listed, nothing where the answer is that the view is unavailable.
  /// Fails on any other answer.
  std::optional<std::uint64_t> listed() {
    const auto answer = client.get("/myReservations?size=1");
    if (answer.status == 200) return parse_json(answer.body)["page"]["totalElements"].GetUint64();
    REQUIRE(told_by(answer) == "view-unavailable");
    return std::nullopt;
  }

  /// True where it is shown, false where the view is unavailable. Fails on any other answer.
  bool shows(std::uint64_t id) {
    const auto answer = client.get(path_of(id));
    CAPTURE(id);
    if (answer.status == 200) {
      REQUIRE(parse_json(answer.body)["id"].GetUint64() == id);
      return true;
    }
    REQUIRE(told_by(answer) == "view-unavailable");
    return false;
  }

  bool is_unavailable(std::uint64_t id) { return !shows(id) && !listed(); }

  /// Lists and single documents agree with what customers were told, once all have come to rest.
  void check_view(const std::set<std::uint64_t>& placed) {
    std::map<std::uint64_t, std::string> rows;
    const auto all_at_rest = [&] {
      if (listed() != placed.size()) return false;
      rows.clear();
      bool rest = true;
      try {
        for_each_row(client, "myReservations", [&](const rapidjson::Value& row) {
          rest = rest && json_at(row, "/receiptStatus") == R"("receipt_issued")";
          rows[row["id"].GetUint64()] = json_at(row, "");
        });
      } catch (const std::runtime_error&) {
        // On a loaded machine Redis may miss a read's deadline: the walk begins anew.
        return false;
      }
      return rest;
    };
    REQUIRE(eventually(all_at_rest, recovery_deadline));
    REQUIRE(rows.size() == placed.size());
    for (const auto id : placed) {
      CAPTURE(id);
      REQUIRE(rows.contains(id));
      raw_response single;
      REQUIRE(eventually([&] {
        single = client.get("/myReservations/" + std::to_string(id));
        return single.status != 503;
      }));
      REQUIRE(single.status == 200);
      REQUIRE(json_at(single, "") == rows[id]);
    }
  }
};

TEST_CASE("a killed Redis stops no placement, reads say so, and its empty successor is filled by itself") {
  shop_on_redis shop;
  const auto before = shop.place(50);
  const auto first = *before.begin();
  REQUIRE(eventually([&] { return shop.listed() == before.size(); }));

  placing_customers customers(shop.server.port());
  customers.wait_for_more(50);
  shop.redis.kill();
  CHECK(eventually([&] { return shop.is_unavailable(first); }));
  customers.wait_for_more(300);
  for (int tries = 0; tries < 20; ++tries) CHECK(shop.is_unavailable(first));
  CHECK(told_by(shop.client.get("/payments/" + std::to_string(first))) == "view-unavailable");
  CHECK(told_by(shop.client.get("/receipts")) == "view-unavailable");
  CHECK(told_by(shop.client.get(path_of(first + 100'000))) == "view-unavailable");
  CHECK(shop.client.get("/actuator/health").status == 503);
  CHECK(shop.client.get("/actuator/health/readiness").status == 200);

  REQUIRE(shop.redis.start());
  // Empty as it is, it is not read before it has caught up.
  REQUIRE(eventually([&] {
    shop.shows(first);
    const auto listed = shop.listed();
    REQUIRE((!listed || *listed >= before.size() + 350));
    return listed.has_value();
  }));
  customers.wait_for_more(50);
  auto placed = customers.finish();
  placed.insert(before.begin(), before.end());
  shop.check_view(placed);
  CHECK(shop.client.get("/actuator/health").status == 200);
  CHECK(shop.client.get(path_of(*placed.rbegin() + 100'000)).status == 404);
}

TEST_CASE("a paused Redis stops no placement, and what it missed is made good when it goes on") {
  shop_on_redis shop;
  const auto before = shop.place(20);
  const auto first = *before.begin();
  REQUIRE(eventually([&] { return shop.listed() == before.size(); }));

  placing_customers customers(shop.server.port());
  customers.wait_for_more(20);
  shop.redis.pause();
  CHECK(eventually([&] { return shop.is_unavailable(first); }));
  customers.wait_for_more(300);
  CHECK(shop.is_unavailable(first));
  shop.redis.resume();
  CHECK(eventually([&] { return shop.shows(first); }));
  customers.wait_for_more(20);
  auto placed = customers.finish();
  placed.insert(before.begin(), before.end());
  shop.check_view(placed);
}

TEST_CASE("an emptied Redis is noticed at once, nothing is denied meanwhile, and the view is rebuilt") {
  shop_on_redis shop;
  auto placed = shop.place(400);
  shop.check_view(placed);
  for (const bool busy : {false, true}) {
    CAPTURE(busy);
    std::unique_ptr<placing_customers> customers;
    if (busy) customers = std::make_unique<placing_customers>(shop.server.port());
    for (int flushes = 0; flushes < 3; ++flushes) {
      CAPTURE(flushes);
      if (customers) customers->wait_for_more(20);
      shop.redis.flush();
      // The first answers come from a view that is gone, and those after them from its rebuilding.
      auto asked = placed.begin();
      REQUIRE(eventually([&] {
        const bool shown = shop.shows(*asked);
        if (++asked == placed.end()) asked = placed.begin();
        const auto listed = shop.listed();
        REQUIRE((!listed || *listed >= placed.size()));
        return shown && listed;
      }));
    }
    if (customers) {
      const auto more = customers->finish();
      placed.insert(more.begin(), more.end());
    }
    shop.check_view(placed);
  }
}

const std::string confirmed = R"("reservated""paid""receipt_issued")";
const std::string refunded = R"("reservation_cancelled""payment_cancelled""receipt_cancelled")";
const std::string never_paid = R"("reservation_cancelled""payment_failed"null)";

/// A server that pays through a sandbox process, whose ledger outlives it.
struct shop_with_provider {
  temporary_folder folder;
  sandbox_process sandbox{{}, folder / "ledger"};
  // The time-out is longer than the outage: what is under way ends by the connection's end.
  serving_process server{folder / "data",
                         {"--payment", sandbox.url(), "--payment-timeout", "1m", "--payment-wait", "2s"}};
  http_client client{server.port()};

  shop_with_provider() { REQUIRE(wait_for_view(client)); }

  std::uint64_t place_paid() {
    const auto answer = client.place(order);
    REQUIRE(answer.status / 100 == 2);
    const auto id = id_of(answer);
    REQUIRE(ends_as(id, confirmed));
    return id;
  }
  /// Placed at the same time, none of them decided within the wait.
  std::vector<std::uint64_t> place_pending(std::size_t count) {
    const header_list json{{"Content-Type", "application/json"}};
    const auto answers = ask_at_once(strings(count, request_text("POST", "/preReservations", json, order)));
    std::vector<std::uint64_t> ids;
    for (const auto& answer : answers) {
      REQUIRE(answer.status == 202);
      CHECK(text_at(answer, "/status") == "order");
      ids.push_back(id_of(answer));
    }
    return ids;
  }
  std::vector<raw_response> cancel(const std::vector<std::uint64_t>& ids) {
    strings requests;
    for (const auto id : ids) requests.push_back(request_text("DELETE", path_of(id)));
    return ask_at_once(requests);
  }

  /// Each on a connection of its own, all sent before the first is answered.
  std::vector<raw_response> ask_at_once(const strings& requests) {
    std::list<http_client> clients;
    for (const auto& request : requests) clients.emplace_back(server.port()).connection().send(request);
    std::vector<raw_response> answers;
    for (auto& client : clients) answers.push_back(client.connection().read_response());
    return answers;
  }

  /// The statuses of reservation, payment and receipt.
  std::string story_of(std::uint64_t id) {
    const auto document = client.document("/myReservations/" + std::to_string(id));
    return json_at(document, "/status") + json_at(document, "/paymentStatus") +
           json_at(document, "/receiptStatus");
  }
  bool ends_as(std::uint64_t id, const std::string& story) {
    CAPTURE(id);
    const bool ended = eventually([&] { return story_of(id) == story; }, recovery_deadline);
    if (!ended) FAIL_CHECK(id << " is " << story_of(id));
    return ended;
  }

  /// "charge refund" for one that was charged and refunded.
  std::string ledger_of(std::uint64_t id) {
    std::string kinds;
    for (const auto& entry : sandbox.ledger()) {
      if (entry.reservation == id) kinds += (kinds.empty() ? "" : " ") + entry.kind;
    }
    return kinds;
  }
};

TEST_CASE("while the provider is gone every answer is clear, and what was open ends by itself afterwards") {
  shop_with_provider shop;
  const auto kept = shop.place_paid();
  const auto paid_and_cancelled = shop.place_paid();
  // Two are charged and never told so, one is still on its way when the provider goes.
  shop.sandbox.control(R"({"hangAfterChargeRate":1})");
  const auto hanging = shop.place_pending(2);
  const auto charged = hanging[0];
  const auto charged_and_cancelled = hanging[1];
  for (const auto id : hanging) REQUIRE(eventually([&] { return shop.ledger_of(id) == "charge"; }));
  shop.sandbox.control(R"({"hangAfterChargeRate":0,"landsLateRate":1,"landsLateAfter":"1m"})");
  const auto on_its_way = shop.place_pending(1)[0];
  REQUIRE(eventually([&] { return shop.sandbox.calls_under_way() == 3; }));
  shop.sandbox.kill();

  const std::vector<std::uint64_t> to_cancel{paid_and_cancelled, charged_and_cancelled};

  // More than enough to open the breaker: an open one says the same.
  std::vector<std::uint64_t> refused;
  for (int tries = 0; tries < 25; ++tries) {
    const auto answer = shop.client.place(order);
    REQUIRE(told_by(answer) == "payment-unavailable");
    const auto href = text_at(answer, "/_links/reservation/href");
    const auto target = href.substr(std::string("http://shop.test").size());
    refused.push_back(std::stoull(target.substr(target.find_last_of('/') + 1)));
    REQUIRE(text_at(shop.client.document(target), "/status") == "reservation_cancelled");
  }
  const auto breaker = shop.client.document("/actuator/circuitbreakers");
  CHECK(breaker["circuitBreakers"]["payment"]["notPermittedCalls"].GetInt() > 0);
  const auto with_key = shop.client.place_with_key(order, "in-the-outage");
  CHECK(told_by(with_key) == "payment-unavailable");
  CHECK(shop.client.place_with_key(order, "in-the-outage").body == with_key.body);
  for (const auto& answer : shop.cancel(to_cancel)) {
    CAPTURE(answer.body);
    CHECK(answer.status == 202);
  }
  for (const auto id : to_cancel) {
    CHECK(text_at(shop.client.document(path_of(id)), "/status") == "cancelling");
  }
  CHECK(shop.story_of(kept) == confirmed);
  for (const auto id : {charged, on_its_way}) {
    CHECK(text_at(shop.client.document(path_of(id)), "/status") == "order");
  }

  shop.sandbox.restart();
  CHECK(shop.ends_as(charged, confirmed));
  CHECK(shop.ends_as(on_its_way, never_paid));
  for (const auto id : to_cancel) CHECK(shop.ends_as(id, refunded));
  CHECK(shop.ends_as(kept, confirmed));
  CHECK(shop.ledger_of(kept) == "charge");
  CHECK(shop.ledger_of(charged) == "charge");
  CHECK(shop.ledger_of(on_its_way) == "");
  for (const auto id : to_cancel) CHECK(shop.ledger_of(id) == "charge refund");
  for (const auto id : refused) CHECK(shop.ledger_of(id) == "");
  CHECK(shop.client.del(path_of(to_cancel[0])).status == 204);
  // Until the breaker has closed, new ones are refused as before.
  CHECK(eventually(
      [&] {
        const auto answer = shop.client.place(order);
        if (answer.status / 100 == 2) return true;
        REQUIRE(told_by(answer) == "payment-unavailable");
        return false;
      },
      recovery_deadline));
}

}  // namespace
}  // namespace holdfast::testing
