// The exporter against a collector that does what the test says: what arrives, what is tried again, what is
// lost, and that nobody waits for it.
#include "http/span_exporter.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "tests/support/http_client.hpp"
#include "tests/support/scripted_server.hpp"

using namespace std::chrono_literals;
using namespace holdfast;
using namespace holdfast::testing;

namespace {

tracing::span a_span() {
  tracing::span one;
  one.at = {1, 2, tracing::random_id(), 1};
  one.name = "work";
  return one;
}

http::span_exporter_options sending_to(std::uint16_t port) {
  http::span_exporter_options options;
  options.collector = {"127.0.0.1", port, nullptr, "", false};
  options.resource = {"1", "test"};
  options.interval = 1ms;
  options.first_wait = 1ms;
  return options;
}

std::size_t spans_in(const scripted_server& collector) {
  std::size_t count = 0;
  for (const auto& each : collector.requests()) {
    count += parse_json(each.body)["resourceSpans"][0]["scopeSpans"][0]["spans"].Size();
  }
  return count;
}

}  // namespace

TEST_CASE("spans arrive as JSON at the collector's path, and the last ones before the end") {
  scripted_server collector([](const auto&) { return scripted_action{http_bytes(200, "{}")}; });
  http::span_exporter exporter(sending_to(collector.port()));
  for (std::size_t i = 0; i < http::spans_at_once; ++i) exporter.take(a_span());
  CHECK(eventually([&] { return exporter.figures().sent == http::spans_at_once; }));
  for (int i = 0; i < 3; ++i) exporter.take(a_span());
  exporter.stop(10s);
  CHECK(exporter.figures().sent == http::spans_at_once + 3);
  CHECK(spans_in(collector) == http::spans_at_once + 3);
  const auto requests = collector.requests();
  REQUIRE_FALSE(requests.empty());
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].target == "/v1/traces");
  CHECK(requests[0].has_line("Content-Type: application/json"));
}

TEST_CASE("a few spans are sent without more of them") {
  scripted_server collector([](const auto&) { return scripted_action{http_bytes(200, "{}")}; });
  http::span_exporter exporter(sending_to(collector.port()));
  exporter.take(a_span());
  CHECK(eventually([&] { return exporter.figures().sent == 1; }));
}

TEST_CASE("what the collector can't take now is sent again, what it won't have is lost") {
  std::atomic<int> asked{0};
  const auto after = [&](const std::string& first) {
    asked = 0;
    scripted_server collector(
        [&](const auto&) { return scripted_action{asked++ == 0 ? first : http_bytes(200, "{}")}; });
    http::span_exporter exporter(sending_to(collector.port()));
    exporter.take(a_span());
    CHECK(eventually([&] {
      const auto figures = exporter.figures();
      return figures.sent + figures.refused + figures.unanswered == 1;
    }));
    return exporter.figures();
  };
  for (const int status : {429, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(after(http_bytes(status, "{}", "Retry-After: 0\r\n")).sent == 1);
    CHECK(asked == 2);
  }
  for (const int status : {400, 404, 413, 500}) {
    CAPTURE(status);
    CHECK(after(http_bytes(status, "{}")).refused == 1);
    CHECK(asked == 1);
  }
  // Some of a batch.
  CHECK(after(http_bytes(200, R"({"partialSuccess":{"rejectedSpans":"1"}})")).refused == 1);
}

TEST_CASE("Retry-After is heeded within its bound") {
  std::atomic<int> asked{0};
  scripted_server collector([&](const auto&) {
    return scripted_action{asked++ == 0 ? http_bytes(503, "{}", "Retry-After: 3600\r\n")
                                        : http_bytes(200, "{}")};
  });
  auto options = sending_to(collector.port());
  options.longest_wait = 1ms;
  http::span_exporter exporter(std::move(options));
  exporter.take(a_span());
  CHECK(eventually([&] { return exporter.figures().sent == 1; }));
}

TEST_CASE("spans are lost, and counted, where nobody listens") {
  loopback_socket refusing;
  http::span_exporter exporter(sending_to(refusing.port()));
  exporter.take(a_span());
  CHECK(eventually([&] { return exporter.figures().unanswered == 1; }));
}

TEST_CASE("while the collector is silent spans gather up to a bound, and the end does not wait for it") {
  scripted_server collector([](const auto&) { return scripted_action{.bytes = {}, .held = true}; });
  auto options = sending_to(collector.port());
  options.timeout = 10min;
  // It waits until there are as many as it sends at once.
  options.interval = 10min;
  http::span_exporter exporter(std::move(options));
  for (std::size_t i = 0; i < http::spans_at_once; ++i) exporter.take(a_span());
  REQUIRE(eventually([&] { return !collector.requests().empty(); }));
  for (std::size_t i = 0; i < http::largest_span_queue; ++i) exporter.take(a_span());
  CHECK(exporter.figures().without_room == 0);
  for (int i = 0; i < 7; ++i) exporter.take(a_span());
  CHECK(exporter.figures().without_room == 7);
  const auto began = std::chrono::steady_clock::now();
  exporter.stop(10ms);
  // Not the time-out's ten minutes.
  CHECK(std::chrono::steady_clock::now() - began < 1min);
  CHECK(exporter.figures().unanswered == http::spans_at_once + http::largest_span_queue);
}

TEST_CASE("of the traces that begin here the share is sampled that was asked for") {
  loopback_socket refusing;
  const auto sampled_with = [&](double ratio) {
    auto options = sending_to(refusing.port());
    options.ratio = ratio;
    http::span_exporter exporter(std::move(options));
    int sampled = 0;
    for (int i = 0; i < 1000; ++i) sampled += exporter.begin().sampled() ? 1 : 0;
    return sampled;
  };
  CHECK(sampled_with(1) == 1000);
  CHECK(sampled_with(0) == 0);
  const int some = sampled_with(0.5);
  // Ten standard deviations.
  CHECK(some > 340);
  CHECK(some < 660);
}
