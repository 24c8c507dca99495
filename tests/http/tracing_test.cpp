// Traces through the real processes: from the caller's header to the provider, the journal, the log and the
// collector, through a crash and from node to node.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/event_stream.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/served_cluster.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tracing/trace_context.hpp"

using namespace std::chrono_literals;
using namespace holdfast;
using namespace holdfast::testing;

namespace {

const std::string callers_trace = "0af7651916cd43dd8448eb211c80319c";
const std::string callers_span = "b7ad6b7169203331";
const std::string callers_header = "00-" + callers_trace + "-" + callers_span + "-01";
const std::string an_order = R"({"userId":1,"price":1300000,"cardNo":"1234-1234-1234-1234"})";

std::string url_of(const scripted_server& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

// --- A provider that shows what it was told ---

std::string intent_of(const std::string& id, const std::string& reservation, const std::string& status) {
  const std::string received = status == "succeeded" ? "1300000" : "0";
  return R"({"id":")" + id + R"(","object":"payment_intent","amount":1300000,"amount_received":)" + received +
         R"(,"currency":"krw","status":")" + status + R"(","metadata":{"reservation":")" + reservation +
         R"("},"created":1700000000})";
}

/// Of the first reservation: the tests place one each.
scripted_action take_payment(const scripted_request& request) {
  const auto ends = [&](const char* end) { return request.target.ends_with(end); };
  if (request.target.find("/search") != std::string::npos) {
    return {http_bytes(200, R"({"object":"search_result","data":[],"has_more":false})")};
  }
  if (ends("/refunds")) {
    return {http_bytes(200, R"({"id":"re_1","object":"refund","status":"succeeded","payment_intent":"pi_1",)"
                            R"("amount":1300000,"currency":"krw"})")};
  }
  const auto* status = ends("/confirm")  ? "succeeded"
                       : ends("/cancel") ? "canceled"
                                         : "requires_payment_method";
  return {http_bytes(200, intent_of("pi_1", "1", status))};
}

/// The header traceparent, empty where there is none.
std::string traceparent_of(const scripted_request& request) {
  const std::string name = "\r\ntraceparent: ";
  const auto at = request.head.find(name);
  if (at == std::string::npos) return {};
  const auto begin = at + name.size();
  return request.head.substr(begin, request.head.find("\r\n", begin) - begin);
}

// --- A collector ---

struct seen_span {
  std::string trace;
  std::string id;
  /// Empty where it has none.
  std::string parent;
  std::string name;
  std::string instance;
  int kind = 0;
  bool failed = false;
  std::map<std::string, std::string> attributes;
};

scripted_action take_spans(const scripted_request&) {
  return {http_bytes(200, "{}")};
}

std::string text_or_nothing(const rapidjson::Value& in, const char* name) {
  return in.HasMember(name) ? std::string(in[name].GetString()) : std::string();
}

std::map<std::string, std::string> attributes_of(const rapidjson::Value& attributes) {
  std::map<std::string, std::string> all;
  for (const auto& each : attributes.GetArray()) {
    all[each["key"].GetString()] = each["value"].MemberBegin()->value.GetString();
  }
  return all;
}

std::vector<seen_span> spans_of(const scripted_server& collector) {
  std::vector<seen_span> spans;
  for (const auto& request : collector.requests()) {
    const auto told = parse_json(request.body);
    const auto& from = told["resourceSpans"][0];
    const auto instance = attributes_of(from["resource"]["attributes"]).at("service.instance.id");
    for (const auto& each : from["scopeSpans"][0]["spans"].GetArray()) {
      spans.push_back({each["traceId"].GetString(), each["spanId"].GetString(),
                       text_or_nothing(each, "parentSpanId"), each["name"].GetString(), instance,
                       each["kind"].GetInt(), each["status"].HasMember("code"),
                       attributes_of(each["attributes"])});
    }
  }
  return spans;
}

/// The first of that name; the test fails where it does not come.
seen_span span_named(const scripted_server& collector, const std::string& name) {
  seen_span found;
  const bool there = eventually([&] {
    for (const auto& each : spans_of(collector)) {
      if (each.name == name) found = each;
    }
    return !found.id.empty();
  });
  REQUIRE_MESSAGE(there, name);
  return found;
}

}  // namespace

TEST_CASE("a request's trace is told to the provider, the readers of events, the log and the collector") {
  scripted_server collector(take_spans);
  scripted_server provider(take_payment);
  temporary_folder folder;
  serving_process server(folder.path(), {"--otlp-endpoint", url_of(collector), "--payment", url_of(provider),
                                         "--log-level", "debug", "--log-format", "json"});
  http_client client(server.port());
  std::optional<event_stream> events(std::in_place, server.port());
  REQUIRE(client.place(an_order, {{"traceparent", callers_header}}).status == 201);

  const auto request = span_named(collector, "POST /preReservations");
  CHECK(request.trace == callers_trace);
  CHECK(request.parent == callers_span);
  CHECK(request.kind == 2);
  CHECK_FALSE(request.failed);
  CHECK(request.attributes == std::map<std::string, std::string>{{"http.request.method", "POST"},
                                                                 {"http.route", "/preReservations"},
                                                                 {"url.path", "/preReservations"},
                                                                 {"url.scheme", "http"},
                                                                 {"http.response.status_code", "201"}});
  const auto charge = span_named(collector, "charge");
  CHECK(charge.parent == request.id);
  CHECK(charge.attributes.at("holdfast.payment.outcome") == "captured");
  const auto confirm = span_named(collector, "POST /v1/payment_intents/{intent}/confirm");
  CHECK(confirm.parent == charge.id);
  CHECK(confirm.kind == 3);
  CHECK(confirm.attributes.at("http.response.status_code") == "200");
  CHECK(confirm.attributes.at("server.port") == std::to_string(provider.port()));
  CHECK(span_named(collector, "append").parent == request.id);
  CHECK(span_named(collector, "issue receipt").parent == request.id);

  // Each exchange with the provider is a span of its own, which it is told.
  const auto calls = provider.requests();
  REQUIRE(calls.size() == 2);
  CHECK(traceparent_of(calls[0]) ==
        "00-" + callers_trace + "-" + span_named(collector, "POST /v1/payment_intents").id + "-01");
  CHECK(traceparent_of(calls[1]) == "00-" + callers_trace + "-" + confirm.id + "-01");

  const auto told = "\"00-" + callers_trace + "-" + request.id + "-01\"";
  for (const auto* type : {"ReservationCreated", "PaymentCreated", "ReceiptCreated"}) {
    const auto event = events->next();
    REQUIRE(event);
    CHECK(event->type == type);
    CHECK(event->at("/traceparent") == told);
  }
  events.reset();
  server.process().wait_for_error(R"(next step 1","traceId":")" + callers_trace + R"("})");

  const auto missing = client.get("/preReservations/99", {{"traceparent", callers_header}});
  CHECK(missing.status == 404);
  CHECK(text_at(missing, "/traceId") == callers_trace);
  CHECK(text_at(client.get("/nothing", {{"traceparent", callers_header}}), "/traceId") == callers_trace);
  // It begins here: the answer tells which one it is.
  const auto begun = text_at(client.get("/preReservations/98"), "/traceId");
  CHECK(begun != callers_trace);
  CHECK(eventually([&] {
    const auto spans = spans_of(collector);
    return std::any_of(spans.begin(), spans.end(), [&](const auto& each) {
      return each.trace == begun && each.parent.empty() && each.name == "GET /preReservations/{id}";
    });
  }));
  // Probes and scrapes begin none.
  client.get("/metrics");
  CHECK(server.terminate() == 0);
  for (const auto& each : spans_of(collector)) CHECK(each.name != "GET /metrics");
}

TEST_CASE("a saga that a crash interrupts goes on under its trace") {
  scripted_server collector(take_spans);
  scripted_server provider([](const scripted_request& request) {
    auto action = take_payment(request);
    // So that it is killed while the charge is under way.
    action.held = request.target.ends_with("/confirm");
    return action;
  });
  temporary_folder folder;
  const std::vector<std::string> flags{"--otlp-endpoint", url_of(collector),   "--payment",
                                       url_of(provider),  "--payment-timeout", "60s"};
  {
    serving_process server(folder.path(), flags);
    raw_client customer(server.port(), "127.0.0.1", answer_deadline);
    customer.send(request_text("POST", "/preReservations",
                               {{"Content-Type", "application/json"}, {"traceparent", callers_header}},
                               an_order));
    REQUIRE(eventually([&] { return provider.requests().size() == 2; }));
    server.kill();
  }
  serving_process server(folder.path(), flags);
  http_client client(server.port());
  REQUIRE(eventually([&] {
    const auto seen = client.get("/preReservations/1");
    return seen.status == 200 && text_at(seen, "/status") == "reservation_cancelled";
  }));
  const auto calls = provider.requests();
  CHECK(calls.size() == 5);
  const std::string same_trace = "00-" + callers_trace + "-";
  for (const auto& each : calls) CHECK(traceparent_of(each).starts_with(same_trace));

  event_stream events(server.port(), "/events?from=beginning");
  const auto placed = events.next();
  REQUIRE(placed);
  const auto parent = tracing::parse_traceparent(text_at(parse_json(placed->data), "/traceparent"));
  CHECK(tracing::trace_id_text(parent) == callers_trace);
  const auto cancelled = events.next();
  REQUIRE(cancelled);
  CHECK(cancelled->type == "ReservationCancelled");
  CHECK(cancelled->at("/traceparent") == placed->at("/traceparent"));
  const auto cancel = span_named(collector, "POST /v1/payment_intents/{intent}/cancel");
  const auto charge = span_named(collector, "charge");
  CHECK(cancel.parent == charge.id);
  CHECK(charge.parent == tracing::span_id_text(parent.span_id));
}

TEST_CASE("without a collector a trace is passed on as it came, and none begins") {
  scripted_server provider(take_payment);
  temporary_folder folder;
  serving_process server(folder.path(), {"--payment", url_of(provider), "--log-format", "text"});
  http_client client(server.port());
  REQUIRE(client.place(an_order).status == 201);
  for (const auto& each : provider.requests()) CHECK(traceparent_of(each).empty());
  const auto before = provider.requests().size();
  REQUIRE(client.request("DELETE", "/preReservations/1", {{"traceparent", callers_header}}).status == 204);
  const auto calls = provider.requests();
  REQUIRE(calls.size() == before + 1);
  CHECK(traceparent_of(calls.back()) == callers_header);
  event_stream events(server.port(), "/events?from=beginning");
  const auto placed = events.next();
  REQUIRE(placed);
  CHECK(placed->at("/traceparent") == "absent");
  CHECK(client.get("/metrics").body.find("holdfast_spans") == std::string::npos);
}

TEST_CASE("a refusal that is repeated names the trace of the placement") {
  temporary_folder folder;
  serving_process server(folder.path());
  http_client client(server.port());
  const std::string declined = R"({"userId":1,"price":1,"cardNo":"4000000000000002"})";
  const auto first = client.place(declined, {{"traceparent", callers_header}, {"Idempotency-Key", "k"}});
  CHECK(first.status == 402);
  CHECK(text_at(first, "/traceId") == callers_trace);
  const auto again = client.place(
      declined, {{"traceparent", "00-" + callers_span + callers_span + "-" + callers_span + "-01"},
                 {"Idempotency-Key", "k"}});
  CHECK(again.body == first.body);
  CHECK(again.header("idempotent-replayed") == "true");
}

TEST_CASE("a collector that is silent or refuses costs no order, and what is lost is counted") {
  scripted_server silent([](const auto&) { return scripted_action{.bytes = {}, .held = true}; });
  scripted_server refusing([](const auto&) { return scripted_action{http_bytes(400, "{}")}; });
  for (const auto* collector : {&silent, &refusing}) {
    temporary_folder folder;
    serving_process server(folder.path(), {"--otlp-endpoint", url_of(*collector)});
    http_client client(server.port());
    for (int i = 0; i < 20; ++i) REQUIRE(client.place(an_order).status == 201);
    REQUIRE(eventually([&] { return !collector->requests().empty(); }));
    REQUIRE(client.place(an_order).status == 201);
    if (collector == &refusing) {
      CHECK(eventually([&] {
        const auto figures = client.get("/metrics").body;
        return figures.find("holdfast_spans_dropped_total{reason=\"refused\"} 0") == std::string::npos;
      }));
    }
    CHECK(server.terminate() == 0);
  }
}

TEST_CASE("a command that another node carries out is one trace") {
  scripted_server collector(take_spans);
  served_cluster cluster({"--otlp-endpoint", url_of(collector)});
  const std::vector<std::size_t> both{cluster.start(), cluster.start()};
  REQUIRE(cluster.becomes_shared_out(both));
  auto client = cluster.client(0);
  // Their shards are anybody's, half of them the other one's.
  for (int i = 0; i < 16; ++i) {
    REQUIRE(client.place_with_key(an_order, "key-" + std::to_string(i)).status == 201);
  }
  CHECK(eventually([&] {
    const auto spans = spans_of(collector);
    std::map<std::string, seen_span> requests;
    for (const auto& each : spans) {
      if (each.name == "POST /preReservations") requests[each.trace] = each;
    }
    return std::any_of(spans.begin(), spans.end(), [&](const auto& each) {
      const auto found = requests.find(each.trace);
      return each.name == "charge" && found != requests.end() && found->second.instance != each.instance &&
             each.parent == found->second.id;
    });
  }));
}
