// What a scrape shows: how requests are counted, and how figures are named and written.
#include "http/metrics.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "storage/projection_progress.hpp"
#include "tests/support/exposition.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using http::method;
using testing::exposition;

namespace {

std::string route_of(const std::string& path) {
  const auto route = http::find_route(path);
  return std::string(http::route_name({route ? http::pattern_of(*route) : http::pattern_count, method::get}));
}

http::response with_status(unsigned status) {
  http::response answer;
  answer.status = status;
  return answer;
}

void answer(http::request_meter& meter, const std::string& path, method method, unsigned status) {
  const auto route = http::find_route(path);
  const http::request_label label{route ? http::pattern_of(*route) : http::pattern_count, method};
  unsigned told = 0;
  http::counted_respond(meter, label, http::request_clock::now(), nullptr,
                        [&](http::response answer) { told = answer.status; })(with_status(status));
  CHECK(told == status);
}

actors::counted_values durations_of(std::vector<std::chrono::nanoseconds> took) {
  actors::histogram<actors::duration_bounds> counted;
  for (const auto each : took) counted.count(static_cast<std::uint64_t>(each.count()));
  return counted.read();
}

/// Each figure another number.
http::service_figures some_figures() {
  http::service_figures figures;
  figures.version = "1.2.3";
  figures.projection_lag = 11;
  auto& engine = figures.engine;
  engine.sagas.ended = {0, 21, 22, 23, 24};
  engine.sagas.steps_begun = {0, 31, 32, 33, 34, 35};
  engine.sagas.steps_retried = {0, 41, 42, 43, 44, 45};
  engine.sagas.residents = 51;
  engine.sagas.asleep = 53;
  engine.reservations.append_durations = durations_of({1ms, 2s});
  engine.receipts.append_durations = durations_of({});
  actors::histogram<actors::batch_bounds> entries;
  for (const std::uint64_t count : {1, 3, 5000}) entries.count(count);
  engine.reservations.batch_entries = entries.read();
  engine.receipts.batch_entries = actors::histogram<actors::batch_bounds>().read();
  engine.receipts.under_way_for = 1500ms;
  engine.receipts.stalled = true;
  engine.projection.behind_for = 250ms;
  engine.projection.errors = {61, 62, 63};
  engine.breaker.now = actors::breaker_figures::state::half_open;
  engine.breaker.calls_under_way = 71;
  engine.breaker.not_permitted = 72;
  engine.breaker.without_place = 73;
  engine.breaker.succeeded = 74;
  engine.breaker.failed = 75;
  engine.breaker.slow = 76;
  engine.breaker.lost = 77;
  engine.cluster = {true, true, 101, 102, 103, 104, 105, 110, 106, 107, 108, 109};
  engine.placements = {81, 82};
  engine.cancellations = {83, 84};
  engine.parked = 91;
  engine.ready_actors = 52;
  figures.events.streams = {.open = 121, .refused = {122, 127}, .ended = {123, 124, 125, 126}};
  figures.events.publishing = {
      .published = 131, .lag_records = 132, .behind_for = 1500ms, .errors = {133, 134}};
  figures.process.cpu_seconds = 1.5;
  figures.process.resident_bytes = 4096;
  figures.process.open_descriptors = 7;
  figures.process.started_at_seconds = 1795000000.25;
  return figures;
}

}  // namespace

TEST_CASE("a histogram counts a value with the first bound that is not below it") {
  const auto seen = durations_of({0ns, 100us, 100us + 1ns, 1s, 10s, 10s + 1ns, 1h});
  CHECK(seen.counts.front() == 2);
  CHECK(seen.counts[1] == 1);
  CHECK(seen.counts[12] == 1);
  CHECK(seen.counts[15] == 1);
  CHECK(seen.counts.back() == 2);
  CHECK(seen.bounds.size() + 1 == seen.counts.size());
  CHECK(std::chrono::nanoseconds(seen.sum) == 3621s + 200us + 2ns);
}

TEST_CASE("a route is told by its pattern, whatever the path") {
  const std::pair<const char*, const char*> table[] = {
      {"", "/"},
      {"/", "/"},
      {"/preReservations", "/preReservations"},
      {"/preReservations/7", "/preReservations/{id}"},
      {"/preReservations/9007199254740991/", "/preReservations/{id}"},
      {"/payments", "/payments"},
      {"/payments/1", "/payments/{id}"},
      {"/receipts/", "/receipts"},
      {"/receipts/2", "/receipts/{id}"},
      {"/myReservations", "/myReservations"},
      {"/myReservations/3", "/myReservations/{id}"},
      {"/actuator", "/actuator"},
      {"/actuator/health", "/actuator/health"},
      {"/actuator/health/liveness", "/actuator/health/liveness"},
      {"/actuator/health/readiness", "/actuator/health/readiness"},
      {"/actuator/info", "/actuator/info"},
      {"/actuator/circuitbreakers", "/actuator/circuitbreakers"},
      {"/actuator/parked", "/actuator/parked"},
      {"/openapi.json", "/openapi.json"},
      {"/admin/sagas/7/retry", "/admin/sagas/{id}/retry"},
      {"/admin/sagas/retry", "/admin/sagas/retry"},
      {"/admin/log-level", "/admin/log-level"},
      {"/actuator/prometheus", "/metrics"},
      {"/metrics", "/metrics"},
      {"/metrics/", "/metrics"},
      {"/preReservations/4242424242424242x", "unknown"},
      {"/nothing", "unknown"},
  };
  for (const auto& [path, pattern] : table) {
    CAPTURE(path);
    CHECK(route_of(path) == pattern);
  }
}

TEST_CASE("requests are counted by pattern, method and status, over all loops") {
  http::request_meters meters;
  auto& one = meters.add();
  auto& other = meters.add();
  answer(one, "/preReservations/1", method::get, 200);
  answer(other, "/preReservations/2", method::get, 200);
  answer(other, "/preReservations/2", method::get, 404);
  answer(other, "/preReservations/2", method::del, 204);
  answer(one, "/secret", method::other, 299);
  meters.count_unreadable(431);
  meters.count_unreadable(418);
  http::service_figures figures;
  figures.requests = meters.read();
  const auto text = http::metrics_text(figures);
  const exposition seen(text);
  const std::string item = R"(holdfast_http_requests_total{route="/preReservations/{id}",method=)";
  CHECK(seen[item + R"("GET",status="200"})"] == 2);
  CHECK(seen[item + R"("GET",status="404"})"] == 1);
  CHECK(seen[item + R"("DELETE",status="204"})"] == 1);
  CHECK(seen[R"(holdfast_http_requests_total{route="unknown",method="other",status="other"})"] == 1);
  CHECK(figures.requests.answered.size() == 4);
  CHECK(seen[R"(holdfast_http_unreadable_requests_total{status="431"})"] == 1);
  CHECK(seen[R"(holdfast_http_unreadable_requests_total{status="other"})"] == 1);
  CHECK(seen[R"(holdfast_http_unreadable_requests_total{status="400"})"] == 0);
  const std::string took = "holdfast_http_request_duration_seconds_count";
  CHECK(seen[took + R"({route="/preReservations/{id}",method="GET"})"] == 3);
  CHECK(seen[took + R"({route="/preReservations/{id}",method="DELETE"})"] == 1);
  CHECK(figures.requests.durations.size() == 3);
  CHECK(text.find("secret") == std::string::npos);
  CHECK(testing::complaints_of_promtool(text) == "");
}

TEST_CASE("what an answer took counts from when its request had been read") {
  http::request_meters meters;
  const http::request_label label{0, method::post};
  http::counted_respond(meters.add(), label, http::request_clock::now() - 2s, nullptr,
                        [](auto) {})(with_status(201));
  const auto durations = meters.read().durations.at(label);
  CHECK(std::chrono::nanoseconds(durations.sum) >= 2s);
  CHECK(durations.counts.front() == 0);
}

TEST_CASE("every figure has its name and its unit") {
  const auto text = http::metrics_text(some_figures());
  const exposition seen(text);
  const std::pair<const char*, double> table[] = {
      {R"(holdfast_build_info{version="1.2.3"})", 1},
      {R"(holdfast_sagas_ended_total{outcome="paid"})", 21},
      {R"(holdfast_sagas_ended_total{outcome="declined"})", 22},
      {R"(holdfast_sagas_ended_total{outcome="unavailable"})", 23},
      {R"(holdfast_sagas_ended_total{outcome="cancelled"})", 24},
      {R"(holdfast_saga_steps_begun_total{step="charge"})", 31},
      {R"(holdfast_saga_steps_begun_total{step="settle"})", 32},
      {R"(holdfast_saga_steps_begun_total{step="issue_receipt"})", 33},
      {R"(holdfast_saga_steps_begun_total{step="void_receipt"})", 34},
      {R"(holdfast_saga_steps_begun_total{step="refund"})", 35},
      {R"(holdfast_saga_steps_retried_total{step="charge"})", 41},
      {R"(holdfast_saga_steps_retried_total{step="refund"})", 45},
      {"holdfast_reservations_parked", 91},
      {"holdfast_reservations_resident", 51},
      {"holdfast_reservations_asleep", 53},
      {"holdfast_actors_ready", 52},
      {R"(holdfast_circuit_breaker_state{state="closed"})", 0},
      {R"(holdfast_circuit_breaker_state{state="open"})", 0},
      {R"(holdfast_circuit_breaker_state{state="half_open"})", 1},
      {R"(holdfast_circuit_breaker_calls_total{result="succeeded"})", 74},
      {R"(holdfast_circuit_breaker_calls_total{result="failed"})", 75},
      {R"(holdfast_circuit_breaker_calls_total{result="lost"})", 77},
      {"holdfast_circuit_breaker_slow_calls_total", 76},
      {R"(holdfast_circuit_breaker_calls_not_permitted_total{by="circuit_breaker"})", 72},
      {R"(holdfast_circuit_breaker_calls_not_permitted_total{by="bulkhead"})", 73},
      {"holdfast_circuit_breaker_calls_under_way", 71},
      {R"(holdfast_journal_append_duration_seconds_bucket{journal="reservations",le="0.0005"})", 0},
      {R"(holdfast_journal_append_duration_seconds_bucket{journal="reservations",le="0.001"})", 1},
      {R"(holdfast_journal_append_duration_seconds_bucket{journal="reservations",le="1"})", 1},
      {R"(holdfast_journal_append_duration_seconds_bucket{journal="reservations",le="2.5"})", 2},
      {R"(holdfast_journal_append_duration_seconds_count{journal="reservations"})", 2},
      {R"(holdfast_journal_append_duration_seconds_count{journal="receipts"})", 0},
      {R"(holdfast_journal_batch_entries_bucket{journal="reservations",le="2"})", 1},
      {R"(holdfast_journal_batch_entries_bucket{journal="reservations",le="4096"})", 2},
      {R"(holdfast_journal_batch_entries_bucket{journal="reservations",le="+Inf"})", 3},
      {R"(holdfast_journal_batch_entries_sum{journal="reservations"})", 5004},
      {R"(holdfast_journal_batch_under_way_seconds{journal="reservations"})", 0},
      {R"(holdfast_journal_batch_under_way_seconds{journal="receipts"})", 1.5},
      {R"(holdfast_journal_stalled{journal="reservations"})", 0},
      {R"(holdfast_journal_stalled{journal="receipts"})", 1},
      {"holdfast_projection_lag_records", 11},
      {"holdfast_projection_lag_seconds", 0.25},
      {R"(holdfast_view_errors_total{call="open"})", 61},
      {R"(holdfast_view_errors_total{call="write"})", 62},
      {R"(holdfast_view_errors_total{call="publish"})", 63},
      {R"(holdfast_commands_under_way{command="placement"})", 81},
      {R"(holdfast_commands_under_way{command="cancellation"})", 83},
      {R"(holdfast_commands_refused_total{command="placement"})", 82},
      {R"(holdfast_commands_refused_total{command="cancellation"})", 84},
      {"holdfast_cluster_in_touch", 1},
      {"holdfast_cluster_members", 101},
      {"holdfast_cluster_shards_owned", 102},
      {"holdfast_cluster_shards_without_owner", 103},
      {R"(holdfast_cluster_heartbeats_total{result="answered"})", 104},
      {R"(holdfast_cluster_heartbeats_total{result="failed"})", 105},
      {"holdfast_cluster_newest_epoch", 110},
      {R"(holdfast_cluster_shards_moved_total{direction="gained"})", 106},
      {R"(holdfast_cluster_shards_moved_total{direction="lost"})", 107},
      {"holdfast_cluster_commands_forwarded_total", 108},
      {"holdfast_cluster_commands_asked_again_total", 109},
      {"holdfast_event_streams_open", 121},
      {R"(holdfast_event_streams_refused_total{by="node"})", 122},
      {R"(holdfast_event_streams_refused_total{by="principal"})", 127},
      {R"(holdfast_event_streams_ended_total{reason="credential-over"})", 126},
      {R"(holdfast_event_streams_ended_total{reason="left"})", 123},
      {R"(holdfast_event_streams_ended_total{reason="draining"})", 124},
      {R"(holdfast_event_streams_ended_total{reason="too-slow"})", 125},
      {"holdfast_events_published_total", 131},
      {"holdfast_event_publishing_lag_records", 132},
      {"holdfast_event_publishing_lag_seconds", 1.5},
      {R"(holdfast_event_publishing_errors_total{of="journal"})", 133},
      {R"(holdfast_event_publishing_errors_total{of="redis"})", 134},
      {"process_cpu_seconds_total", 1.5},
      {"process_resident_memory_bytes", 4096},
      {"process_open_fds", 7},
      {"process_start_time_seconds", 1795000000.25},
  };
  for (const auto& [series, value] : table) {
    CAPTURE(series);
    CHECK(seen[series] == value);
  }
  CHECK(seen[R"(holdfast_journal_append_duration_seconds_sum{journal="reservations"})"] ==
        doctest::Approx(2.001));
  CHECK_FALSE(seen.has("process_max_fds"));
  CHECK(testing::complaints_of_promtool(text) == "");
}

TEST_CASE("promtool objects to what it should") {
  CHECK(testing::complaints_of_promtool("holdfast_things 1\n") != "");
}

TEST_CASE("the view lacks what is durable and not projected") {
  storage::projection_progress progress;
  CHECK(progress.lag() == 0);
  progress.claimed(3, 100);
  progress.claimed(5, 0);
  progress.kept(3, true);
  progress.kept(5, true);
  progress.durable(storage::id_of(5, 1), 7);
  CHECK(progress.lag() == 107);
  progress.projected(3, 60);
  progress.projected(5, 7);
  CHECK(progress.lag() == 40);
  // Emptied, and projected beyond what this process has claimed.
  progress.projected(3, 0);
  progress.projected(9, 4);
  CHECK(progress.lag() == 100);
}

TEST_CASE("the process tells of itself") {
  const auto before = http::read_process_figures();
  const std::ifstream open("/proc/self/stat");
  const auto after = http::read_process_figures();
  CHECK(*after.open_descriptors == *before.open_descriptors + 1);
  CHECK(*after.most_descriptors >= *after.open_descriptors);
  CHECK(*after.resident_bytes > 1'000'000);
  CHECK(*after.virtual_bytes > *after.resident_bytes);
  CHECK(*after.cpu_seconds >= *before.cpu_seconds);
  CHECK(*after.cpu_seconds > 0);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  CHECK(*after.started_at_seconds <= now.count() + 1);
  CHECK(*after.started_at_seconds > now.count() - 3600);
}
