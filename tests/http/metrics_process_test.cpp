// What the real process tells Prometheus: that it agrees with what was done, and that Prometheus can read it.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>

#include "tests/support/exposition.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

std::string placement(const std::string& card) {
  return R"({"userId":1,"price":1300000,"cardNo":")" + card + R"("})";
}

exposition scrape(served_shop& shop) {
  const auto answer = shop->get("/metrics");
  REQUIRE(answer.status == 200);
  CHECK(answer.header("content-type") == metrics_type);
  return exposition(answer.body);
}

std::string requests(const std::string& route, const std::string& method, const std::string& status) {
  return "holdfast_http_requests_total{route=\"" + route + "\",method=\"" + method + "\",status=\"" + status +
         "\"}";
}

std::string names_in(const exposition& text) {
  std::string names;
  for (const auto& [series, value] : text.samples()) names += series + "\n";
  return names;
}

std::string ended(const std::string& outcome) {
  return "holdfast_sagas_ended_total{outcome=\"" + outcome + "\"}";
}

std::string begun(const std::string& step) {
  return "holdfast_saga_steps_begun_total{step=\"" + step + "\"}";
}

TEST_CASE("what was placed, cancelled and read is what is counted") {
  served_shop shop({"--threads", "2"});
  for (int i = 0; i < 3; ++i) REQUIRE(shop->place(placement("4242424242424242")).status == 201);
  REQUIRE(shop->place(placement("4000000000000002")).status == 402);
  REQUIRE(shop->place("{").status == 400);
  REQUIRE(shop->del("/preReservations/2").status == 204);
  REQUIRE(shop->del("/preReservations/7777").status == 404);
  for (int id = 1; id <= 4; ++id) REQUIRE(shop->get("/payments/" + std::to_string(id)).status == 200);
  REQUIRE(shop->request("HEAD", "/payments/1").status == 200);
  REQUIRE(shop->get("/4111111111111111").status == 404);
  REQUIRE(shop->request("BREW", "/metrics").status == 405);
  // Two receipts follow their payments by themselves; the third was voided.
  REQUIRE(eventually([&] { return scrape(shop)[ended("paid")] >= 2; }));
  REQUIRE(eventually([&] { return scrape(shop)["holdfast_reservations_resident"] == 0; }));
  REQUIRE(eventually([&] { return scrape(shop)["holdfast_projection_lag_records"] == 0; }));

  const auto seen = scrape(shop);
  CHECK(seen[requests("/preReservations", "POST", "201")] == 3);
  CHECK(seen[requests("/preReservations", "POST", "402")] == 1);
  CHECK(seen[requests("/preReservations", "POST", "400")] == 1);
  CHECK(seen[requests("/preReservations/{id}", "DELETE", "204")] == 1);
  CHECK(seen[requests("/preReservations/{id}", "DELETE", "404")] == 1);
  CHECK(seen[requests("/payments/{id}", "GET", "200")] == 4);
  CHECK(seen[requests("/payments/{id}", "HEAD", "200")] == 1);
  CHECK(seen[requests("unknown", "GET", "404")] == 1);
  CHECK(seen[requests("/metrics", "other", "405")] == 1);
  CHECK(seen[requests("/metrics", "GET", "200")] >= 3);
  CHECK(seen[R"(holdfast_http_request_duration_seconds_count{route="/preReservations",method="POST"})"] == 5);
  CHECK(seen[R"(holdfast_http_request_duration_seconds_sum{route="/preReservations",method="POST"})"] > 0);

  CHECK(seen[ended("declined")] == 1);
  CHECK(seen[ended("cancelled")] == 1);
  CHECK(seen[ended("unavailable")] == 0);
  CHECK(seen[begun("charge")] == 4);
  CHECK(seen[begun("refund")] == 1);
  CHECK(seen[begun("void_receipt")] == 1);
  CHECK(seen[R"(holdfast_circuit_breaker_calls_total{result="succeeded"})"] == 5);
  CHECK(seen[R"(holdfast_circuit_breaker_calls_total{result="failed"})"] == 0);
  CHECK(seen["holdfast_circuit_breaker_calls_under_way"] == 0);
  CHECK(seen[R"(holdfast_circuit_breaker_state{state="closed"})"] == 1);
  CHECK(seen[R"(holdfast_commands_under_way{command="placement"})"] == 0);

  // A batch holds at most what waits, and each is timed.
  const std::string batches = R"({journal="reservations"})";
  CHECK(seen["holdfast_journal_batch_entries_count" + batches] ==
        seen["holdfast_journal_append_duration_seconds_count" + batches]);
  CHECK(seen["holdfast_journal_batch_entries_sum" + batches] >= 4 + 4 + 2 + 2);
  CHECK(seen["holdfast_journal_append_duration_seconds_sum" + batches] > 0);
  CHECK(seen[R"(holdfast_journal_stalled{journal="reservations"})"] == 0);
  CHECK(seen[R"(holdfast_journal_stalled{journal="receipts"})"] == 0);
}

TEST_CASE("Prometheus' own tool has nothing against it, and no path is in it") {
  served_shop shop;
  REQUIRE(shop->place(placement("4242424242424242")).status == 201);
  REQUIRE(shop->get("/secret-4111111111111111").status == 404);
  REQUIRE(shop->get("/preReservations/4111111111111111").status == 404);
  const auto text = shop->get("/metrics").body;
  CHECK(complaints_of_promtool(text) == "");
  CHECK(text.find("4111111111111111") == std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
}

TEST_CASE("both paths answer with the same metrics, and to the same methods") {
  served_shop shop;
  // Each has been asked for once when they are compared, in all methods.
  for (const char* path : {"/metrics", "/actuator/prometheus"}) {
    for (const char* method : {"GET", "HEAD", "OPTIONS", "POST"}) shop->request(method, path);
  }
  std::string names;
  for (const char* path : {"/metrics", "/actuator/prometheus", "/metrics/"}) {
    CAPTURE(path);
    const auto answer = shop->get(path);
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == metrics_type);
    const auto seen = names_in(exposition(answer.body));
    if (names.empty()) names = seen;
    // Printed as a whole they would be hundreds of lines.
    CHECK((seen == names));
    const auto head = shop->request("HEAD", path);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    CHECK(head.header("content-type") == metrics_type);
    CHECK(head.header("content-length") != "0");
    const auto options = shop->request("OPTIONS", path);
    CHECK(options.status == 204);
    CHECK(options.header("allow") == "GET, HEAD, OPTIONS");
    const auto post = shop->request("POST", path, {{"Content-Type", "application/json"}}, "{}");
    check_problem(post, 405, "method-not-allowed");
    CHECK(post.header("allow") == "GET, HEAD, OPTIONS");
  }
  CHECK(text_at(shop->document("/actuator"), "/_links/prometheus/href") ==
        "http://shop.test/actuator/prometheus");
}

TEST_CASE("the process, its version and what can't be read are counted too") {
  served_shop shop;
  auto stranger = shop.connect();
  CHECK(stranger.exchange("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status == 400);
  const auto seen = scrape(shop);
  CHECK(seen[R"(holdfast_http_unreadable_requests_total{status="400"})"] == 1);
  CHECK(seen["holdfast_build_info{version=\"" HOLDFAST_VERSION "\"}"] == 1);
  const auto descriptors =
      std::filesystem::path("/proc") / std::to_string(shop.server().process().pid()) / "fd";
  const auto open = std::distance(std::filesystem::directory_iterator(descriptors), {});
  CHECK(seen["process_open_fds"] == doctest::Approx(static_cast<double>(open)).epsilon(0.2));
  CHECK(seen["process_max_fds"] >= seen["process_open_fds"]);
  CHECK(seen["process_resident_memory_bytes"] > 1e6);
  CHECK(seen["process_cpu_seconds_total"] > 0);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  CHECK(seen["process_start_time_seconds"] <= now.count() + 1);
  CHECK(seen["process_start_time_seconds"] > now.count() - 600);
}

TEST_CASE("an outage of the provider shows in the breaker, and in how sagas end") {
  served_shop shop({"--sandbox-outage", "true"});
  for (int i = 0; i < 12; ++i) REQUIRE(shop->place(placement("4242424242424242")).status == 503);
  const auto seen = scrape(shop);
  CHECK(seen[R"(holdfast_circuit_breaker_state{state="closed"})"] == 0);
  CHECK(seen[R"(holdfast_circuit_breaker_state{state="open"})"] == 1);
  CHECK(seen[R"(holdfast_circuit_breaker_calls_total{result="failed"})"] == 10);
  CHECK(seen[R"(holdfast_circuit_breaker_calls_not_permitted_total{by="circuit_breaker"})"] == 2);
  CHECK(seen[ended("unavailable")] == 12);
}

}  // namespace
}  // namespace holdfast::testing
