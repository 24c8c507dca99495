// The adapter against a provider that does what the test says: what goes over the wire, on which
// connection and how often, and what becomes of a call whatever comes back.
#include "payments/http_provider.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/scripted_server.hpp"

using namespace std::chrono_literals;
using namespace holdfast::payments;
using holdfast::testing::eventually;
using namespace holdfast::testing;
namespace domain = holdfast::domain;

namespace {

constexpr auto patience = 60s;
/// Where no time-out is wanted.
constexpr auto endless = std::chrono::milliseconds(1h);
/// Where one is.
constexpr auto short_time = 100ms;

const std::string card = "5105105105105100";
const domain::money price{1'300'000, "KRW"};

std::string intent_json(const std::string& id, const std::string& reservation, const std::string& status) {
  const std::string received = status == "succeeded" ? "1300000" : "0";
  return R"({"id":")" + id + R"(","object":"payment_intent","amount":1300000,"amount_received":)" + received +
         R"(,"currency":"krw","status":")" + status + R"(","metadata":{"reservation":")" + reservation +
         R"("},"created":1700000000})";
}

std::string error_json(const std::string& code, const std::string& intent = "") {
  const auto about = intent.empty() ? "" : R"(,"payment_intent":)" + intent;
  return R"({"error":{"type":"invalid_request_error","code":")" + code + "\"" + about + "}}";
}

std::string search_json(const std::string& intents, bool has_more = false) {
  return R"({"object":"search_result","data":[)" + intents + R"(],"has_more":)" +
         (has_more ? "true}" : "false}");
}

std::string refund_json(const std::string& id, const std::string& intent) {
  return R"({"id":")" + id + R"(","object":"refund","status":"succeeded","payment_intent":")" + intent +
         R"(","amount":1300000,"currency":"krw"})";
}

bool is_create(const scripted_request& request) {
  return request.method == "POST" && request.target == "/v1/payment_intents";
}
bool is_confirm(const scripted_request& request) {
  return request.target.ends_with("/confirm");
}
bool is_cancel(const scripted_request& request) {
  return request.target.ends_with("/cancel");
}
bool is_search(const scripted_request& request) {
  return request.target.starts_with("/v1/payment_intents/search");
}
bool is_refund(const scripted_request& request) {
  return request.method == "POST" && request.target == "/v1/refunds";
}

/// What stands in the body behind a field's name.
std::string field_of(const scripted_request& request, const std::string& name) {
  const auto at = request.body.find(name + "=");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 1;
  return request.body.substr(begin, request.body.find('&', begin) - begin);
}

/// "pi_257_1" of its path.
std::string intent_of(const scripted_request& request) {
  const std::string folder = "/v1/payment_intents/";
  return request.target.substr(folder.size(), request.target.rfind('/') - folder.size());
}
std::string reservation_of(const std::string& intent) {
  return intent.substr(3, intent.rfind('_') - 3);
}

/// A provider at which every card is good and nothing goes wrong.
scripted_action well(const scripted_request& request) {
  if (is_create(request)) {
    const auto reservation = field_of(request, "metadata%5Breservation%5D");
    return {http_bytes(200, intent_json("pi_" + reservation + "_1", reservation, "requires_payment_method"))};
  }
  if (is_confirm(request) || is_cancel(request)) {
    const auto intent = intent_of(request);
    const auto status = is_confirm(request) ? "succeeded" : "canceled";
    return {http_bytes(200, intent_json(intent, reservation_of(intent), status))};
  }
  if (is_search(request)) return {http_bytes(200, search_json(""))};
  if (is_refund(request)) {
    const auto intent = field_of(request, "payment_intent");
    return {http_bytes(200, refund_json("re_" + reservation_of(intent) + "_1", intent))};
  }
  return {http_bytes(404, error_json("resource_missing"))};
}

const scripted_action hang{};
const scripted_action close_without_an_answer{.bytes = {}, .then_close = true};

scripted_action broken_off(const scripted_request& request) {
  const auto whole = well(request).bytes;
  return {.bytes = whole.substr(0, whole.size() / 2), .then_close = true};
}

http_provider_options options_for(std::uint16_t port, std::chrono::milliseconds timeout = endless) {
  http_provider_options options;
  options.port = port;
  options.key = domain::secret(std::string("sk_test_1"));
  options.timeout = timeout;
  options.idle_timeout = endless;
  return options;
}

charge_request charge_of(domain::reservation_id reservation) {
  charge_request request;
  request.reservation = reservation;
  request.price = price;
  request.card_number = domain::secret(card);
  request.idempotency_key = "charge-" + std::to_string(reservation);
  return request;
}

/// Waits for a call's callback. The promise throws if it is called twice.
template <class Answer, class Call>
Answer await(Call&& start) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  start([promise](Answer answer) { promise->set_value(std::move(answer)); });
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  return future.get();
}

charge_answer charge(provider& at, domain::reservation_id reservation) {
  return await<charge_answer>([&](auto done) { at.charge(charge_of(reservation), done); });
}
settle_answer settle(provider& at, domain::reservation_id reservation) {
  return await<settle_answer>([&](auto done) {
    at.settle({reservation, price, "charge-" + std::to_string(reservation)}, done);
  });
}
refund_answer refund(provider& at, const std::string& intent) {
  return await<refund_answer>([&](auto done) { at.refund({257, price, intent, "refund-257"}, done); });
}

long count(const scripted_server& server, bool (*is)(const scripted_request&)) {
  const auto requests = server.requests();
  return std::count_if(requests.begin(), requests.end(), is);
}

}  // namespace

TEST_CASE("a charge is created and confirmed, and all calls use one connection one after the other") {
  scripted_server server(well);
  http_provider provider(options_for(server.port()));
  const auto charged = charge(provider, 257);
  CHECK(charged.status == charge_status::captured);
  CHECK(charged.transaction_id == "pi_257_1");
  CHECK(settle(provider, 258).status == settle_status::not_charged);
  CHECK(refund(provider, "pi_257_1").refund_id == "re_257_1");
  CHECK(charge(provider, 259).status == charge_status::captured);
  CHECK(server.accepted() == 1);
  CHECK(server.requests().size() == 2 + 3 + 1 + 2);
}

TEST_CASE("every request bears the key, those that move something an idempotency key") {
  scripted_server server(well);
  http_provider provider(options_for(server.port()));
  charge(provider, 257);
  refund(provider, "pi_257_1");
  settle(provider, 257);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 6);
  for (const auto& each : requests) {
    CHECK(each.has_line("Authorization: Bearer sk_test_1"));
    CHECK(each.has_line("Host: 127.0.0.1:" + std::to_string(server.port())));
    if (each.method == "POST") CHECK(each.has_line("Content-Type: application/x-www-form-urlencoded"));
  }
  CHECK(requests[0].has_line("Idempotency-Key: charge-257"));
  CHECK(requests[1].has_line("Idempotency-Key: charge-257-confirm"));
  CHECK(requests[2].has_line("Idempotency-Key: refund-257"));
  CHECK(requests[3].has_line("Idempotency-Key: charge-257"));
}

TEST_CASE("the card's number is in the confirmation and nowhere else") {
  scripted_server server(well);
  http_provider provider(options_for(server.port()));
  charge(provider, 257);
  settle(provider, 257);
  for (const auto& each : server.requests()) {
    const bool has_card = (each.head + each.body).find(card) != std::string::npos;
    CHECK(has_card == is_confirm(each));
  }
}

TEST_CASE("a name is resolved") {
  scripted_server server(well);
  auto options = options_for(server.port());
  options.host = "localhost";
  http_provider provider(std::move(options));
  CHECK(charge(provider, 257).status == charge_status::captured);
}

TEST_CASE("what an earlier request with the same key charged or cancelled is not confirmed") {
  for (const std::string status : {"succeeded", "canceled"}) {
    CAPTURE(status);
    scripted_server server([&](const auto&) {
      return scripted_action{http_bytes(200, intent_json("pi_257_1", "257", status))};
    });
    http_provider provider(options_for(server.port()));
    const auto expected = status == "succeeded" ? charge_status::captured : charge_status::not_charged;
    CHECK(charge(provider, 257).status == expected);
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("what is lost to another owner while its intent is made is not confirmed") {
  std::atomic<bool> owned{true};
  scripted_server server([&](const auto& request) {
    // As if the process stood still between the two requests.
    if (is_create(request)) owned = false;
    return well(request);
  });
  http_provider provider(options_for(server.port()));
  auto request = charge_of(257);
  request.still_owned = [&] { return owned.load(); };
  const auto answer = await<charge_answer>([&](auto done) { provider.charge(std::move(request), done); });
  CHECK(answer.status == charge_status::unknown);
  CHECK(answer.reason == reservation_lost);
  CHECK(answer.provider_is_well);
  CHECK(count(server, is_create) == 1);
  CHECK(count(server, is_confirm) == 0);
}

TEST_CASE("never more than 64 connections, and the calls beyond them wait for their turn") {
  constexpr int calls = 300;
  scripted_server server([](const auto& request) {
    auto action = well(request);
    action.held = true;
    return action;
  });
  http_provider provider(options_for(server.port()));
  std::atomic<int> captured{0};
  for (int i = 1; i <= calls; ++i) {
    provider.charge(charge_of(i), [&](const charge_answer& answer) {
      if (answer.status == charge_status::captured) ++captured;
    });
  }
  REQUIRE(eventually([&] { return server.requests().size() == http_provider::most_connections; }));
  CHECK(server.open() == http_provider::most_connections);
  CHECK(captured == 0);
  server.release();
  CHECK(eventually([&] { return captured == calls; }));
  CHECK(server.most_open() == http_provider::most_connections);
  CHECK(server.accepted() == http_provider::most_connections);
  CHECK(count(server, is_confirm) == calls);
}

TEST_CASE("more calls than can wait are answered at once, charges as not charged") {
  scripted_server server([](const auto&) { return hang; });
  http_provider provider(options_for(server.port()));
  // Some wait to be looked at and some for a place; twice as many and those under way are all.
  constexpr auto most = 2 * http_provider::most_waiting_calls + http_provider::most_connections;
  std::atomic<int> not_charged{0};
  std::atomic<std::size_t> others{0};
  for (std::size_t i = 1; i <= most + 10; ++i) {
    provider.charge(charge_of(i), [&](const charge_answer& answer) {
      const bool refused = answer.status == charge_status::not_charged && answer.reason == "too_many_calls";
      refused ? ++not_charged : ++others;
    });
  }
  CHECK(eventually([&] { return not_charged >= 10; }));
  CHECK(others == 0);
  CHECK(settle(provider, 1).reason == "too_many_calls");
  CHECK(settle(provider, 1).status == settle_status::unknown);
  provider.close();
  CHECK(not_charged + others == most + 10);
}

TEST_CASE("a connection that the provider closed while nobody used it is replaced") {
  std::atomic<bool> closing{true};
  scripted_server server([&](const auto& request) {
    auto action = well(request);
    action.then_close = is_confirm(request) && closing.exchange(false);
    return action;
  });
  http_provider provider(options_for(server.port()));
  CHECK(charge(provider, 1).status == charge_status::captured);
  REQUIRE(eventually([&] { return server.open() == 0; }));
  CHECK(charge(provider, 2).status == charge_status::captured);
  CHECK(server.accepted() == 2);
}

TEST_CASE("an answer that nobody asked for is not taken for that of the next request") {
  scripted_server server([](const auto& request) {
    auto action = well(request);
    if (is_confirm(request)) action.unasked = http_bytes(200, intent_json("pi_2_9", "2", "succeeded"));
    return action;
  });
  http_provider provider(options_for(server.port()));
  CHECK(charge(provider, 1).status == charge_status::captured);
  server.release();
  REQUIRE(eventually([&] { return server.has_sent_held(); }));
  const auto answer = charge(provider, 2);
  CHECK(answer.transaction_id == "pi_2_1");
  CHECK(server.accepted() == 2);
}

TEST_CASE("a used connection that fails before an answer is replaced, and the request repeated once") {
  struct {
    const char* what;
    bool (*is)(const scripted_request&);
    bool (*call)(provider&);
  } const rows[] = {
      {"create", is_create, [](auto& at) { return charge(at, 2).status == charge_status::captured; }},
      {"search", is_search, [](auto& at) { return settle(at, 2).status == settle_status::not_charged; }},
      {"cancel", is_cancel, [](auto& at) { return settle(at, 2).status == settle_status::not_charged; }},
      {"refund", is_refund, [](auto& at) { return refund(at, "pi_2_1").status == refund_status::refunded; }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    std::atomic<bool> failing{false};
    scripted_server server([&](const auto& request) {
      return row.is(request) && failing.exchange(false) ? close_without_an_answer : well(request);
    });
    http_provider provider(options_for(server.port()));
    CHECK(charge(provider, 1).status == charge_status::captured);
    const auto before = count(server, row.is);
    failing = true;
    CHECK(row.call(provider));
    CHECK(count(server, row.is) == before + 2);
    CHECK(server.accepted() == 2);
    const auto requests = server.requests();
    for (std::size_t i = 1; i < requests.size(); ++i) {
      if (requests[i - 1].connection == 1 && requests[i].connection == 2) {
        CHECK(requests[i].head == requests[i - 1].head);
        CHECK(requests[i].body == requests[i - 1].body);
      }
    }
  }
}

TEST_CASE("a request is not repeated twice, nor on a fresh connection, nor once an answer has begun") {
  std::atomic<bool> failing{true};
  std::atomic<bool> breaking_off{false};
  scripted_server server([&](const auto& request) {
    if (is_create(request) && failing) return close_without_an_answer;
    return is_create(request) && breaking_off ? broken_off(request) : well(request);
  });
  http_provider provider(options_for(server.port()));
  CHECK(charge(provider, 1).status == charge_status::unknown);
  CHECK(count(server, is_create) == 1);

  failing = false;
  CHECK(charge(provider, 2).status == charge_status::captured);
  failing = true;
  CHECK(charge(provider, 3).status == charge_status::unknown);
  CHECK(count(server, is_create) == 2 + 2);

  failing = false;
  CHECK(charge(provider, 4).status == charge_status::captured);
  breaking_off = true;
  CHECK(charge(provider, 5).status == charge_status::unknown);
  CHECK(count(server, is_create) == 4 + 2);
}

TEST_CASE("a confirmation is sent once, whatever becomes of it, and then the charge is unknown") {
  struct {
    const char* what;
    scripted_action (*act)(const scripted_request&);
  } const rows[] = {
      {"closed", [](const auto&) { return close_without_an_answer; }},
      {"broken off", broken_off},
      {"hangs", [](const auto&) { return hang; }},
      {"garbage", [](const auto&) { return scripted_action{"garbage garbage\r\n\r\n"}; }},
      {"server error", [](const auto&) { return scripted_action{http_bytes(500, "{}")}; }},
      {"web page", [](const auto&) { return scripted_action{http_bytes(200, "<html></html>")}; }},
      {"redirection", [](const auto&) { return scripted_action{http_bytes(307, "", "Location: /\r\n")}; }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    scripted_server server(
        [&](const auto& request) { return is_confirm(request) ? row.act(request) : well(request); });
    http_provider provider(options_for(server.port(), row.what == std::string("hangs") ? 500ms : endless));
    CHECK(charge(provider, 1).status == charge_status::unknown);
    // Whatever else would have been sent has been by then.
    CHECK(settle(provider, 1).status == settle_status::not_charged);
    CHECK(count(server, is_confirm) == 1);
  }
}

TEST_CASE("where the provider closes after the creation the confirmation takes a fresh connection") {
  SUBCASE("and says so") {
    scripted_server server([&](const auto& request) {
      auto action = well(request);
      if (!is_create(request)) return action;
      action.bytes.insert(action.bytes.find("Content-Type"), "Connection: close\r\n");
      action.then_close = true;
      return action;
    });
    http_provider provider(options_for(server.port()));
    CHECK(charge(provider, 1).status == charge_status::captured);
    CHECK(server.accepted() == 2);
    CHECK(count(server, is_confirm) == 1);
  }
  SUBCASE("and doesn't say so, which may be noticed too late") {
    scripted_server server([&](const auto& request) {
      auto action = well(request);
      action.then_close = is_create(request);
      return action;
    });
    http_provider provider(options_for(server.port()));
    for (int i = 1; i <= 200; ++i) {
      const auto status = charge(provider, i).status;
      CHECK((status == charge_status::captured || status == charge_status::unknown));
    }
    std::map<std::string, int> confirmations;
    for (const auto& each : server.requests()) confirmations[each.target] += is_confirm(each);
    for (const auto& [target, times] : confirmations) CHECK((target.empty() || times <= 1));
  }
}

TEST_CASE("no answer in time is unknown, closes the connection and ends the charge") {
  scripted_server server([](const auto& request) {
    auto action = well(request);
    action.held = is_create(request);
    return action;
  });
  http_provider provider(options_for(server.port(), short_time));
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = charge(provider, 1);
  CHECK(answer.status == charge_status::unknown);
  CHECK(answer.reason == "time_out");
  CHECK(std::chrono::steady_clock::now() - begin >= short_time);
  CHECK(eventually([&] { return server.closed_by_client() == 1; }));
  // The answer comes after all, and the provider goes on.
  server.release();
  CHECK(eventually([&] { return charge(provider, 2).status == charge_status::captured; }));
  for (const auto& each : server.requests()) CHECK(each.target.find("pi_1_1") == std::string::npos);
}

TEST_CASE("a provider that never accepts is out of time too") {
  loopback_socket listener;
  listener.listen();
  http_provider provider(options_for(listener.port(), short_time));
  CHECK(charge(provider, 1).reason == "time_out");
  CHECK(settle(provider, 1).reason == "time_out");
  CHECK(refund(provider, "pi_1_1").reason == "time_out");
}

TEST_CASE("a refused connection: certainly not charged, the rest unknown") {
  loopback_socket closed;
  http_provider provider(options_for(closed.port()));
  CHECK(charge(provider, 1).status == charge_status::not_charged);
  CHECK(charge(provider, 1).reason == "connection_refused");
  CHECK(settle(provider, 1).status == settle_status::unknown);
  CHECK(refund(provider, "pi_1_1").status == refund_status::unknown);
}

TEST_CASE("an answer that comes byte by byte is an answer") {
  scripted_server server([](const auto& request) {
    auto action = well(request);
    action.slowly = true;
    if (is_confirm(request)) {
      action.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      for (const char c : intent_json("pi_1_1", "1", "succeeded"))
        action.bytes += "1\r\n" + std::string(1, c) + "\r\n";
      action.bytes += "0\r\n\r\n";
    }
    return action;
  });
  http_provider provider(options_for(server.port()));
  CHECK(charge(provider, 1).status == charge_status::captured);
  CHECK(settle(provider, 1).status == settle_status::not_charged);
  CHECK(server.accepted() == 1);
}

TEST_CASE("a connection that nobody uses is closed after its time") {
  scripted_server server(well);
  auto options = options_for(server.port());
  options.idle_timeout = short_time;
  http_provider provider(std::move(options));
  CHECK(charge(provider, 1).status == charge_status::captured);
  CHECK(eventually([&] { return server.closed_by_client() == 1; }));
  CHECK(charge(provider, 2).status == charge_status::captured);
  CHECK(server.accepted() == 2);
}

TEST_CASE("closing calls back everything at once: what hangs, what waits and what comes") {
  scripted_server server([](const auto& request) { return is_confirm(request) ? hang : well(request); });
  http_provider provider(options_for(server.port()));
  std::atomic<int> callbacks{0};
  std::atomic<int> known{0};
  const auto done = [&](const auto& answer) {
    ++callbacks;
    if (answer.reason != "closed") ++known;
  };
  constexpr int calls = 150;
  for (int i = 1; i <= calls; ++i) provider.charge(charge_of(i), done);
  provider.settle({1, price, "charge-1"}, done);
  provider.refund({1, price, "pi_1_1", "refund-1"}, done);
  REQUIRE(eventually([&] { return count(server, is_confirm) == http_provider::most_connections; }));
  provider.close();
  CHECK(callbacks == calls + 2);
  provider.charge(charge_of(1), done);
  provider.settle({1, price, "charge-1"}, done);
  provider.refund({1, price, "pi_1_1", "refund-1"}, done);
  CHECK(callbacks == calls + 5);
  CHECK(known == 0);
  provider.close();
  CHECK(eventually([&] { return server.open() == 0; }));
}

TEST_CASE("a settlement cancels what can be, lets the first capture stand and gives the others back") {
  bool refunded_before = false;
  SUBCASE("for the first time") {}
  SUBCASE("again, after a surplus capture was refunded") {
    refunded_before = true;
  }
  scripted_server server([&](const auto& request) {
    if (is_search(request)) {
      return scripted_action{
          http_bytes(200, search_json(intent_json("pi_1_10", "1", "succeeded") + "," +
                                      intent_json("pi_1_3", "1", "canceled") + "," +
                                      intent_json("pi_1_2", "1", "requires_payment_method") + "," +
                                      intent_json("pi_1_4", "1", "succeeded")))};
    }
    if (is_cancel(request) && intent_of(request) == "pi_1_2") {
      const auto intent = intent_json("pi_1_2", "1", "succeeded");
      return scripted_action{http_bytes(400, error_json("payment_intent_unexpected_state", intent))};
    }
    if (is_refund(request) && refunded_before) {
      return scripted_action{http_bytes(400, error_json("charge_already_refunded"))};
    }
    return well(request);
  });
  http_provider provider(options_for(server.port()));
  const auto answer = settle(provider, 1);
  CHECK(answer.status == settle_status::captured);
  CHECK(answer.transaction_id == "pi_1_2");
  std::vector<std::string> cancelled, refunded;
  for (const auto& each : server.requests()) {
    if (is_cancel(each)) cancelled.push_back(intent_of(each));
    if (!is_refund(each)) continue;
    refunded.push_back(field_of(each, "payment_intent"));
    CHECK(each.has_line("Idempotency-Key: refund-surplus-" + refunded.back()));
    CHECK(field_of(each, "amount") == "1300000");
  }
  // The one that the settlement created is not in the search yet.
  CHECK(cancelled == std::vector<std::string>{"pi_1_1", "pi_1_2"});
  CHECK(refunded == std::vector<std::string>{"pi_1_4", "pi_1_10"});
}

TEST_CASE("what the provider refuses to create is not charged, unless an earlier request was") {
  bool charged_before = false;
  SUBCASE("never") {}
  SUBCASE("before its key ran out") {
    charged_before = true;
  }
  scripted_server server([&](const auto& request) {
    if (is_create(request)) {
      return scripted_action{
          http_bytes(400, R"({"error":{"type":"invalid_request_error","code":"amount_too_small"}})")};
    }
    if (is_search(request) && charged_before) {
      return scripted_action{http_bytes(200, search_json(intent_json("pi_1_1", "1", "succeeded")))};
    }
    return well(request);
  });
  http_provider provider(options_for(server.port()));
  const auto charged = charge(provider, 1);
  CHECK(charged.status == charge_status::not_charged);
  CHECK(charged.reason == "amount_too_small");
  CHECK(charged.provider_is_well);
  CHECK(count(server, is_confirm) == 0);
  const auto settled = settle(provider, 1);
  CHECK(settled.status == (charged_before ? settle_status::captured : settle_status::not_charged));
  CHECK(settled.provider_is_well);
}

TEST_CASE("each answer tells how long the longest exchange of its call took") {
  scripted_server server([](const auto& request) {
    auto action = well(request);
    action.held = is_confirm(request);
    return action;
  });
  http_provider provider(options_for(server.port()));
  const auto asked_at = std::chrono::steady_clock::now();
  std::promise<charge_answer> answered;
  provider.charge(charge_of(1), [&](charge_answer answer) { answered.set_value(std::move(answer)); });
  REQUIRE(eventually([&] { return count(server, is_confirm) == 1; }));
  const auto confirmed_at = std::chrono::steady_clock::now();
  REQUIRE(eventually([&] { return std::chrono::steady_clock::now() - confirmed_at > 50ms; }));
  server.release();
  const auto longest = answered.get_future().get().longest_exchange;
  REQUIRE(longest);
  CHECK(*longest >= 50ms);
  CHECK(*longest <= std::chrono::steady_clock::now() - asked_at);
  CHECK(settle(provider, 2).longest_exchange);
  CHECK(refund(provider, "pi_257_1").longest_exchange);
}

TEST_CASE("a settlement is unknown where any step of it is not clear") {
  struct {
    const char* what;
    bool (*is)(const scripted_request&);
    scripted_action action;
    /// Whether the provider seems to be well all the same.
    bool well = false;
  } const rows[] = {
      {"create", is_create, {http_bytes(500, "")}},
      {"a wrong key", is_create, {http_bytes(401, R"({"error":{"type":"invalid_request_error"}})")}},
      {"too many requests",
       is_create,
       {http_bytes(429, R"({"error":{"type":"invalid_request_error","code":"rate_limit"}})")}},
      {"a request under way with the same key",
       is_create,
       {http_bytes(409, R"({"error":{"type":"invalid_request_error","code":"idempotency_key_in_use"}})")},
       true},
      {"a key of another body",
       is_create,
       {http_bytes(400, R"({"error":{"type":"idempotency_error"}})")},
       true},
      {"of another price",
       is_create,
       {http_bytes(200,
                   R"({"id":"pi_1_1","object":"payment_intent","amount":1,"amount_received":0,)"
                   R"("currency":"krw","status":"canceled","metadata":{"reservation":"1"},"created":1})")},
       true},
      {"search", is_search, {http_bytes(500, "")}},
      {"more than one page", is_search, {http_bytes(200, search_json("", true))}, true},
      {"found at another price",
       is_search,
       {http_bytes(200,
                   search_json(R"({"id":"pi_1_2","object":"payment_intent","amount":1,"amount_received":1,)"
                               R"("currency":"krw","status":"succeeded","metadata":{"reservation":"1"},)"
                               R"("created":1})"))},
       true},
      {"of another reservation",
       is_search,
       {http_bytes(200, search_json(intent_json("pi_2_1", "2", "succeeded")))},
       true},
      {"cancel", is_cancel, {http_bytes(500, "")}},
      {"cancelled another", is_cancel, {http_bytes(200, intent_json("pi_2_1", "2", "canceled"))}, true},
      {"still open",
       is_cancel,
       {http_bytes(200, intent_json("pi_1_1", "1", "requires_payment_method"))},
       true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    scripted_server server([&](const auto& request) { return row.is(request) ? row.action : well(request); });
    http_provider provider(options_for(server.port()));
    const auto settled = settle(provider, 1);
    CHECK(settled.status == settle_status::unknown);
    CHECK(settled.provider_is_well == row.well);
    CHECK(row.is(server.requests().back()));
  }
}

TEST_CASE("a settlement whose surplus can't be refunded is unknown") {
  scripted_server server([](const auto& request) {
    if (is_create(request)) return scripted_action{http_bytes(200, intent_json("pi_1_1", "1", "succeeded"))};
    if (is_search(request)) {
      return scripted_action{http_bytes(200, search_json(intent_json("pi_1_2", "1", "succeeded")))};
    }
    return scripted_action{http_bytes(500, "")};
  });
  http_provider provider(options_for(server.port()));
  CHECK(settle(provider, 1).status == settle_status::unknown);
}

TEST_CASE("a refund that was made before is looked up") {
  scripted_server server([](const auto& request) {
    if (is_refund(request)) return scripted_action{http_bytes(400, error_json("charge_already_refunded"))};
    CHECK(request.target == "/v1/refunds?payment_intent=pi_257_1&limit=100");
    const auto list =
        R"({"object":"list","data":[)" + refund_json("re_257_9", "pi_257_1") + R"(],"has_more":false})";
    return scripted_action{http_bytes(200, list)};
  });
  http_provider provider(options_for(server.port()));
  const auto answer = refund(provider, "pi_257_1");
  CHECK(answer.status == refund_status::refunded);
  CHECK(answer.refund_id == "re_257_9");
}

TEST_CASE("whatever goes wrong, each call is called back once and no confirmation is sent twice") {
  constexpr int calls = 600;
  std::mt19937 random(7);
  scripted_server server([&](const auto& request) {
    switch (random() % 12) {
      case 0:
        return hang;
      case 1:
        return close_without_an_answer;
      case 2:
        return broken_off(request);
      case 3:
        return scripted_action{"nonsense\r\n\r\n"};
      case 4:
        return scripted_action{.bytes = well(request).bytes, .then_close = true};
      case 5:
        return scripted_action{.bytes = well(request).bytes + "surplus"};
      case 6:
        return scripted_action{.bytes = well(request).bytes, .slowly = true};
      default:
        return well(request);
    }
  });
  std::vector<std::atomic<int>> callbacks(calls + 1);
  std::atomic<int> total{0};
  const auto called = [&](int call) {
    return [&, call](const auto&) {
      ++callbacks[call];
      ++total;
    };
  };
  http_provider provider(options_for(server.port(), short_time));
  for (int i = 1; i <= calls; ++i) {
    if (i % 3 == 0) {
      provider.settle({static_cast<domain::reservation_id>(i), price, "charge-x"}, called(i));
    } else if (i % 7 == 0) {
      provider.refund({1, price, "pi_1_1", "refund-1"}, called(i));
    } else {
      provider.charge(charge_of(i), called(i));
    }
    // The second half is cut off by the closing.
    if (i == calls / 2) REQUIRE(eventually([&] { return total == i; }));
  }
  provider.close();
  for (int i = 1; i <= calls; ++i) CHECK(callbacks[i] == 1);
  CHECK(server.most_open() >= 1);
  std::map<std::string, int> confirmations;
  for (const auto& each : server.requests()) {
    if (is_confirm(each)) CHECK(++confirmations[each.target] == 1);
  }
  CHECK_FALSE(confirmations.empty());
}

TEST_CASE("a callback may call again") {
  scripted_server server(well);
  http_provider provider(options_for(server.port()));
  const auto answer = await<settle_answer>([&](auto done) {
    provider.charge(charge_of(1), [&, done](const charge_answer&) {
      provider.settle({1, price, "charge-1"}, done);
    });
  });
  CHECK(answer.status == settle_status::not_charged);
}

TEST_CASE("a host or key that can't stand in a header is refused at the start") {
  auto options = options_for(1);
  options.key = domain::secret(std::string("sk_test\n"));
  CHECK_THROWS_AS(http_provider{options}, std::invalid_argument);
  options = options_for(1);
  options.host = "a b";
  CHECK_THROWS_AS(http_provider{options}, std::invalid_argument);
  options.host = "";
  CHECK_THROWS_AS(http_provider{options}, std::invalid_argument);
}
