// The payment provider as a process of its own: the dialect, the knobs, the outages and the ledger
// of `holdfast sandbox`, and `holdfast serve` that pays through it.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "payments/sandbox_ledger.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::testing {
namespace {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

constexpr const char* card = "4242424242424242";
constexpr const char* form_type = "application/x-www-form-urlencoded";

std::string intent_form(int reservation, const std::string& amount = "1300000") {
  return "amount=" + amount + "&currency=krw&metadata%5Breservation%5D=" + std::to_string(reservation);
}
std::string card_form(const std::string& number = card) {
  return "payment_method_data%5Btype%5D=card&payment_method_data%5Bcard%5D%5Bnumber%5D=" + number;
}
std::string refund_form(const std::string& intent, const std::string& amount = "1300000") {
  return "payment_intent=" + intent + "&amount=" + amount;
}

header_list stripe_headers(const std::string& key) {
  header_list headers{{"Authorization", "Bearer sk_test"}, {"Content-Type", form_type}};
  if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
  return headers;
}

/// A client of the provider, on one connection.
class shop {
 public:
  explicit shop(std::uint16_t port) : client_(port) {}

  raw_response post(const std::string& path, const std::string& body, const std::string& key = "") {
    return client_.request("POST", "/v1/" + path, stripe_headers(key), body);
  }
  raw_response get(const std::string& path) { return client_.get("/v1/" + path, stripe_headers("")); }

  raw_response create(int reservation, const std::string& key = "charge") {
    return post("payment_intents", intent_form(reservation), key);
  }
  raw_response confirm(const std::string& intent, const std::string& number = card) {
    return post("payment_intents/" + intent + "/confirm", card_form(number), "charge-confirm");
  }
  raw_response cancel(const std::string& intent) { return post("payment_intents/" + intent + "/cancel", ""); }
  raw_response refund(const std::string& intent, const std::string& key = "refund") {
    return post("refunds", refund_form(intent), key);
  }
  raw_response search(int reservation) {
    return get("payment_intents/search?query=metadata%5B%27reservation%27%5D%3A%27" +
               std::to_string(reservation) + "%27&limit=100");
  }

  /// Sends the confirmation and reads no answer.
  void send_confirmation(const std::string& intent) {
    client_.connection().send(request_text("POST", "/v1/payment_intents/" + intent + "/confirm",
                                           stripe_headers("charge-confirm"), card_form()));
  }
  raw_client& connection() { return client_.connection(); }

 private:
  http_client client_;
};

bool connection_is_refused(std::uint16_t port) {
  try {
    raw_client{port};
    return false;
  } catch (const std::runtime_error& error) {
    return std::string(error.what()).find("Connection refused") != std::string::npos;
  }
}

/// Each as "charge 257 pi_257_1".
strings told(const std::vector<sandbox_process::entry>& ledger) {
  strings lines;
  for (const auto& each : ledger) {
    lines.push_back(each.kind + " " + std::to_string(each.reservation) + " " + each.transaction_id);
  }
  return lines;
}

void check_contains(const std::string& text, const std::string& part) {
  INFO("expected to contain: " << part);
  INFO("text: " << text);
  CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("a charge is an intent, created without a card and confirmed with one") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  const auto created = shop.create(257, "257-charge");
  REQUIRE(created.status == 200);
  CHECK(created.header("content-type") == "application/json");
  CHECK(text_at(created, "/id") == "pi_257_1");
  CHECK(text_at(created, "/object") == "payment_intent");
  CHECK(json_at(created, "/amount") == "1300000");
  CHECK(json_at(created, "/amount_received") == "0");
  CHECK(text_at(created, "/currency") == "krw");
  CHECK(text_at(created, "/status") == "requires_payment_method");
  CHECK(text_at(created, "/metadata/reservation") == "257");
  CHECK(json_at(created, "/created").size() == 10);
  CHECK(sandbox.ledger().empty());

  const auto confirmed = shop.confirm("pi_257_1");
  CHECK(confirmed.status == 200);
  CHECK(text_at(confirmed, "/status") == "succeeded");
  CHECK(json_at(confirmed, "/amount_received") == "1300000");
  CHECK(text_at(shop.create(257, "257-charge"), "/status") == "succeeded");
  CHECK(shop.confirm("pi_257_1").status == 200);

  const auto ledger = sandbox.ledger();
  REQUIRE(ledger.size() == 1);
  CHECK(ledger[0].idempotency_key == "257-charge");
  CHECK(ledger[0].reservation == 257);
  CHECK(ledger[0].amount == 1'300'000);
  CHECK(ledger[0].currency == "KRW");
  CHECK(ledger[0].kind == "charge");
  CHECK(ledger[0].transaction_id == "pi_257_1");
  const auto written = http_client{sandbox.port()}.document("/ledger");
  CHECK(text_at(written, "/entries/0/time").size() == std::string("2026-11-22T16:27:21.482Z").size());
}

TEST_CASE("an amount of nothing, a token and no card at all are charged too") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  CHECK(shop.post("payment_intents", intent_form(1, "0"), "a").status == 200);
  CHECK(text_at(shop.post("payment_intents/pi_1_1/confirm", "", "b"), "/status") == "succeeded");
  CHECK(shop.create(2).status == 200);
  CHECK(text_at(shop.post("payment_intents/pi_2_1/confirm", "payment_method=pm_card_visa", "b"), "/status") ==
        "succeeded");
  CHECK(sandbox.ledger().size() == 2);
}

TEST_CASE("the test cards are declined in Stripe's words, again and again, and can be cancelled") {
  struct row {
    const char* number;
    const char* code;
    const char* decline_code;
  };
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  int reservation = 0;
  for (const auto& each : {row{"4000000000000002", "card_declined", "generic_decline"},
                           row{"4000000000009995", "card_declined", "insufficient_funds"},
                           row{"4000000000000119", "processing_error", "processing_error"}}) {
    const auto intent = text_at(shop.create(++reservation), "/id");
    for (int i = 0; i < 2; ++i) {
      const auto declined = shop.confirm(intent, each.number);
      CHECK(declined.status == 402);
      CHECK(text_at(declined, "/error/type") == "card_error");
      CHECK(text_at(declined, "/error/code") == each.code);
      CHECK(text_at(declined, "/error/decline_code") == each.decline_code);
      CHECK(text_at(declined, "/error/payment_intent/status") == "requires_payment_method");
    }
    CHECK(text_at(shop.cancel(intent), "/status") == "canceled");
  }
  CHECK(sandbox.ledger().empty());
}

TEST_CASE("a cancelled intent can't be confirmed, and a captured one can't be cancelled") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  shop.create(1);
  CHECK(text_at(shop.cancel("pi_1_1"), "/status") == "canceled");
  for (const auto& refused : {shop.cancel("pi_1_1"), shop.confirm("pi_1_1")}) {
    CHECK(refused.status == 400);
    CHECK(text_at(refused, "/error/code") == "payment_intent_unexpected_state");
    CHECK(text_at(refused, "/error/payment_intent/status") == "canceled");
  }
  CHECK(text_at(shop.create(1), "/status") == "canceled");

  shop.create(2);
  shop.confirm("pi_2_1");
  const auto refused = shop.cancel("pi_2_1");
  CHECK(refused.status == 400);
  CHECK(text_at(refused, "/error/code") == "payment_intent_unexpected_state");
  CHECK(text_at(refused, "/error/payment_intent/id") == "pi_2_1");
  CHECK(text_at(refused, "/error/payment_intent/status") == "succeeded");
  CHECK(told(sandbox.ledger()) == strings{"charge 2 pi_2_1"});
}

TEST_CASE("the intents of a reservation are found, and no other's") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  shop.create(7, "a");
  shop.create(7, "b");
  shop.create(8, "a");
  const auto found = shop.search(7);
  CHECK(found.status == 200);
  CHECK(text_at(found, "/object") == "search_result");
  CHECK(json_at(found, "/has_more") == "false");
  CHECK(text_at(found, "/data/0/id") == "pi_7_1");
  CHECK(text_at(found, "/data/1/id") == "pi_7_2");
  CHECK(json_at(found, "/data/2") == "absent");
  CHECK(json_at(shop.search(9), "/data") == "[]");
}

TEST_CASE("a capture is refunded once, and the refund is found") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  shop.create(1);
  shop.confirm("pi_1_1");
  CHECK(json_at(shop.get("refunds?payment_intent=pi_1_1&limit=100"), "/data") == "[]");
  for (int i = 0; i < 2; ++i) {
    const auto refund = shop.refund("pi_1_1");
    CHECK(refund.status == 200);
    CHECK(text_at(refund, "/id") == "re_1_1");
    CHECK(text_at(refund, "/object") == "refund");
    CHECK(text_at(refund, "/status") == "succeeded");
    CHECK(text_at(refund, "/payment_intent") == "pi_1_1");
    CHECK(json_at(refund, "/amount") == "1300000");
    CHECK(text_at(refund, "/currency") == "krw");
    CHECK(text_at(refund, "/metadata/reservation") == "1");
  }
  const auto again = shop.refund("pi_1_1", "another");
  CHECK(again.status == 400);
  CHECK(text_at(again, "/error/code") == "charge_already_refunded");
  const auto list = shop.get("refunds?payment_intent=pi_1_1&limit=100");
  CHECK(text_at(list, "/object") == "list");
  CHECK(text_at(list, "/data/0/id") == "re_1_1");
  CHECK(json_at(list, "/has_more") == "false");
  CHECK(text_at(shop.search(1), "/data/0/status") == "succeeded");
  CHECK(told(sandbox.ledger()) == strings{"charge 1 pi_1_1", "refund 1 pi_1_1"});
  CHECK(sandbox.ledger()[1].idempotency_key == "refund");
}

TEST_CASE("what is wrong with a request is told in Stripe's form, and the connection goes on") {
  struct row {
    std::string method;
    std::string path;
    header_list headers;
    std::string body;
    int status;
    std::string told;
  };
  const header_list with_key = stripe_headers("k");
  const header_list json{{"Authorization", "Bearer sk"}, {"Content-Type", "application/json"}};
  const std::string intents = "/v1/payment_intents";
  const std::string rest = "&currency=krw&metadata[reservation]=1";
  const std::vector<row> table{
      {"POST", intents, {{"Content-Type", form_type}}, intent_form(1), 401, "API key"},
      {"POST", intents, {{"Authorization", "Bearer "}, {"Content-Type", form_type}}, "a=b", 401, "API key"},
      {"GET", intents + "/search", {{"Authorization", "Basic c2s6"}}, "", 401, "API key"},
      {"POST", intents, json, R"({"amount":1})", 400, "application/x-www-form-urlencoded"},
      {"POST", intents, stripe_headers(std::string(256, 'k')), intent_form(1), 400, "Idempotency-Key"},
      {"POST", intents, with_key, "amount=%zz" + rest, 400, "malformed"},
      {"POST", intents, with_key, "amount=%1", 400, "malformed"},
      {"POST", intents, with_key, "amount=1&amount=1" + rest, 400, "given twice"},
      {"POST", intents, with_key, "", 400, "\"param\":\"amount\""},
      {"POST", intents, with_key, "amount=1.5" + rest, 400, "\"param\":\"amount\""},
      {"POST", intents, with_key, "amount=-1" + rest, 400, "\"param\":\"amount\""},
      {"POST", intents, with_key, "amount=9007199254740993" + rest, 400, "\"param\":\"amount\""},
      {"POST", intents, with_key, "amount=99999999999999999999" + rest, 400, "\"param\":\"amount\""},
      {"POST", intents, with_key, "amount=1", 400, "\"param\":\"currency\""},
      {"POST", intents, with_key, "amount=1&currency=k1w&metadata[reservation]=1", 400, "ISO 4217"},
      {"POST", intents, with_key, "amount=1&currency=kr", 400, "ISO 4217"},
      {"POST", intents, with_key, "amount=1&currency=krw", 400, "\"param\":\"metadata[reservation]\""},
      {"POST", intents, with_key, "amount=1&currency=krw&metadata[reservation]=x", 400,
       "reservation's number"},
      {"POST", intents, with_key, "amount=1&currency=krw&metadata[reservation]=0", 400,
       "reservation's number"},
      {"GET", intents, with_key, "", 405, "POST"},
      {"POST", intents + "/search", with_key, "", 405, "GET"},
      {"GET", intents + "/search", with_key, "", 400, "\"param\":\"query\""},
      {"GET", intents + "/search?query=status:'x'", with_key, "", 400, "metadata['reservation']"},
      {"GET", intents + "/pi_1_1/confirm", with_key, "", 405, "POST"},
      {"POST", intents + "/pi_1_1/confirm", with_key, "", 404, "resource_missing"},
      {"POST", intents + "/pi_1_1/cancel", with_key, "", 404, "resource_missing"},
      {"POST", intents + "/nonsense/cancel", with_key, "", 404, "resource_missing"},
      {"POST", intents + "/pi_1_1/capture", with_key, "", 404, "names nothing"},
      {"POST", intents + "x", with_key, "", 404, "names nothing"},
      {"POST", "/v1/charges", with_key, "", 404, "names nothing"},
      {"POST", "/v1/refunds", with_key, "amount=1", 400, "\"param\":\"payment_intent\""},
      {"POST", "/v1/refunds", with_key, "payment_intent=pi_9_9&amount=1", 404, "resource_missing"},
      {"POST", "/v1/refunds", with_key, "payment_intent=pi_2_1&amount=1", 400, "successful charge"},
      {"POST", "/v1/refunds", with_key, "payment_intent=pi_3_1&amount=1300001", 400, "whole amount"},
      {"POST", "/v1/refunds", with_key, "payment_intent=pi_3_1&amount=x", 400, "\"param\":\"amount\""},
      {"GET", "/v1/refunds?payment_intent=pi_9_9", with_key, "", 404, "resource_missing"},
      {"GET", "/v1/refunds", with_key, "", 400, "\"param\":\"payment_intent\""},
      {"DELETE", "/v1/refunds", with_key, "", 405, "GET, POST"},
      {"GET", "/", {}, "", 404, "/control"},
      {"POST", "/ledger", {}, "", 405, "GET"},
      {"POST", "/control", {}, "", 405, "GET, PUT"},
  };
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  shop.create(2);
  shop.create(3);
  shop.confirm("pi_3_1");
  http_client client{sandbox.port()};
  for (const auto& each : table) {
    CAPTURE(each.method);
    CAPTURE(each.path);
    CAPTURE(each.body);
    const auto answer = client.request(each.method, each.path, each.headers, each.body);
    CHECK(answer.status == each.status);
    check_contains(answer.body, each.told);
    CHECK_FALSE(text_at(answer, "/error/type").empty());
    if (each.status == 405) CHECK(answer.header("allow") == each.told);
  }
  CHECK(told(sandbox.ledger()) == strings{"charge 3 pi_3_1"});
}

TEST_CASE("a body that is too large is refused") {
  sandbox_process sandbox;
  http_client client{sandbox.port()};
  const auto answer =
      client.request("POST", "/v1/payment_intents", stripe_headers("k"), "a=" + std::string(17'000, 'x'));
  CHECK(answer.status == 413);
}

TEST_CASE("every knob is turned and shown as it was given") {
  sandbox_process sandbox;
  const auto before = sandbox.control();
  CHECK(text_at(before, "/latency") == "0ms");
  CHECK(text_at(before, "/landsLateAfter") == "2s");
  CHECK(json_at(before, "/outage") == "false");
  sandbox.control(R"({"latency":"1ms-2s","declineRate":0.25,"failRate":0.125,"hangAfterChargeRate":"0.5",
                      "landsLateRate":0.75,"landsLateAfter":"1500ms","forgetKeysRate":1,"refundFailures":3})");
  const auto after = sandbox.control();
  CHECK(text_at(after, "/latency") == "1ms-2s");
  CHECK(json_at(after, "/declineRate") == "0.25");
  CHECK(json_at(after, "/failRate") == "0.125");
  CHECK(json_at(after, "/hangAfterChargeRate") == "0.5");
  CHECK(json_at(after, "/landsLateRate") == "0.75");
  CHECK(text_at(after, "/landsLateAfter") == "1500ms");
  CHECK(json_at(after, "/forgetKeysRate") == "1.0");
  CHECK(json_at(after, "/refundFailures") == "3");
  CHECK(json_at(sandbox.control("{}"), "/declineRate") == "0.25");
}

TEST_CASE("flags set the knobs that /control shows") {
  sandbox_process sandbox{{"--latency", "5ms-7ms", "--decline-rate", "0.5", "--fail-rate", "0.25",
                           "--hang-after-charge-rate", "0.125", "--lands-late-rate", "1",
                           "--lands-late-after", "3s", "--forget-keys-rate", "0.75", "--refund-failures", "2",
                           "--seed", "7"}};
  const auto knobs = sandbox.control();
  CHECK(text_at(knobs, "/latency") == "5ms-7ms");
  CHECK(json_at(knobs, "/declineRate") == "0.5");
  CHECK(json_at(knobs, "/failRate") == "0.25");
  CHECK(json_at(knobs, "/hangAfterChargeRate") == "0.125");
  CHECK(json_at(knobs, "/landsLateRate") == "1.0");
  CHECK(text_at(knobs, "/landsLateAfter") == "3s");
  CHECK(json_at(knobs, "/forgetKeysRate") == "0.75");
  CHECK(json_at(knobs, "/refundFailures") == "2");
}

TEST_CASE("a knob that is not known or not accepted is named, and none of the others is turned") {
  struct row {
    std::string body;
    std::string told;
  };
  const std::vector<row> table{
      {R"({"declineRate":0.5,"colour":"red"})", "unknown knob 'colour'; accepted: outage, latency"},
      {R"({"decline-rate":0.5})", "unknown knob 'decline-rate'"},
      {R"({"declineRate":0.5,"latency":"soon"})", "latency = 'soon' is not accepted; give a duration"},
      {R"({"latency":5})", "latency = '5' is not accepted"},
      {R"({"failRate":1.5})", "failRate = '1.5' is not accepted"},
      {R"({"failRate":null})", "failRate has to be a string"},
      {R"({"failRate":[1]})", "failRate has to be a string"},
      {R"({"refundFailures":-1})", "refundFailures = '-1'"},
      {R"({"landsLateAfter":"0ms"})", "landsLateAfter = '0ms'"},
      {R"({"outage":"forever"})", "outage = 'forever' is not accepted; give true, false or a duration"},
      {R"({"outage":"0ms"})", "outage = '0ms'"},
      {R"([])", "JSON object"},
      {"", "JSON object"},
      {"{", "JSON object"},
      {std::string(16'000, '['), "JSON object"},
  };
  sandbox_process sandbox;
  http_client client{sandbox.port()};
  for (const auto& each : table) {
    CAPTURE(each.body);
    const auto refused = client.request("PUT", "/control", {}, each.body);
    CHECK(refused.status == 400);
    check_contains(text_at(refused, "/error/message"), each.told);
  }
  CHECK(json_at(sandbox.control(), "/declineRate") == "0.0");
}

TEST_CASE("declines and failures come as often as they are told to") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  sandbox.control(R"({"declineRate":1})");
  shop.create(1);
  CHECK(shop.confirm("pi_1_1").status == 402);

  sandbox.control(R"({"declineRate":0,"failRate":1})");
  for (const auto& failed : {shop.create(2), shop.search(1), shop.cancel("pi_1_1"), shop.refund("pi_1_1")}) {
    CHECK(failed.status == 500);
    CHECK(text_at(failed, "/error/type") == "api_error");
  }
  sandbox.control(R"({"failRate":0})");
  CHECK(json_at(shop.search(2), "/data") == "[]");
  CHECK(text_at(shop.search(1), "/data/0/status") == "requires_payment_method");
}

TEST_CASE("what moves money takes its time, and nothing else does") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  shop.create(1);
  shop.create(2);
  sandbox.control(R"({"latency":"200ms"})");
  auto begin = std::chrono::steady_clock::now();
  CHECK(shop.confirm("pi_1_1").status == 200);
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
  begin = std::chrono::steady_clock::now();
  CHECK(shop.refund("pi_1_1").status == 200);
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
  begin = std::chrono::steady_clock::now();
  CHECK(shop.cancel("pi_2_1").status == 200);
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);

  // Longer than the client waits for an answer.
  sandbox.control(R"({"latency":"1m"})");
  CHECK(shop.create(3).status == 200);
  CHECK(shop.search(1).status == 200);
  CHECK(shop.get("refunds?payment_intent=pi_1_1").status == 200);
}

TEST_CASE("charged and then no answer: the connection stays, and the capture is there") {
  sandbox_process sandbox;
  shop charging{sandbox.port()};
  charging.create(1);
  sandbox.control(R"({"hangAfterChargeRate":1})");
  charging.send_confirmation("pi_1_1");
  CHECK(eventually([&] { return sandbox.ledger().size() == 1; }));
  CHECK(charging.connection().is_quiet_for(100ms));
  shop looking{sandbox.port()};
  CHECK(text_at(looking.search(1), "/data/0/status") == "succeeded");
}

TEST_CASE("a charge lands late, unless its intent was cancelled before") {
  sandbox_process sandbox;
  shop looking{sandbox.port()};
  looking.create(1);
  looking.create(2);
  sandbox.control(R"({"landsLateRate":1,"landsLateAfter":"300ms"})");
  shop first{sandbox.port()};
  shop second{sandbox.port()};
  first.send_confirmation("pi_1_1");
  CHECK(eventually([&] { return sandbox.calls_under_way() == 1; }));
  CHECK(text_at(looking.cancel("pi_1_1"), "/status") == "canceled");
  second.send_confirmation("pi_2_1");
  // When the second has landed, the first was due before.
  CHECK(eventually([&] { return !sandbox.ledger().empty(); }));
  CHECK(told(sandbox.ledger()) == strings{"charge 2 pi_2_1"});
  CHECK(second.connection().is_quiet_for(50ms));
  CHECK(text_at(looking.search(2), "/data/0/status") == "succeeded");
}

TEST_CASE("a forgotten key makes another intent") {
  sandbox_process sandbox;
  shop shop{sandbox.port()};
  CHECK(text_at(shop.create(1), "/id") == "pi_1_1");
  CHECK(text_at(shop.create(1), "/id") == "pi_1_1");
  sandbox.control(R"({"forgetKeysRate":1})");
  CHECK(text_at(shop.create(1), "/id") == "pi_1_2");
}

TEST_CASE("a refund fails as many times as it is told to") {
  sandbox_process sandbox{{"--refund-failures", "2"}};
  shop shop{sandbox.port()};
  shop.create(1);
  shop.confirm("pi_1_1");
  for (int i = 0; i < 2; ++i) CHECK(shop.refund("pi_1_1").status == 500);
  CHECK(shop.refund("pi_1_1").status == 200);
}

TEST_CASE("an outage refuses connections and cuts those that are there, until it is told to end") {
  sandbox_process sandbox{{"--hang-after-charge-rate", "1"}};
  shop waiting{sandbox.port()};
  waiting.create(1);
  waiting.send_confirmation("pi_1_1");
  shop idle{sandbox.port()};
  CHECK(idle.search(1).status == 200);
  CHECK(eventually([&] { return sandbox.calls_under_way() == 1; }));

  for (int i = 0; i < 2; ++i) {
    CHECK(json_at(sandbox.control(R"({"outage":true})"), "/outage") == "true");
    CHECK(connection_is_refused(sandbox.port()));
  }
  CHECK(waiting.connection().read_until_close().empty());
  CHECK(idle.connection().read_until_close().empty());
  CHECK(sandbox.calls_under_way() == 0);
  CHECK(sandbox.ledger().size() == 1);

  CHECK(json_at(sandbox.control(R"({"outage":false})"), "/outage") == "false");
  CHECK(shop{sandbox.port()}.search(1).status == 200);
}

TEST_CASE("an outage ends by itself after the time that it was given") {
  sandbox_process sandbox;
  sandbox.control(R"({"outage":"300ms"})");
  CHECK(connection_is_refused(sandbox.port()));
  CHECK(eventually([&] { return !connection_is_refused(sandbox.port()); }));
  CHECK(json_at(sandbox.control(), "/outage") == "false");
  CHECK(shop{sandbox.port()}.search(1).status == 200);
}

TEST_CASE("SIGTERM ends it in an outage too") {
  sandbox_process sandbox;
  sandbox.control(R"({"outage":true})");
  CHECK(sandbox.terminate() == 0);
}

TEST_CASE("with a folder the ledger outlives the process, and cancelled intents with it") {
  const temporary_folder folder;
  sandbox_process sandbox{{}, folder.path()};
  const auto port = sandbox.port();
  {
    shop shop{port};
    shop.create(1);
    shop.confirm("pi_1_1");
    shop.create(2);
    shop.cancel("pi_2_1");
    shop.create(3);
    shop.confirm("pi_3_1", "4000000000009995");
    shop.create(4);
    shop.confirm("pi_4_1");
    shop.refund("pi_4_1");
  }
  const auto before = told(sandbox.ledger());
  sandbox.kill();
  sandbox.restart();
  CHECK(sandbox.port() == port);
  CHECK(told(sandbox.ledger()) == before);
  CHECK(before == strings{"charge 1 pi_1_1", "charge 4 pi_4_1", "refund 4 pi_4_1"});
  shop shop{port};
  CHECK(text_at(shop.create(1), "/status") == "succeeded");
  CHECK(text_at(shop.create(2), "/status") == "canceled");
  CHECK(shop.confirm("pi_2_1").status == 400);
  CHECK(text_at(shop.confirm("pi_3_1"), "/error/decline_code") == "insufficient_funds");
  CHECK(text_at(shop.refund("pi_4_1"), "/id") == "re_4_1");
  CHECK(text_at(shop.refund("pi_4_1", "another"), "/error/code") == "charge_already_refunded");
  CHECK(sandbox.terminate() == 0);
}

TEST_CASE("a ledger that may not grow is told as an error, and goes on once it may") {
  sandbox_process sandbox;
  const auto pid = sandbox.process().pid();
  shop shop{sandbox.port()};
  shop.create(1);
  rlimit before{};
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, nullptr, &before) == 0);
  const rlimit less_than_a_window{payments::sandbox_ledger::window_bytes / 2, before.rlim_max};
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, &less_than_a_window, nullptr) == 0);
  for (int i = 0; i < 2; ++i) {
    const auto failed = shop.confirm("pi_1_1");
    CHECK(failed.status == 500);
    check_contains(failed.body, "ledger can't be written");
  }
  CHECK(sandbox.ledger().empty());
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, &before, nullptr) == 0);
  CHECK(text_at(shop.confirm("pi_1_1"), "/status") == "succeeded");
  CHECK(told(sandbox.ledger()) == strings{"charge 1 pi_1_1"});
}

TEST_CASE("without a folder it keeps the ledger in one that it takes away at its end") {
  const temporary_folder folder;
  process sandbox{{"sandbox", "--listen", "127.0.0.1:0"}, {{"TMPDIR", folder.path().string()}}};
  check_contains(sandbox.wait_for_line(), "ledger temporary");
  CHECK_FALSE(std::filesystem::is_empty(folder.path()));
  sandbox.send(SIGTERM);
  CHECK(sandbox.wait_for_exit() == 0);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("SIGTERM ends it at once although calls hang and answers wait") {
  sandbox_process sandbox;
  shop hanging{sandbox.port()};
  shop slow{sandbox.port()};
  hanging.create(1);
  hanging.create(2);
  sandbox.control(R"({"hangAfterChargeRate":1})");
  hanging.send_confirmation("pi_1_1");
  CHECK(eventually([&] { return sandbox.calls_under_way() == 1; }));
  sandbox.control(R"({"hangAfterChargeRate":0,"latency":"1m"})");
  slow.send_confirmation("pi_2_1");
  CHECK(eventually([&] { return sandbox.calls_under_way() == 2; }));
  CHECK(sandbox.terminate() == 0);
}

TEST_CASE("calls under way are counted while their clients are there") {
  sandbox_process sandbox;
  constexpr int clients = 5;
  {
    shop shop{sandbox.port()};
    for (int i = 1; i <= 2 * clients; ++i) shop.create(i);
  }
  CHECK(sandbox.calls_under_way() == 0);
  CHECK(sandbox.most_calls_at_once() == 1);
  sandbox.control(R"({"hangAfterChargeRate":1})");
  std::vector<std::unique_ptr<shop>> hanging;
  const auto one_more = [&](int reservation) {
    hanging.push_back(std::make_unique<shop>(sandbox.port()));
    hanging.back()->send_confirmation("pi_" + std::to_string(reservation) + "_1");
  };
  for (int i = 1; i <= clients; ++i) one_more(i);
  CHECK(eventually([&] { return sandbox.calls_under_way() == clients; }));
  CHECK(sandbox.most_calls_at_once() == clients);

  // A client that never has more of them: each that leaves makes room for the next.
  for (int i = 1; i <= clients; ++i) {
    hanging.erase(hanging.begin());
    one_more(clients + i);
    CHECK(eventually([&] { return sandbox.ledger().size() == static_cast<std::size_t>(clients + i); }));
  }
  CHECK(sandbox.calls_under_way() == clients);
  CHECK(sandbox.most_calls_at_once() == clients);
  hanging.clear();
  CHECK(sandbox.calls_under_way() == 0);
}

TEST_CASE("no card number is kept or logged") {
  const std::string canary = "5105105105105100";
  const temporary_folder folder;
  sandbox_process sandbox{{"--log-level", "trace"}, folder.path()};
  shop shop{sandbox.port()};
  shop.create(1);
  shop.confirm("pi_1_1", canary);
  shop.post("payment_intents/pi_1_1/confirm", card_form(canary) + "&broken=%", "k");
  shop.post("payment_intents/pi_9_1/confirm", card_form(canary), "k");
  CHECK(sandbox.terminate() == 0);
  CHECK(sandbox.process().errors().find(canary) == std::string::npos);
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path())) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    CHECK(content.find(canary) == std::string::npos);
  }
}

TEST_CASE("what is not accepted on the command line is named, and help and a port in use are told") {
  struct row {
    strings arguments;
    std::string told;
  };
  sandbox_process running;
  const auto address = "127.0.0.1:" + std::to_string(running.port());
  const std::vector<row> table{
      {{"sandbox", "--colour", "red"}, "unknown flag '--colour'; accepted: --config, --listen"},
      {{"sandbox", "--sandbox-latency", "1s"}, "unknown flag '--sandbox-latency'"},
      {{"sandbox", "--latency", "soon"}, "--latency = 'soon' is not accepted; give a duration"},
      {{"sandbox", "--decline-rate", "2"}, "--decline-rate = '2' is not accepted"},
      {{"sandbox", "--seed", "x"}, "--seed = 'x' is not accepted"},
      {{"sandbox", "9090"}, "unexpected argument '9090'"},
  };
  for (const auto& each : table) {
    process refused{each.arguments};
    CHECK(refused.wait_for_exit() == 2);
    check_contains(refused.errors(), each.told);
  }
  process second{{"sandbox", "--listen", address}};
  CHECK(second.wait_for_exit() == 1);
  check_contains(second.errors(), address);

  process help{{"sandbox", "--help"}};
  CHECK(help.wait_for_exit() == 0);
  check_contains(help.rest_of_output(), "--hang-after-charge-rate RATE");

  process by_variable{{"sandbox", "--listen", "127.0.0.1:0"},
                      {{"HOLDFAST_SANDBOX_DECLINE_RATE", "7"}, {"HOLDFAST_PAYMENT_WAIT", "of serve"}}};
  CHECK(by_variable.wait_for_exit() == 2);
  check_contains(by_variable.errors(), "HOLDFAST_SANDBOX_DECLINE_RATE = '7'");
}

TEST_CASE("serve pays and refunds through it, and says so where it is gone") {
  const temporary_folder folder;
  sandbox_process sandbox;
  serving_process server{folder.path(), {"--payment", sandbox.url(), "--payment-key", "sk_canary_key"}};
  http_client client{server.port()};
  REQUIRE(wait_for_view(client));
  const std::string order = R"({"userId":1,"price":1300000,"cardNo":"4242-4242-4242-4242"})";
  const auto placed = client.place(order);
  REQUIRE(placed.status == 201);
  const auto id = std::to_string(id_of(placed));
  CHECK(text_at(client.document("/payments/" + id), "/transactionId") == "pi_" + id + "_1");
  CHECK(told(sandbox.ledger()) == strings{"charge " + id + " pi_" + id + "_1"});
  CHECK(client.place(R"({"userId":1,"price":5,"cardNo":"4000000000000002"})").status == 402);

  CHECK(client.del("/preReservations/" + id).status / 100 == 2);
  CHECK(eventually([&] { return sandbox.ledger().size() == 2; }));
  CHECK(told(sandbox.ledger())[1] == "refund " + id + " pi_" + id + "_1");

  sandbox.kill();
  const auto refused = client.place(order);
  CHECK(refused.status == 503);
  CHECK(text_at(refused, "/code") == "payment-unavailable");
  CHECK(server.terminate() == 0);
  check_contains(server.process().errors(), "payment " + sandbox.url());
  CHECK(server.process().errors().find("sk_canary_key") == std::string::npos);
}

TEST_CASE("a charge that hangs is settled: serve answers that it is paid") {
  const temporary_folder folder;
  sandbox_process sandbox{{"--hang-after-charge-rate", "1"}};
  serving_process server{folder.path(), {"--payment", sandbox.url(), "--payment-timeout", "300ms"}};
  http_client client{server.port()};
  const auto placed = client.place(R"({"userId":1,"price":1300000})");
  CHECK((placed.status == 201 || placed.status == 202));
  const auto id = std::to_string(id_of(placed));
  CHECK(eventually(
      [&] { return text_at(client.document("/preReservations/" + id), "/status") == "reservated"; }));
  CHECK(told(sandbox.ledger()) == strings{"charge " + id + " pi_" + id + "_1"});
}

}  // namespace
}  // namespace holdfast::testing
