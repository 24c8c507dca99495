// The dialect by tables: what requests look like, and what becomes of a call for each answer.
#include "payments/stripe_dialect.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "payments/http_request_bytes.hpp"
#include "payments/stripe_outcomes.hpp"

using namespace holdfast::payments;
namespace domain = holdfast::domain;

namespace {

const domain::money price{1'300'000, "KRW"};

/// An intent of reservation 257 with some of its members replaced.
std::string intent_json(const std::string& status, const std::string& id = "pi_257_1",
                        const std::string& reservation = R"("257")", const std::string& amount = "1300000") {
  const auto received = status == "succeeded" ? amount : std::string("0");
  return R"({"id":")" + id + R"(","object":"payment_intent","amount":)" + amount + R"(,"amount_received":)" +
         received + R"(,"currency":"krw","status":")" + status + R"(","metadata":{"reservation":)" +
         reservation + R"(},"created":1700000000})";
}

std::string error_json(const std::string& type, const std::string& code, const std::string& more = "") {
  return R"({"error":{"type":")" + type + R"(","code":")" + code + R"(","message":"No.")" + more + "}}";
}

std::string about(const std::string& intent) {
  return R"(,"payment_intent":)" + intent;
}

std::string refund_json(const std::string& status, const std::string& intent = "pi_257_1",
                        const std::string& amount = "1300000") {
  return R"({"id":"re_257_1","object":"refund","status":")" + status + R"(","payment_intent":")" + intent +
         R"(","amount":)" + amount + R"(,"currency":"krw","metadata":{"reservation":"257"}})";
}

std::string list_json(const std::string& kind, const std::string& items, const char* has_more = "false") {
  return R"({"object":")" + kind + R"(","data":[)" + items + R"(],"has_more":)" + has_more + "}";
}

charge_request charge() {
  charge_request request;
  request.reservation = 257;
  request.price = price;
  request.card_number = domain::secret(std::string("1234123412341234"));
  request.idempotency_key = "charge-257";
  return request;
}
const settle_request settlement{257, price, "charge-257"};
const refund_request refund{257, price, "pi_257_1", "refund-257"};

struct row {
  http_answer answer;
  std::string outcome;
};

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

/// Answers that are none, whatever was asked.
std::vector<row> nonsense_answers() {
  const auto good = intent_json("succeeded");
  auto missing_status = good;
  missing_status.replace(missing_status.find("\"status\""), 8, "\"statu\"");
  auto bad_utf8 = good;
  bad_utf8.insert(1, "\"a\":\"\xff\",");
  return {
      {{200, ""}, "unknown unreadable_answer"},
      {{200, good.substr(0, good.size() / 2)}, "unknown unreadable_answer"},
      {{200, good + "x"}, "unknown unreadable_answer"},
      {{200, "null"}, "unknown unreadable_answer"},
      {{200, "[]"}, "unknown unreadable_answer"},
      {{200, "{}"}, "unknown unreadable_answer"},
      {{200, "<html><body>Welcome</body></html>"}, "unknown unreadable_answer"},
      {{200, missing_status}, "unknown unreadable_answer"},
      {{200, bad_utf8}, "unknown unreadable_answer"},
      {{200, intent_json("on_holiday")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", "257")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", R"("-1")")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", R"("")")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", R"("257")", "13e5")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", R"("257")", "true")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "pi_257_1", R"("257")", "99999999999999999999")},
       "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "../charges")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", "")}, "unknown unreadable_answer"},
      {{200, intent_json("succeeded", std::string(stripe::longest_word_bytes + 1, 'a'))},
       "unknown unreadable_answer"},
      {{200, R"({"a":)" + nested(40) + "}"}, "unknown unreadable_answer"},
      {{200, std::string(1'000'000, '[')}, "unknown unreadable_answer"},
      {{200, refund_json("succeeded") + " "}, "unknown unreadable_answer"},
      {{200, error_json("card_error", "card_declined")}, "unknown unreadable_answer"},
      {{201, good}, "unknown unexpected_status"},
      {{204, ""}, "unknown unexpected_status"},
      {{302, good}, "unknown unexpected_status"},
      {{402, "Payment required"}, "unknown unreadable_answer"},
      {{402, R"({"error":"card_declined"})"}, "unknown unreadable_answer"},
      {{402, R"({"error":{"type":1,"code":"card_declined"}})"}, "unknown unreadable_answer"},
      {{402, error_json("card_error", "card_declined", about("{}"))}, "unknown unreadable_answer"},
      {{401, error_json("invalid_request_error", "")}, "unknown status_401"},
      {{409, error_json("idempotency_error", "idempotency_key_in_use")}, "unknown idempotency_key_in_use"},
      {{429, error_json("invalid_request_error", "rate_limit")}, "unknown rate_limit"},
      {{500, good}, "unknown server_error"},
      {{503, ""}, "unknown server_error"},
  };
}

std::string said(const charge_answer& answer) {
  const char* words[] = {"captured", "declined", "not_charged", "unknown"};
  const auto detail = answer.status == charge_status::captured ? answer.transaction_id : answer.reason;
  return std::string(words[static_cast<int>(answer.status)]) + " " + detail;
}
std::string said(const refund_answer& answer) {
  const bool refunded = answer.status == refund_status::refunded;
  return refunded ? "refunded " + answer.refund_id : "unknown " + answer.reason;
}

std::string after_create(const http_answer& answer) {
  const auto next = stripe::after_create(stripe::read_intent(answer), charge());
  if (const auto* intent = std::get_if<std::string>(&next)) return "confirm " + *intent;
  return said(std::get<charge_answer>(next));
}
std::string after_confirm(const http_answer& answer) {
  return said(stripe::after_confirm(stripe::read_intent(answer), "pi_257_1"));
}
std::string after_cancel(const http_answer& answer) {
  const auto cancelled = stripe::read_intent(answer);
  const auto status = stripe::after_cancel(cancelled, "pi_257_1");
  if (!status) return "unknown " + stripe::reason_of(cancelled);
  return *status == stripe::intent_status::canceled ? "canceled" : "succeeded";
}
std::string after_refund(const http_answer& answer) {
  const auto outcome = stripe::after_refund(stripe::read_refund(answer), refund);
  return outcome ? said(*outcome) : "look up";
}
std::string after_lookup(const http_answer& answer) {
  return said(stripe::after_lookup(stripe::read_refunds(answer), refund));
}
std::string after_search(const http_answer& answer) {
  const auto created = std::get<stripe::intent>(stripe::read_intent({200, intent_json("canceled")}));
  const auto all = stripe::after_search(settlement, created, stripe::read_intents(answer));
  if (!all) return "unknown " + all.error();
  std::string ids;
  for (const auto& each : *all) ids += (ids.empty() ? "" : " ") + each.id;
  return ids;
}

void check(const std::vector<row>& table, std::string (*outcome)(const http_answer&)) {
  for (const auto& each : table) {
    CAPTURE(each.answer.status);
    CAPTURE(each.answer.body.substr(0, 400));
    CHECK(outcome(each.answer) == each.outcome);
  }
}

}  // namespace

TEST_CASE("what can't be read or is no answer is unknown, whatever was asked") {
  check(nonsense_answers(), after_create);
  check(nonsense_answers(), after_confirm);
  check(nonsense_answers(), after_cancel);
  for (const auto& each : nonsense_answers()) {
    CAPTURE(each.answer.body.substr(0, 400));
    CHECK(after_search(each.answer).starts_with("unknown "));
    CHECK(after_lookup(each.answer).starts_with("unknown "));
    if (each.answer.body != refund_json("succeeded") + " ") {
      CHECK(after_refund(each.answer).starts_with("unknown "));
    }
  }
}

TEST_CASE("what an answer to the creation means") {
  check(
      {
          {{200, intent_json("requires_payment_method")}, "confirm pi_257_1"},
          {{200, intent_json("requires_confirmation")}, "confirm pi_257_1"},
          {{200, intent_json("succeeded")}, "captured pi_257_1"},
          {{200, intent_json("canceled")}, "not_charged cancelled"},
          {{200, intent_json("processing")}, "unknown processing"},
          {{200, intent_json("requires_action")}, "unknown processing"},
          {{200, intent_json("succeeded", "pi_258_1", R"("258")")}, "unknown another_intent"},
          {{200, intent_json("requires_payment_method", "pi_257_1", R"("257")", "1")},
           "unknown another_intent"},
          {{400, error_json("invalid_request_error", "amount_too_small")}, "not_charged amount_too_small"},
          {{422, error_json("invalid_request_error", "")}, "not_charged status_422"},
          {{400, error_json("idempotency_error", "")}, "unknown status_400"},
          {{400, error_json("api_error", "")}, "unknown status_400"},
          {{404, error_json("invalid_request_error", "resource_missing")}, "unknown resource_missing"},
          {{409, error_json("invalid_request_error", "idempotency_key_in_use")},
           "unknown idempotency_key_in_use"},
      },
      after_create);
}

TEST_CASE("what an answer to the confirmation means") {
  const auto unpaid = about(intent_json("requires_payment_method"));
  const auto decline = [&](const std::string& code, const std::string& decline_code) {
    return error_json("card_error", code, R"(,"decline_code":")" + decline_code + "\"" + unpaid);
  };
  const std::string state = "payment_intent_unexpected_state";
  const std::string request = "invalid_request_error";
  check(
      {
          {{200, intent_json("succeeded")}, "captured pi_257_1"},
          {{200, intent_json("succeeded", "pi_257_2")}, "unknown another_intent"},
          {{200, intent_json("processing")}, "unknown processing"},
          {{200, intent_json("requires_payment_method")}, "unknown processing"},
          {{200, intent_json("canceled")}, "not_charged cancelled"},
          {{402, decline("card_declined", "generic_decline")}, "declined card_declined"},
          {{402, decline("card_declined", "insufficient_funds")}, "declined insufficient_funds"},
          {{402, decline("processing_error", "processing_error")}, "declined processing_error"},
          {{402, error_json("card_error", "processing_error")}, "declined processing_error"},
          {{402, error_json("card_error", "\\u0000")}, "declined card_declined"},
          {{402, error_json("card_error", "card_declined", about(intent_json("succeeded")))},
           "unknown card_declined"},
          {{402, error_json("card_error", "card_declined", about(intent_json("canceled", "pi_9")))},
           "unknown card_declined"},
          {{402, error_json("api_error", "card_declined")}, "unknown card_declined"},
          {{400, error_json("card_error", "card_declined")}, "unknown card_declined"},
          {{400, error_json(request, state, about(intent_json("canceled")))}, "not_charged cancelled"},
          {{400, error_json(request, state, about(intent_json("succeeded")))}, "captured pi_257_1"},
          {{400, error_json(request, state, about(intent_json("processing")))}, "unknown processing"},
          {{400, error_json(request, state, about(intent_json("canceled", "pi_9")))}, "unknown " + state},
          {{400, error_json(request, state)}, "unknown " + state},
          {{400, error_json(request, state, about("null"))}, "unknown " + state},
          {{400, error_json(request, "other", about(intent_json("canceled")))}, "unknown other"},
      },
      after_confirm);
}

TEST_CASE("a cancellation is final only where it says canceled or succeeded") {
  const std::string state = "payment_intent_unexpected_state";
  const std::string request = "invalid_request_error";
  check(
      {
          {{200, intent_json("canceled")}, "canceled"},
          {{200, intent_json("canceled", "pi_9")}, "unknown unexpected_answer"},
          {{200, intent_json("requires_payment_method")}, "unknown unexpected_answer"},
          {{400, error_json(request, state, about(intent_json("succeeded")))}, "succeeded"},
          {{400, error_json(request, state, about(intent_json("canceled")))}, "canceled"},
          {{400, error_json(request, state, about(intent_json("processing")))}, "unknown " + state},
          {{400, error_json(request, state, about(intent_json("canceled", "pi_9")))}, "unknown " + state},
          {{404, error_json(request, "resource_missing")}, "unknown resource_missing"},
      },
      after_cancel);
}

TEST_CASE("the intents of a reservation: those found and the one created, in the order in which one stands") {
  const auto one = intent_json("canceled", "pi_257_1");
  const auto two = intent_json("succeeded", "pi_257_2");
  const auto ten = intent_json("succeeded", "pi_257_10");
  check(
      {
          {{200, list_json("search_result", "")}, "pi_257_1"},
          {{200, list_json("search_result", one)}, "pi_257_1"},
          {{200, list_json("search_result", ten + "," + two)}, "pi_257_1 pi_257_2 pi_257_10"},
          {{200, list_json("search_result", two, "true")}, "unknown too_many_intents"},
          {{200, list_json("search_result", intent_json("canceled", "pi_9", R"("9")"))},
           "unknown another_intent"},
          {{200, list_json("search_result", one + ",{}")}, "unknown unreadable_answer"},
          {{200, list_json("search_result", one, "0")}, "unknown unreadable_answer"},
          {{200, list_json("list", one)}, "unknown unreadable_answer"},
          {{200, R"({"object":"search_result","data":{},"has_more":false})"}, "unknown unreadable_answer"},
      },
      after_search);
}

TEST_CASE("what the search says of an intent is newer than its creation") {
  const auto created = std::get<stripe::intent>(stripe::read_intent({200, intent_json("processing")}));
  const auto found = stripe::read_intents({200, list_json("search_result", intent_json("succeeded"))});
  const auto all = stripe::after_search(settlement, created, found);
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().status == stripe::intent_status::succeeded);
}

TEST_CASE("what the search finds is settled alone where the provider makes no such intent") {
  const auto found = [](const std::string& items) {
    return stripe::read_intents({200, list_json("search_result", items)});
  };
  CHECK(stripe::after_search(settlement, std::nullopt, found(""))->empty());
  CHECK(stripe::after_search(settlement, std::nullopt, found(intent_json("succeeded")))->size() == 1);
}

TEST_CASE("what was found from more than a day before the order is another order's") {
  constexpr std::chrono::seconds created{1'700'000'000};
  const auto found = stripe::read_intents({200, list_json("search_result", intent_json("succeeded"))});
  auto order = settlement;
  order.placed_at = domain::timestamp(created + memory_of_keys);
  CHECK(stripe::after_search(order, std::nullopt, found)->size() == 1);
  order.placed_at += std::chrono::seconds(1);
  CHECK(stripe::after_search(order, std::nullopt, found)->empty());
}

TEST_CASE("what a key brings from more than a day before the order is another order's, unless it is open") {
  constexpr std::chrono::seconds created{1'700'000'000};
  auto order = charge();
  order.placed_at = domain::timestamp(created + memory_of_keys + std::chrono::seconds(1));
  const auto after = [&](const char* status) {
    return stripe::after_create(stripe::read_intent({200, intent_json(status)}), order);
  };
  CHECK(said(std::get<charge_answer>(after("succeeded"))) == "unknown another_intent");
  CHECK(said(std::get<charge_answer>(after("canceled"))) == "unknown another_intent");
  CHECK(std::holds_alternative<std::string>(after("requires_payment_method")));
}

TEST_CASE("what an answer to a refund means") {
  const std::string request = "invalid_request_error";
  check(
      {
          {{200, refund_json("succeeded")}, "refunded re_257_1"},
          {{200, refund_json("pending")}, "refunded re_257_1"},
          {{200, refund_json("failed")}, "unknown refund_failed"},
          {{200, refund_json("canceled")}, "unknown refund_failed"},
          {{200, refund_json("succeeded", "pi_9")}, "unknown another_refund"},
          {{200, refund_json("succeeded", "pi_257_1", "1")}, "unknown another_refund"},
          {{200, intent_json("succeeded")}, "unknown unreadable_answer"},
          {{400, error_json(request, "charge_already_refunded")}, "look up"},
          {{404, error_json(request, "resource_missing")}, "unknown resource_missing"},
          {{400, error_json(request, "")}, "unknown status_400"},
      },
      after_refund);
  const auto failed = refund_json("failed");
  const auto done = refund_json("succeeded");
  check(
      {
          {{200, list_json("list", failed + "," + done)}, "refunded re_257_1"},
          {{200, list_json("list", done, "true")}, "refunded re_257_1"},
          {{200, list_json("list", failed)}, "unknown no_such_refund"},
          {{200, list_json("list", "")}, "unknown no_such_refund"},
          {{200, list_json("list", refund_json("succeeded", "pi_9"))}, "unknown no_such_refund"},
          {{200, list_json("search_result", done)}, "unknown unreadable_answer"},
      },
      after_lookup);
}

TEST_CASE("brackets in strings don't count as nesting") {
  auto body = intent_json("succeeded");
  body.insert(1, R"("note":"\")" + std::string(1000, '[') + R"(\"",)");
  CHECK(after_confirm({200, body}) == "captured pi_257_1");
}

TEST_CASE("requests name what they are about, percent-encoded") {
  const auto created = stripe::create_intent(257, price, "charge-257");
  CHECK(created.method == "POST");
  CHECK(created.target == "/v1/payment_intents");
  CHECK(created.body.reveal() == "amount=1300000&currency=krw&metadata%5Breservation%5D=257");
  CHECK(created.idempotency_key == "charge-257");

  const auto confirmed = stripe::confirm_intent("pi_257_1", charge());
  CHECK(confirmed.target == "/v1/payment_intents/pi_257_1/confirm");
  CHECK(confirmed.body.reveal() ==
        "payment_method_data%5Btype%5D=card&payment_method_data%5Bcard%5D%5Bnumber%5D=1234123412341234");
  CHECK(confirmed.idempotency_key == "charge-257-confirm");

  auto by_token = charge();
  by_token.card_number = {};
  CHECK(stripe::confirm_intent("pi_257_1", by_token).body.empty());
  by_token.payment_method = domain::secret(std::string("pm & 카드"));
  CHECK(stripe::confirm_intent("pi_257_1", by_token).body.reveal() ==
        "payment_method=pm%20%26%20%EC%B9%B4%EB%93%9C");

  CHECK(stripe::find_intents(257).method == "GET");
  CHECK(stripe::find_intents(257).target ==
        "/v1/payment_intents/search?query=metadata%5B%27reservation%27%5D%3A%27257%27&limit=100");
  CHECK(stripe::find_intents(257).route == "/v1/payment_intents/search");
  CHECK(stripe::cancel_intent("pi_257_1").route == "/v1/payment_intents/{intent}/cancel");
  CHECK(stripe::cancel_intent("pi_257_1").target == "/v1/payment_intents/pi_257_1/cancel");
  CHECK(stripe::refund_intent(refund).body.reveal() ==
        "payment_intent=pi_257_1&amount=1300000&metadata%5Breservation%5D=257");
  CHECK(stripe::refund_intent(refund).idempotency_key == "refund-257");
  CHECK(stripe::find_refunds("pi_1&x").target == "/v1/refunds?payment_intent=pi_1%26x&limit=100");
  CHECK(stripe::cancel_intent("a/../b").target == "/v1/payment_intents/a%2F..%2Fb/cancel");
}

TEST_CASE("a key that can't stand in a header is encoded, and no two become the same") {
  CHECK(stripe::create_intent(1, price, "k:1/a").idempotency_key == "k:1/a");
  CHECK(stripe::create_intent(1, price, "a\r\nb").idempotency_key == "a%0D%0Ab");
  CHECK(stripe::create_intent(1, price, "a%0D%0Ab").idempotency_key == "a%250D%250Ab");
  CHECK(stripe::create_intent(1, price, "키").idempotency_key == "%ED%82%A4");
}

TEST_CASE("a request as it goes over the wire") {
  const domain::secret key(std::string("sk_test_1"));
  CHECK(bytes_of(stripe::create_intent(257, price, "charge-257"), "127.0.0.1:9090", key).reveal() ==
        "POST /v1/payment_intents HTTP/1.1\r\n"
        "Host: 127.0.0.1:9090\r\n"
        "Authorization: Bearer sk_test_1\r\n"
        "Idempotency-Key: charge-257\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 57\r\n"
        "\r\n"
        "amount=1300000&currency=krw&metadata%5Breservation%5D=257");
  CHECK(bytes_of(stripe::find_refunds("pi_1"), "[::1]:80", {}).reveal() ==
        "GET /v1/refunds?payment_intent=pi_1&limit=100 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
  auto traced = stripe::find_refunds("pi_1");
  traced.trace = {0x0af7651916cd43ddu, 0x8448eb211c80319cu, 0xb7ad6b7169203331u, 1};
  CHECK(bytes_of(traced, "[::1]:80", {}).reveal() ==
        "GET /v1/refunds?payment_intent=pi_1&limit=100 HTTP/1.1\r\nHost: [::1]:80\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
  CHECK(authority_of("::1", 80) == "[::1]:80");
  CHECK(authority_of("pay.example", 443) == "pay.example:443");
}
