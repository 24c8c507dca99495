// The flows of the system that this one replaces, and what is promised beyond them, over real
// sockets against the real binary.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"

namespace holdfast::testing {
namespace {

using strings = std::vector<std::string>;

struct embedded_view {
  strings flags() const { return {}; }
};
struct redis_view {
  redis_server server;
  strings flags() const { return {"--view", "redis://127.0.0.1:" + std::to_string(server.port()) + "/0"}; }
};

/// A shop of its own that can be closed and opened again.
template <class View = embedded_view>
class shop {
 public:
  explicit shop(strings flags = {}) : flags_(std::move(flags)) {
    for (auto& flag : view_.flags()) flags_.push_back(flag);
    open();
  }
  void open() {
    server_ = std::make_unique<serving_process>(folder_ / "data", flags_);
    client_ = std::make_unique<http_client>(server_->port());
    REQUIRE(wait_for_view(*client_));
  }
  void restart() {
    client_.reset();
    REQUIRE(server_->terminate() == 0);
    open();
  }
  void restart_with(strings flags) {
    flags_ = std::move(flags);
    restart();
  }
  http_client* operator->() { return client_.get(); }
  http_client another_client() const { return http_client(server_->port()); }

  bool shows(const std::string& target, const std::string& pointer, const std::string& value) {
    return eventually([&] {
      const auto answer = client_->get(target);
      return answer.status == 200 && json_at(answer, pointer) == value;
    });
  }
  /// A payment is followed by its receipt, which the placement does not wait for.
  bool shows_receipt(const std::string& id = "1") {
    return shows("/myReservations/" + id, "/receiptStatus", R"("receipt_issued")");
  }
  bool shows_status(const std::string& id, const std::string& status) {
    return shows("/preReservations/" + id, "/status", '"' + status + '"');
  }
  bool counts(const std::string& collection, int rows) {
    return shows("/" + collection, "/page/totalElements", std::to_string(rows));
  }

 private:
  temporary_folder folder_;
  View view_;
  strings flags_;
  std::unique_ptr<serving_process> server_;
  std::unique_ptr<http_client> client_;
};

/// As HTTPie sends it: every number is a string.
const std::string old_body =
    R"({"userId":"1","userAddress":"seoul","productId":"1","productName":"fold","price":"1300000",)"
    R"("cardNo":"1234-1234-1234-1234","status":"order"})";
const std::string smallest_body = R"({"userId":1})";

std::string body_with_card(const std::string& number) {
  return R"({"userId":1,"price":1300000,"cardNo":")" + number + R"("})";
}

/// Moments differ from run to run.
std::string without_times(std::string text) {
  for (auto at = text.find("\"20"); at != std::string::npos; at = text.find("\"20", at + 1)) {
    const auto end = text.find('"', at + 1);
    if (text.at(at + 11) == 'T') text.replace(at + 1, end - at - 1, "time");
  }
  return text;
}

std::string links(const std::string& self, const strings& others) {
  const std::string base = "http://shop.test/";
  std::string text = R"("_links":{"self":{"href":")" + base + self + R"(s/1"})";
  for (const auto& other : others) text += ",\"" + other + R"(":{"href":")" + base + other + R"(s/1"})";
  return text + "}}";
}
const std::string links_of_reservation = links("preReservation", {"payment", "receipt", "myReservation"});
const std::string links_of_payment = links("payment", {"preReservation", "receipt", "myReservation"});
const std::string links_of_receipt = links("receipt", {"preReservation", "payment", "myReservation"});
const std::string links_of_mine = links("myReservation", {"preReservation", "payment", "receipt"});

const std::string order_fields =
    R"("userId":1,"userAddress":"seoul","productId":1,"productName":"fold","price":1300000,)"
    R"("currency":"KRW","cardNo":"****-****-****-1234",)";
const std::string goods_fields =
    R"("userId":1,"productId":1,"productName":"fold","price":1300000,"currency":"KRW",)";

std::chrono::sys_time<std::chrono::milliseconds> parse_utc(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0;
  REQUIRE(std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%dZ", &year, &month, &day, &hour, &minute, &second,
                      &millisecond) == 7);
  using namespace std::chrono;
  return sys_days{std::chrono::year{year} / month / day} + hours{hour} + minutes{minute} + seconds{second} +
         milliseconds{millisecond};
}

/// Seoul has kept nine hours ahead of UTC, without summer time, since 1988.
std::string three_weeks_later_in_seoul(const std::string& utc) {
  using namespace std::chrono;
  const auto there = parse_utc(utc) + hours{9} + days{21};
  const auto day = floor<days>(there);
  const year_month_day date{day};
  const hh_mm_ss time{there - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03d+09:00", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

void check_problem(const raw_response& answer, int status, const std::string& code) {
  CAPTURE(answer.body);
  CHECK(answer.status == status);
  CHECK(answer.header("content-type") == "application/problem+json");
  CHECK(text_at(answer, "/code") == code);
  CHECK(json_at(answer, "/status") == std::to_string(status));
}

void check_replayed(const raw_response& again, const raw_response& first) {
  CHECK(again.status == first.status);
  CHECK(again.header("location") == first.header("location"));
  CHECK(again.body == first.body);
  CHECK(again.header("idempotent-replayed") == "true");
  CHECK_FALSE(again.has_header("retry-after"));
  CHECK_FALSE(first.has_header("idempotent-replayed"));
}

std::vector<std::string> ids_of(const rapidjson::Document& page, const char* collection) {
  std::vector<std::string> ids;
  for (const auto& row : page["_embedded"][collection].GetArray()) ids.push_back(json_at(row, "/id"));
  return ids;
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (int each = from; each != to; each += from < to ? 1 : -1) all.push_back(std::to_string(each));
  return all;
}

// --- The old system's flows ---

TEST_CASE_TEMPLATE("a reservation is placed with the old body and seen in all four collections", View,
                   embedded_view, redis_view) {
  shop<View> shop;
  const auto placed = shop->place(old_body);
  CHECK(placed.status == 201);
  CHECK(placed.header("location") == "http://shop.test/preReservations/1");
  CHECK(placed.header("content-type") == "application/json");
  CHECK(without_times(placed.body) ==
        R"({"id":1,"version":2,)" + order_fields +
            R"("status":"reservated","cancelReason":null,"createdAt":"time","modifiedAt":"time",)" +
            links_of_reservation);
  REQUIRE(shop.shows_receipt());

  CHECK(without_times(shop->get("/preReservations/1").body) ==
        R"({"id":1,"version":3,)" + order_fields +
            R"("status":"reservated","cancelReason":null,"createdAt":"time","modifiedAt":"time",)" +
            links_of_reservation);
  CHECK(without_times(shop->get("/payments/1").body) ==
        R"({"id":1,"version":3,"preReservationId":1,)" + goods_fields +
            R"("cardNo":"****-****-****-1234","status":"paid","transactionId":"pi_1_1","refundId":null,)"
            R"("createdAt":"time","modifiedAt":"time",)" +
            links_of_payment);
  CHECK(
      without_times(shop->get("/receipts/1").body) ==
      R"({"id":1,"version":3,"receiptNo":"0-1","preReservationId":1,"paidId":1,)" + goods_fields +
          R"("status":"receipt_issued","expectedDeliveryAt":"time","createdAt":"time","modifiedAt":"time",)" +
          links_of_receipt);
  CHECK(without_times(shop->get("/myReservations/1").body) ==
        R"({"id":1,"version":3,)" + order_fields +
            R"("status":"reservated","cancelReason":null,"createdAt":"time","modifiedAt":"time",)"
            R"("paymentStatus":"paid","receiptStatus":"receipt_issued","receiptNo":"0-1",)"
            R"("expectedDeliveryAt":"time","history":[{"event":"ReservationCreated","at":"time"},)"
            R"({"event":"PaymentCreated","at":"time"},{"event":"ReceiptCreated","at":"time"}],)" +
            links_of_mine);

  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    CAPTURE(collection);
    REQUIRE(shop.shows("/" + collection, "/_embedded/" + collection + "/0/version", "3"));
    const auto list = shop->document("/" + collection);
    CHECK(json_at(list, "/_embedded/" + collection + "/0") ==
          json_at(shop->document("/" + collection + "/1"), ""));
    CHECK(json_at(list, "/_embedded/" + collection + "/1") == "absent");
    CHECK(json_at(list, "/page") == R"({"size":20,"totalElements":1,"totalPages":1,"number":0})");
    CHECK(json_at(list, "/_links/self") ==
          R"({"href":"http://shop.test/)" + collection + R"({?page,size,sort}","templated":true})");
  }
}

TEST_CASE("the delivery is expected 21 days after the payment's date in Seoul") {
  shop shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop.shows_receipt());
  const auto paid_at = text_at(shop->document("/payments/1"), "/modifiedAt");
  CHECK(text_at(shop->document("/receipts/1"), "/createdAt") == paid_at);
  for (const char* target : {"/receipts/1", "/myReservations/1"}) {
    CHECK(text_at(shop->document(target), "/expectedDeliveryAt") == three_weeks_later_in_seoul(paid_at));
  }
}

TEST_CASE_TEMPLATE("a cancelled reservation is seen as cancelled everywhere, with its details", View,
                   embedded_view, redis_view) {
  shop<View> shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop.shows_receipt());

  const auto cancelled = shop->del("/preReservations/1");
  CHECK(cancelled.status == 204);
  CHECK(cancelled.body.empty());

  // Acknowledged is seen: no waiting here.
  CHECK(
      without_times(shop->get("/preReservations/1").body) ==
      R"({"id":1,"version":7,)" + order_fields +
          R"("status":"reservation_cancelled","cancelReason":"customer","createdAt":"time","modifiedAt":"time",)" +
          links_of_reservation);
  CHECK(without_times(shop->get("/payments/1").body) ==
        R"({"id":1,"version":7,"preReservationId":1,)" + goods_fields +
            R"("cardNo":"****-****-****-1234","status":"payment_cancelled","transactionId":"pi_1_1",)"
            R"("refundId":"re_1_1","createdAt":"time","modifiedAt":"time",)" +
            links_of_payment);
  CHECK(
      without_times(shop->get("/receipts/1").body) ==
      R"({"id":1,"version":7,"receiptNo":"0-1","preReservationId":1,"paidId":1,)" + goods_fields +
          R"("status":"receipt_cancelled","expectedDeliveryAt":"time","createdAt":"time","modifiedAt":"time",)" +
          links_of_receipt);
  const auto mine = shop->document("/myReservations/1");
  CHECK(text_at(mine, "/status") == "reservation_cancelled");
  CHECK(text_at(mine, "/paymentStatus") == "payment_cancelled");
  CHECK(text_at(mine, "/receiptStatus") == "receipt_cancelled");
  strings history;
  for (const auto& event : mine["history"].GetArray()) history.push_back(text_at(event, "/event"));
  CHECK(history == strings{"ReservationCreated", "PaymentCreated", "ReceiptCreated", "CancellationRequested",
                           "ReceiptCancelled", "PaymentCancelled", "ReservationCancelled"});

  const std::vector<std::pair<std::string, std::string>> expected{
      {"preReservations", "reservation_cancelled"},
      {"payments", "payment_cancelled"},
      {"receipts", "receipt_cancelled"},
      {"myReservations", "reservation_cancelled"}};
  for (const auto& [collection, status] : expected) {
    CHECK(shop.shows("/" + collection, "/_embedded/" + collection + "/0/status", '"' + status + '"'));
  }

  CHECK(shop->del("/preReservations/1").status == 204);
  CHECK(json_at(shop->document("/preReservations/1"), "/version") == "7");
}

TEST_CASE("a declined card is answered with 402 and leaves a cancelled reservation without a receipt") {
  shop shop;
  const std::vector<std::pair<std::string, std::string>> cards{{"4000-0000-0000-0002", "card_declined"},
                                                               {"4000 0000 0000 9995", "insufficient_funds"},
                                                               {"4000000000000119", "processing_error"}};
  int id = 0;
  for (const auto& [number, reason] : cards) {
    const std::string name = std::to_string(++id);
    const auto answer = shop->place(body_with_card(number));
    check_problem(answer, 402, "payment-declined");
    CHECK(answer.body.find(reason) != std::string::npos);
    CHECK_FALSE(answer.has_header("retry-after"));
    CHECK(text_at(answer, "/_links/reservation/href") == "http://shop.test/preReservations/" + name);

    const auto mine = shop->document("/myReservations/" + name);
    CHECK(text_at(mine, "/status") == "reservation_cancelled");
    CHECK(text_at(mine, "/cancelReason") == "payment_declined");
    CHECK(text_at(mine, "/paymentStatus") == "payment_declined");
    CHECK(json_at(mine, "/receiptStatus") == "null");
    CHECK(json_at(mine, "/_links/receipt") == "absent");
    CHECK(json_at(mine, "/price") == "1300000");
    CHECK(shop->get("/receipts/" + name).status == 404);
    CHECK(shop->del("/preReservations/" + name).status == 204);
  }
  CHECK(shop.counts("payments", 3));
  CHECK(shop.counts("receipts", 0));
}

TEST_CASE("a load test's body is enough, and what it leaves out is null") {
  shop shop;
  const auto placed = shop->place(smallest_body);
  CHECK(placed.status == 201);
  CHECK(without_times(placed.body) ==
        R"({"id":1,"version":2,"userId":1,"userAddress":null,"productId":null,"productName":null,"price":0,)"
        R"("currency":"KRW","cardNo":null,"status":"reservated","cancelReason":null,"createdAt":"time",)"
        R"("modifiedAt":"time",)" +
            links_of_reservation);
}

TEST_CASE("a provider's token stands in place of the card and leaves no trace") {
  shop shop;
  const auto placed =
      shop->place(R"({"userId":1,"price":5,"currency":"USD","paymentMethod":"pm_card_visa"})");
  CHECK(placed.status == 201);
  CHECK(json_at(placed, "/cardNo") == "null");
  CHECK(text_at(placed, "/currency") == "USD");
  CHECK(placed.body.find("pm_card_visa") == std::string::npos);
}

TEST_CASE("cancelling and reading what does not exist is 404") {
  shop shop;
  check_problem(shop->del("/preReservations/1"), 404, "not-found");
  for (const char* collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    check_problem(shop->get(std::string("/") + collection + "/1"), 404, "not-found");
  }
}

TEST_CASE_TEMPLATE("everything is there again after a restart, and the ids go on", View, embedded_view,
                   redis_view) {
  shop<View> shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop->place(body_with_card("4000000000000002")).status == 402);
  REQUIRE(shop.shows_receipt("1"));
  REQUIRE(shop.shows_receipt("2"));
  REQUIRE(shop->del("/preReservations/2").status == 204);
  REQUIRE(shop.shows("/preReservations", "/_embedded/preReservations/1/version", "7"));

  strings targets;
  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    targets.push_back("/" + collection);
    for (const auto& id : numbers(1, 4)) targets.push_back("/" + collection + "/" + id);
  }
  strings before;
  for (const auto& target : targets) before.push_back(shop->get(target).body);

  shop.restart();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    CAPTURE(targets[i]);
    const auto after = shop->get(targets[i]);
    if (after.status == 404) continue;
    CHECK(after.body == before[i]);
  }
  CHECK(shop->get("/receipts/3").status == 404);

  const auto placed = shop->place(old_body);
  CHECK(placed.status == 201);
  CHECK(id_of(placed) > 3);
  CHECK(shop.counts("preReservations", 4));
  CHECK(shop->del("/preReservations/1").status == 204);
}

// --- Reading ---

TEST_CASE_TEMPLATE("one customer's reservations come newest first, cancelled ones included", View,
                   embedded_view, redis_view) {
  shop<View> shop;
  for (const char* user : {"1", "2", "1", "1", "9007199254740992"}) {
    REQUIRE(shop->place(std::string(R"({"userId":)") + user + "}").status == 201);
  }
  REQUIRE(shop->del("/preReservations/3").status == 204);
  REQUIRE(shop.counts("myReservations", 5));
  // A list comes from the view, which follows the journal in its own time.
  REQUIRE(shop.shows("/myReservations?userId=1", "/_embedded/myReservations/1/status",
                     R"("reservation_cancelled")"));

  const auto mine = shop->document("/myReservations?userId=1");
  CHECK(ids_of(mine, "myReservations") == strings{"4", "3", "1"});
  CHECK(json_at(mine, "/page/totalElements") == "3");
  CHECK(text_at(mine, "/_embedded/myReservations/1/status") == "reservation_cancelled");
  CHECK(ids_of(shop->document("/myReservations?userId=1&sort=createdAt,asc"), "myReservations") ==
        strings{"1", "3", "4"});
  CHECK(ids_of(shop->document("/myReservations?userId=9007199254740992"), "myReservations") == strings{"5"});
  CHECK(ids_of(shop->document("/myReservations?userId=7"), "myReservations").empty());

  const auto first = shop->get("/myReservations?userId=1&size=2");
  CHECK(ids_of(parse_json(first.body), "myReservations") == strings{"4", "3"});
  const auto next = text_at(first, "/_links/next/href").substr(std::string("http://shop.test").size());
  CHECK(ids_of(shop->document(next), "myReservations") == strings{"1"});
}

TEST_CASE_TEMPLATE("45 reservations are met once each, by page and by cursor, either way round", View,
                   embedded_view, redis_view) {
  shop<View> shop;
  for (int i = 0; i < 45; ++i) REQUIRE(shop->place(smallest_body).status == 201);
  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    CAPTURE(collection);
    const char* name = collection.c_str();
    REQUIRE(shop.counts(collection, 45));
    CHECK(json_at(shop->document("/" + collection), "/page") ==
          R"({"size":20,"totalElements":45,"totalPages":3,"number":0})");
    // A page that was never asked for by cursor, then a short last one, then one beyond the end.
    CHECK(ids_of(shop->document("/" + collection + "?page=1"), name) == numbers(21, 41));
    const auto last = shop->get("/" + collection + "?page=2");
    CHECK(ids_of(parse_json(last.body), name) == numbers(41, 46));
    CHECK_FALSE(last.has_header("link"));
    CHECK(json_at(last, "/_links/next") == "absent");
    const auto beyond = shop->document("/" + collection + "?page=3");
    CHECK(ids_of(beyond, name).empty());
    CHECK(json_at(beyond, "/page/totalElements") == "45");
    CHECK(ids_of(shop->document("/" + collection + "?size=44&page=1&sort=createdAt,desc"), name) ==
          strings{"1"});

    for (const std::string direction : {"asc", "desc"}) {
      strings walked;
      int pages = 0;
      std::string target = "/" + collection + "?size=7&sort=createdAt," + direction;
      while (!target.empty() && pages < 10) {
        const auto page = shop->get(target);
        REQUIRE(page.status == 200);
        ++pages;
        for (auto& id : ids_of(parse_json(page.body), name)) walked.push_back(id);
        target.clear();
        if (json_at(page, "/_links/next") == "absent") break;
        const auto href = text_at(page, "/_links/next/href");
        CHECK(page.header("link") == "<" + href + ">; rel=\"next\"");
        CHECK(href.find("after=") != std::string::npos);
        target = href.substr(std::string("http://shop.test").size());
      }
      CHECK(pages == 7);
      CHECK(walked == (direction == "asc" ? numbers(1, 46) : numbers(45, 0)));
    }
  }
  CHECK(json_at(shop->document("/preReservations?size=1001"), "/page/size") == "1000");
  CHECK(ids_of(shop->document("/preReservations?size=1000"), "preReservations") == numbers(1, 46));
}

TEST_CASE("an ETag spares what has not changed, and changes with the version") {
  shop shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop.shows_receipt());
  for (const char* collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    const std::string target = std::string("/") + collection + "/1";
    const auto first = shop->get(target);
    const auto tag = first.header("etag");
    CAPTURE(tag);
    CHECK(tag.starts_with('"'));
    const auto same = shop->get(target, {{"If-None-Match", tag}});
    CHECK(same.status == 304);
    CHECK(same.header("etag") == tag);
    CHECK(shop->get(target, {{"If-None-Match", "\"other\""}}).status == 200);
    CHECK(shop->get(target, {{"If-None-Match", "\"other\", W/" + tag}}).status == 304);
    CHECK(shop->get(target, {{"Accept", "application/hal+json"}}).header("etag") != tag);
  }
  const auto tag = shop->get("/preReservations/1").header("etag");
  REQUIRE(shop->del("/preReservations/1").status == 204);
  const auto changed = shop->get("/preReservations/1", {{"If-None-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.header("etag") != tag);
}

TEST_CASE("HEAD answers as GET does but without the body, OPTIONS tells what is allowed") {
  shop shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop.shows_receipt());
  REQUIRE(shop.shows("/receipts", "/_embedded/receipts/0/version", "3"));
  const std::vector<std::pair<std::string, std::string>> resources{
      {"/", "GET, HEAD, OPTIONS"},
      {"/preReservations", "GET, HEAD, OPTIONS, POST"},
      {"/preReservations/1", "DELETE, GET, HEAD, OPTIONS"},
      {"/payments", "GET, HEAD, OPTIONS"},
      {"/payments/1", "GET, HEAD, OPTIONS"},
      {"/receipts", "GET, HEAD, OPTIONS"},
      {"/receipts/1", "GET, HEAD, OPTIONS"},
      {"/myReservations", "GET, HEAD, OPTIONS"},
      {"/myReservations/1", "GET, HEAD, OPTIONS"},
      {"/actuator", "GET, HEAD, OPTIONS"},
      {"/actuator/health", "GET, HEAD, OPTIONS"},
      {"/actuator/health/liveness", "GET, HEAD, OPTIONS"},
      {"/actuator/health/readiness", "GET, HEAD, OPTIONS"},
      {"/actuator/info", "GET, HEAD, OPTIONS"},
      {"/actuator/circuitbreakers", "GET, HEAD, OPTIONS"},
      {"/actuator/parked", "GET, HEAD, OPTIONS"}};
  for (const auto& [target, allowed] : resources) {
    CAPTURE(target);
    auto full = shop->get(target);
    auto head = shop->request("HEAD", target);
    CHECK(full.status == 200);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    std::erase_if(full.headers, [](const auto& header) { return header.first == "date"; });
    std::erase_if(head.headers, [](const auto& header) { return header.first == "date"; });
    CHECK(head.headers == full.headers);
    const auto options = shop->request("OPTIONS", target);
    CHECK(options.status == 204);
    CHECK(options.header("allow") == allowed);
  }
  const auto missing = shop->request("HEAD", "/payments/77");
  CHECK(missing.status == 404);
  CHECK(missing.body.empty());
}

TEST_CASE("HAL is named where the client accepts it, with the same body") {
  shop shop;
  REQUIRE(shop->place(old_body).status == 201);
  REQUIRE(shop.shows("/receipts", "/_embedded/receipts/0/version", "3"));
  for (const char* target : {"/", "/receipts", "/receipts/1"}) {
    const auto plain = shop->get(target);
    const auto hal = shop->get(target, {{"Accept", "application/hal+json, */*;q=0.1"}});
    CHECK(plain.header("content-type") == "application/json");
    CHECK(hal.header("content-type") == "application/hal+json");
    CHECK(hal.body == plain.body);
  }
}

TEST_CASE("health, info and the breaker have Spring's shape") {
  shop shop;
  CHECK(
      shop->get("/actuator/health").body ==
      R"({"status":"UP","components":{"circuitBreakers":{"status":"UP","details":{"payment":{"status":"UP"}}},)"
      R"("journal":{"status":"UP"},"livenessState":{"status":"UP"},"readinessState":{"status":"UP"},"view":{"status":"UP"}},)"
      R"("groups":["liveness","readiness"]})");
  CHECK(shop->get("/actuator/health/liveness").body == R"({"status":"UP"})");
  CHECK(shop->get("/actuator/health/readiness").body == R"({"status":"UP"})");
  CHECK(text_at(shop->document("/actuator/info"), "/build/version") == HOLDFAST_VERSION);
  const auto fresh = shop->document("/actuator/circuitbreakers");
  CHECK(text_at(fresh, "/circuitBreakers/payment/state") == "CLOSED");
  CHECK(text_at(fresh, "/circuitBreakers/payment/failureRate") == "-1.0%");
  REQUIRE(shop->place(smallest_body).status == 201);
  const auto used = shop->document("/actuator/circuitbreakers");
  CHECK(json_at(used, "/circuitBreakers/payment/bufferedCalls") == "1");
  CHECK(text_at(used, "/circuitBreakers/payment/failureRate") == "0.0%");
}

// --- Idempotency ---

TEST_CASE("a repeated placement gets the first answer again, after a cancellation and a restart too") {
  shop shop;
  const auto first = shop->place_with_key(old_body, "order-1");
  CHECK(first.status == 201);
  check_replayed(shop->place_with_key(old_body, "order-1"), first);
  // The same fields in another order, as numbers: still the same request.
  check_replayed(shop->place_with_key(R"({ "cardNo":"1234123412341234","price":1300000,"productName":"fold",)"
                                      R"("productId":1,"userAddress":"seoul","userId":1})",
                                      "order-1"),
                 first);
  const std::string id = std::to_string(id_of(first));
  REQUIRE(shop.shows_receipt(id));
  check_replayed(shop->place_with_key(old_body, "order-1"), first);
  REQUIRE(shop->del("/preReservations/" + id).status == 204);
  check_replayed(shop->place_with_key(old_body, "order-1"), first);
  shop.restart();
  check_replayed(shop->place_with_key(old_body, "order-1"), first);

  const auto other = shop->place_with_key(body_with_card("1234123412341234"), "order-1");
  check_problem(other, 422, "key-reused");
  CHECK_FALSE(other.has_header("idempotent-replayed"));
  CHECK(shop->place_with_key(old_body, "order-2").status == 201);
  CHECK(shop.counts("preReservations", 2));
}

TEST_CASE("a declined placement is repeated as 402 with the same body, after a restart too") {
  shop shop;
  const auto body = body_with_card("4000000000000002");
  const auto first = shop->place_with_key(body, "declined");
  check_problem(first, 402, "payment-declined");
  check_replayed(shop->place_with_key(body, "declined"), first);
  shop.restart();
  check_replayed(shop->place_with_key(body, "declined"), first);
  CHECK(shop.counts("preReservations", 1));
}

TEST_CASE("a placement that could not be paid is final for its key, without Retry-After") {
  shop shop({"--sandbox-outage", "true"});
  const auto first = shop->place_with_key(old_body, "later");
  check_problem(first, 503, "payment-unavailable");
  CHECK(first.has_header("retry-after"));
  check_replayed(shop->place_with_key(old_body, "later"), first);
  shop.restart_with({});
  check_replayed(shop->place_with_key(old_body, "later"), first);
  CHECK(shop->place_with_key(old_body, "later-still").status == 201);
}

TEST_CASE("while the first request is under way its key is in use, and then answers") {
  shop shop({"--sandbox-latency", "500ms"});
  auto waiting = shop.another_client();
  waiting.connection().send(request_text("POST", "/preReservations",
                                         {{"Idempotency-Key", "k"}, {"Content-Type", "application/json"}},
                                         old_body));
  REQUIRE(
      eventually([&] { return shop->document("/preReservations")["page"]["totalElements"].GetInt() == 1; }));
  const auto second = shop->place_with_key(old_body, "k");
  check_problem(second, 409, "key-in-use");
  CHECK(second.has_header("retry-after"));
  const auto first = waiting.connection().read_response();
  CHECK(first.status == 201);
  check_replayed(shop->place_with_key(old_body, "k"), first);
}

// --- Payments that are slow or fail ---

TEST_CASE("when the wait ends first the answer is 202, and the payment goes on by itself") {
  shop shop({"--payment-wait", "300ms", "--sandbox-latency", "550ms"});
  const auto pending = shop->place_with_key(old_body, "slow");
  CHECK(pending.status == 202);
  CHECK(text_at(pending, "/status") == "order");
  const std::string id = std::to_string(id_of(pending));
  const auto meanwhile = shop->place_with_key(old_body, "slow");
  CHECK((meanwhile.status == 202 || meanwhile.status == 201));
  CHECK(meanwhile.header("location") == pending.header("location"));
  REQUIRE(shop.shows_receipt(id));
  CHECK(text_at(shop->document("/myReservations/" + id), "/status") == "reservated");

  const auto known = shop->place_with_key(old_body, "slow");
  CHECK(known.status == 201);
  CHECK(known.header("idempotent-replayed") == "true");
  CHECK(known.header("location") == pending.header("location"));
  CHECK(text_at(known, "/status") == "reservated");
}

TEST_CASE("a charge without an answer is settled: as paid when it was made, and never charged again") {
  shop shop({"--sandbox-hang-after-charge-rate", "1", "--payment-timeout", "400ms"});
  const auto patient = shop->place(old_body);
  CHECK(patient.status == 201);
  REQUIRE(shop.shows_receipt("1"));

  shop.restart_with(
      {"--sandbox-hang-after-charge-rate", "1", "--payment-timeout", "400ms", "--payment-wait", "100ms"});
  const auto pending = shop->place_with_key(old_body, "k");
  CHECK(pending.status == 202);
  const std::string id = std::to_string(id_of(pending));
  REQUIRE(shop.shows_receipt(id));
  CHECK(shop->place_with_key(old_body, "k").status == 201);
  CHECK(text_at(shop->document("/payments/" + id), "/transactionId") == "pi_" + id + "_1");
}

TEST_CASE("a charge without an answer is settled: as not paid when it was not made in time") {
  shop shop({"--sandbox-lands-late-rate", "1", "--payment-timeout", "400ms", "--payment-wait", "100ms"});
  const auto pending = shop->place_with_key(old_body, "k");
  CHECK(pending.status == 202);
  const std::string id = std::to_string(id_of(pending));
  REQUIRE(shop.shows_status(id, "reservation_cancelled"));
  const auto mine = shop->document("/myReservations/" + id);
  CHECK(text_at(mine, "/cancelReason") == "payment_unavailable");
  CHECK(text_at(mine, "/paymentStatus") == "payment_failed");
  CHECK(json_at(mine, "/receiptStatus") == "null");

  const auto known = shop->place_with_key(old_body, "k");
  check_problem(known, 503, "payment-unavailable");
  CHECK(known.header("idempotent-replayed") == "true");
  CHECK_FALSE(known.has_header("retry-after"));
}

TEST_CASE("a reservation cancelled while its payment is under way is refunded, and its request told") {
  shop shop({"--sandbox-latency", "500ms"});
  auto waiting = shop.another_client();
  waiting.connection().send(
      request_text("POST", "/preReservations", {{"Content-Type", "application/json"}}, old_body));
  REQUIRE(eventually([&] { return shop->get("/preReservations/1").status == 200; }));
  const auto cancelled = shop->del("/preReservations/1");
  CHECK((cancelled.status == 204 || cancelled.status == 202));
  const auto told = waiting.connection().read_response();
  check_problem(told, 409, "cancelled");
  CHECK(text_at(told, "/_links/reservation/href") == "http://shop.test/preReservations/1");
  REQUIRE(shop.shows_status("1", "reservation_cancelled"));
  const auto mine = shop->document("/myReservations/1");
  CHECK(text_at(mine, "/cancelReason") == "customer");
  CHECK(text_at(mine, "/paymentStatus") == "payment_cancelled");
}

TEST_CASE("a refund that fails is repeated, and the cancellation goes on by itself when it takes long") {
  shop shop({"--sandbox-refund-failures", "6"});
  REQUIRE(shop->place(old_body).status == 201);
  const auto cancelled = shop->del("/preReservations/1");
  CHECK(cancelled.status == 202);
  CHECK(cancelled.header("location") == "http://shop.test/preReservations/1");
  CHECK(text_at(shop->document("/preReservations/1"), "/status") == "cancelling");
  REQUIRE(shop.shows_status("1", "reservation_cancelled"));
  CHECK(shop->del("/preReservations/1").status == 204);
  CHECK(text_at(shop->document("/payments/1"), "/refundId") == "re_1_1");
}

TEST_CASE("when the provider fails the breaker opens, placements fail fast, and all end well later") {
  shop shop({"--sandbox-fail-rate", "1", "--payment-wait", "50ms"});
  raw_response refused;
  std::vector<std::string> pending;
  for (int tries = 0; tries < 40 && refused.status != 503; ++tries) {
    refused = shop->place(old_body);
    if (refused.status == 202) pending.push_back(std::to_string(id_of(refused)));
  }
  check_problem(refused, 503, "payment-unavailable");
  CHECK(refused.header("retry-after") == "5");
  const auto href = text_at(refused, "/_links/reservation/href");
  const auto unpaid = shop->document(href.substr(std::string("http://shop.test").size()));
  CHECK(text_at(unpaid, "/status") == "reservation_cancelled");
  CHECK(text_at(unpaid, "/cancelReason") == "payment_unavailable");

  const auto breaker = shop->document("/actuator/circuitbreakers");
  CHECK(text_at(breaker, "/circuitBreakers/payment/state") == "OPEN");
  CHECK(breaker["circuitBreakers"]["payment"]["notPermittedCalls"].GetInt() > 0);
  CHECK(breaker["circuitBreakers"]["payment"]["failedCalls"].GetInt() >= 10);
  const auto health = shop->get("/actuator/health");
  CHECK(health.status == 200);
  CHECK(text_at(health, "/components/circuitBreakers/details/payment/status") == "CIRCUIT_OPEN");

  // Unknown is never a failure: what was pending is settled once the provider answers again.
  CHECK_FALSE(pending.empty());
  shop.restart_with({});
  for (const auto& id : pending) {
    REQUIRE(shop.shows_status(id, "reservation_cancelled"));
    CHECK(text_at(shop->document("/payments/" + id), "/status") == "payment_failed");
  }
  CHECK(shop->place(old_body).status == 201);
}

TEST_CASE("a provider that refuses connections opens the breaker, too") {
  shop shop({"--sandbox-outage", "true"});
  for (int i = 0; i < 12; ++i) {
    const auto refused = shop->place(smallest_body);
    check_problem(refused, 503, "payment-unavailable");
    CHECK(refused.has_header("retry-after"));
    CHECK(text_at(refused, "/_links/reservation/href") ==
          "http://shop.test/preReservations/" + std::to_string(i + 1));
  }
  CHECK(text_at(shop->document("/actuator/circuitbreakers"), "/circuitBreakers/payment/state") == "OPEN");
  CHECK(shop.counts("preReservations", 12));
  CHECK(shop.counts("receipts", 0));
}

}  // namespace
}  // namespace holdfast::testing
