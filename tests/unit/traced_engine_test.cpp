// A command's trace goes with its saga: to the provider, into the journal and out of it again, to other
// nodes; and where somebody wants spans, its steps are told as such.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "storage/event_codec.hpp"
#include "tests/support/recorded_spans.hpp"
#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_cluster.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace std::chrono_literals;
using namespace holdfast;
using namespace holdfast::testing;
using tracing::trace_context;

namespace {

const trace_context sampled{1, 2, 3, 1};
const trace_context unsampled{1, 2, 3, 0};
const trace_context another{7, 8, 9, 1};

actors::placement_request placement_under(const trace_context& trace) {
  auto request = a_placement();
  request.trace = trace;
  return request;
}

/// The trace of each of its records.
std::vector<trace_context> journalled(storage::memory_journal& journal, std::deque<job>& jobs,
                                      domain::reservation_id id) {
  std::vector<trace_context> traces;
  journal.read_entity(id, [&](auto result) {
    for (const auto& record : result.value()) traces.push_back(storage::trace_of(record.record));
  });
  for (; !jobs.empty(); jobs.pop_front()) jobs.front()();
  return traces;
}

bool is_within(const tracing::span& one, const trace_context& parent) {
  return one.at.trace_high == parent.trace_high && one.at.trace_low == parent.trace_low &&
         one.parent_id == parent.span_id && one.at.span_id != parent.span_id;
}

/// One order under `sampled`, on an engine that records its spans from the start.
void place_traced(virtual_engine& engine, recorded_spans& spans) {
  engine.tracer = &spans;
  engine.restart();
  engine.place(placement_under(sampled));
  engine.run();
}

}  // namespace

TEST_CASE("a placement's trace goes to the provider and stands in its records, as it came") {
  for (const auto& trace : {sampled, unsampled}) {
    virtual_engine engine;
    const auto answer = engine.place(placement_under(trace));
    engine.run();
    REQUIRE(*answer);
    REQUIRE(engine.provider.charges.size() == 1);
    CHECK(engine.provider.charges[0].trace == trace);
    const auto traces = journalled(engine.reservations, engine.jobs, (*answer)->id);
    CHECK(traces == std::vector<trace_context>(3, trace));
  }
}

TEST_CASE("without a trace nothing of one is written, nor told to the provider") {
  virtual_engine engine;
  const auto answer = engine.place(a_placement());
  engine.run();
  CHECK_FALSE(engine.provider.charges.at(0).trace.present());
  for (const auto& each : journalled(engine.reservations, engine.jobs, (*answer)->id)) {
    CHECK_FALSE(each.present());
  }
}

TEST_CASE("a saga that a crash interrupts goes on under its trace") {
  recorded_spans spans;
  virtual_engine engine;
  engine.tracer = &spans;
  // The provider gets the charge, and the answer to it is lost.
  const auto answer = engine.place(placement_under(sampled));
  while (engine.provider.charges.empty() && engine.step()) {
  }
  REQUIRE(engine.provider.charges.size() == 1);
  engine.restart();
  engine.advance(1s);
  REQUIRE(engine.provider.settles.size() == 1);
  const auto charges = spans.named("charge");
  REQUIRE(charges.size() == 1);
  // A charge whose card is gone.
  CHECK(is_within(charges[0], sampled));
  CHECK(engine.provider.settle_traces.at(0).span_id == charges[0].at.span_id);
  for (const auto& each : journalled(engine.reservations, engine.jobs, 1)) CHECK(each == sampled);
}

TEST_CASE(
    "a step whose tries are far apart has a span for each time in memory, without an outcome but the last") {
  recorded_spans spans;
  virtual_engine engine;
  place_traced(engine, spans);
  const auto refund = engine.provider.on_refund;
  engine.provider.on_refund = [](const auto&) { return payments::refund_answer{}; };
  engine.cancel(1, {}, another);
  engine.advance(30s);
  REQUIRE(engine.figures().sagas.asleep == 1);
  engine.provider.on_refund = refund;
  engine.advance(20s);
  const auto refunds = spans.named("refund");
  REQUIRE(refunds.size() >= 3);
  for (const auto& each : refunds) {
    CHECK(is_within(each, another));
    CHECK(each.failed == (&each != &refunds.back()));
  }
}

TEST_CASE("a cancellation's saga is part of its own trace") {
  recorded_spans spans;
  virtual_engine engine;
  place_traced(engine, spans);
  engine.cancel(1, {}, another);
  engine.run();
  const auto refunds = spans.named("refund");
  REQUIRE(refunds.size() == 1);
  CHECK(is_within(refunds[0], another));
  REQUIRE(spans.named("void receipt").size() == 1);
  CHECK(is_within(spans.named("void receipt")[0], another));
  CHECK(engine.provider.refunds.at(0).trace.span_id == refunds[0].at.span_id);
  const auto traces = journalled(engine.reservations, engine.jobs, 1);
  CHECK(traces.front() == sampled);
  CHECK(traces.back() == another);

  // Repeated, it changes nothing, and brings no trace of its own.
  engine.cancel(1, {}, trace_context{5, 5, 5, 1});
  engine.run();
  CHECK(journalled(engine.reservations, engine.jobs, 1) == traces);
}

TEST_CASE("an operator's command takes the saga under its trace") {
  virtual_engine engine;
  engine.place(placement_under(sampled));
  engine.run();
  engine.operate({1, domain::operator_action::cancel, "mina", "sold out", 0, another});
  engine.run();
  CHECK(engine.provider.refunds.at(0).trace == another);
  CHECK(journalled(engine.reservations, engine.jobs, 1).back() == another);
}

TEST_CASE("steps and appends of a sampled trace are spans, with what became of them") {
  recorded_spans spans;
  virtual_engine engine;
  place_traced(engine, spans);
  for (const auto* name : {"charge", "issue receipt"}) {
    CAPTURE(name);
    REQUIRE(spans.named(name).size() == 1);
    const auto step = spans.named(name)[0];
    CHECK(is_within(step, sampled));
    CHECK(step.kind == tracing::span_kind::internal);
    CHECK_FALSE(step.failed);
    CHECK(step.began <= step.ended);
  }
  const auto charge = spans.named("charge")[0];
  CHECK(engine.provider.charges.at(0).trace == charge.at);
  CHECK(spans.named("append").size() == 3);
  for (const auto& append : spans.named("append")) CHECK(is_within(append, sampled));
  REQUIRE(spans.named("append receipt").size() == 1);
  CHECK(is_within(spans.named("append receipt")[0], spans.named("issue receipt")[0].at));

  engine.provider.on_charge = [](const auto&) {
    return payments::charge_answer{payments::charge_status::unknown, {}, "time_out"};
  };
  engine.place(placement_under(another));
  engine.run();
  REQUIRE(spans.named("charge").size() == 2);
  CHECK(spans.named("charge")[1].failed);
  REQUIRE(spans.named("settle").size() == 1);
  CHECK(is_within(spans.named("settle")[0], another));
}

TEST_CASE("what is not sampled, or came without a trace, is no span") {
  recorded_spans spans;
  virtual_engine engine;
  engine.tracer = &spans;
  engine.restart();
  engine.place(placement_under(unsampled));
  engine.place(a_placement());
  engine.run();
  CHECK(spans.all().empty());
}

TEST_CASE("a trace crosses to the node that has the shard") {
  virtual_cluster cluster;
  auto& here = cluster.start("a");
  auto& there = cluster.start("b");
  cluster.advance(2s);
  REQUIRE_FALSE(there.serves().empty());
  const auto shard = *there.serves().begin();
  auto request = placement_under(sampled);
  request.key = storage::idempotency_claim{shard_keys(shard).next(), 1};
  const auto answer = here.place(std::move(request));
  cluster.run();
  REQUIRE(*answer);
  CHECK((*answer)->status == actors::placement_status::decided);
  CHECK(here.figures().commands_forwarded == 1);
  REQUIRE(cluster.provider.charges.size() == 1);
  CHECK(cluster.provider.charges[0].trace == sampled);
  here.cancel((*answer)->id, {}, another);
  cluster.run();
  REQUIRE(cluster.provider.refunds.size() == 1);
  CHECK(cluster.provider.refunds[0].trace == another);
}
