#include "http/metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::http {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;
using families = std::vector<MetricFamily>;

/// Durations are counted in these, and shown in seconds.
constexpr double nanosecond = 1e-9;

double in_seconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) * nanosecond;
}

/// A family under construction, of one kind.
class family {
 public:
  family(families& all, MetricType type, std::string name, std::string help) : all_(all), place_(all.size()) {
    all.push_back({std::move(name), std::move(help), type, {}});
  }

  family& add(labels of, double value) {
    auto& metric = add(std::move(of));
    (all_[place_].type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    return *this;
  }
  family& add(labels of, std::uint64_t value) { return add(std::move(of), static_cast<double>(value)); }

  /// `unit` is what one of the counted values is in that of the metric.
  family& add(labels of, const actors::counted_values& values, double unit) {
    auto& shown = add(std::move(of)).histogram;
    for (std::size_t i = 0; i < values.counts.size(); ++i) {
      shown.sample_count += values.counts[i];
      if (i == values.bounds.size()) break;
      shown.bucket.push_back({shown.sample_count, static_cast<double>(values.bounds[i]) * unit});
    }
    shown.sample_sum = static_cast<double>(values.sum) * unit;
    return *this;
  }

 private:
  ClientMetric& add(labels of) {
    auto& metric = all_[place_].metric.emplace_back();
    metric.label = std::move(of);
    return metric;
  }

  /// By its place, for the families move when there are more.
  families& all_;
  std::size_t place_;
};

family counter(families& all, std::string name, std::string help) {
  return {all, MetricType::Counter, std::move(name), std::move(help)};
}
family gauge(families& all, std::string name, std::string help) {
  return {all, MetricType::Gauge, std::move(name), std::move(help)};
}
family distribution(families& all, std::string name, std::string help) {
  return {all, MetricType::Histogram, std::move(name), std::move(help)};
}

// --- HTTP ---

std::string status_name(unsigned status) {
  return status == 0 ? "other" : std::to_string(status);
}

void show_requests(families& all, const request_figures& requests) {
  auto answered = counter(all, "holdfast_http_requests_total",
                          "Requests answered by the API, by the pattern of their route, method and status.");
  for (const auto& [label, count] : requests.answered) {
    const auto& [request, status] = label;
    answered.add({{"route", std::string(route_name(request))},
                  {"method", std::string(name_of(request.method))},
                  {"status", status_name(status)}},
                 count);
  }
}

void show_unreadable(families& all, const request_figures& requests) {
  auto unreadable =
      counter(all, "holdfast_http_unreadable_requests_total",
              "Requests that were refused before they had a route, for their framing, size or time, by "
              "status.");
  for (std::size_t i = 0; i < unreadable_statuses.size(); ++i) {
    unreadable.add({{"status", status_name(unreadable_statuses[i])}}, requests.unreadable[i]);
  }
}

void show_durations(families& all, const request_figures& requests) {
  auto durations = distribution(
      all, "holdfast_http_request_duration_seconds",
      "From the moment a request has been read until its answer is there, waits for payments included.");
  for (const auto& [request, values] : requests.durations) {
    durations.add(
        {{"route", std::string(route_name(request))}, {"method", std::string(name_of(request.method))}},
        values, nanosecond);
  }
}

// --- Sagas ---

constexpr std::array<std::pair<domain::placement_outcome, const char*>, 4> outcomes{{
    {domain::placement_outcome::paid, "paid"},
    {domain::placement_outcome::declined, "declined"},
    {domain::placement_outcome::unavailable, "unavailable"},
    {domain::placement_outcome::cancelled, "cancelled"},
}};
constexpr std::array<std::pair<domain::step, const char*>, 5> steps{{
    {domain::step::charge, "charge"},
    {domain::step::settle, "settle"},
    {domain::step::issue_receipt, "issue_receipt"},
    {domain::step::void_receipt, "void_receipt"},
    {domain::step::refund, "refund"},
}};

void show_sagas(families& all, const actors::saga_figures& sagas) {
  auto ended =
      counter(all, "holdfast_sagas_ended_total",
              "Sagas that have nothing left to do, by outcome; a reservation that was paid and cancelled "
              "later ended twice.");
  for (const auto& [outcome, name] : outcomes) {
    ended.add({{"outcome", name}}, sagas.ended[static_cast<std::size_t>(outcome)]);
  }
  auto begun = counter(all, "holdfast_saga_steps_begun_total", "Steps that sagas have begun.");
  for (const auto& [step, name] : steps) {
    begun.add({{"step", name}}, sagas.steps_begun[static_cast<std::size_t>(step)]);
  }
  auto retried = counter(all, "holdfast_saga_steps_retried_total",
                         "Further tries of steps whose earlier ones had no outcome.");
  for (const auto& [step, name] : steps) {
    retried.add({{"step", name}}, sagas.steps_retried[static_cast<std::size_t>(step)]);
  }
}

void show_reservations(families& all, const actors::engine_figures& engine) {
  gauge(all, "holdfast_reservations_parked", "Reservations that wait for an operator: see /actuator/parked.")
      .add({}, engine.parked);
  gauge(all, "holdfast_reservations_resident", "Reservations in memory.").add({}, engine.sagas.residents);
  gauge(all, "holdfast_reservations_asleep", "Reservations that wait out of memory for their next try.")
      .add({}, engine.sagas.asleep);
  gauge(all, "holdfast_actors_ready",
        "Actors with messages in their mailboxes that wait for an event loop, as of the loops' last turns.")
      .add({}, engine.ready_actors);
}

void show_commands(families& all, const actors::engine_figures& engine) {
  gauge(all, "holdfast_commands_under_way", "Commands that were admitted and not answered yet.")
      .add({{"command", "placement"}}, engine.placements.under_way)
      .add({{"command", "cancellation"}}, engine.cancellations.under_way);
  counter(all, "holdfast_commands_refused_total",
          "Commands answered as overloaded: too many were under way, or the process was ending.")
      .add({{"command", "placement"}}, engine.placements.refused)
      .add({{"command", "cancellation"}}, engine.cancellations.refused);
}

// --- The circuit breaker ---

void show_breaker(families& all, const actors::breaker_figures& breaker) {
  using state = actors::breaker_figures::state;
  const auto is = [&](state one) { return breaker.now == one ? 1.0 : 0.0; };
  gauge(all, "holdfast_circuit_breaker_state",
        "1 for the state that the circuit breaker is in, 0 for the others.")
      .add({{"state", "closed"}}, is(state::closed))
      .add({{"state", "open"}}, is(state::open))
      .add({{"state", "half_open"}}, is(state::half_open));
  counter(all, "holdfast_circuit_breaker_calls_total",
          "Calls to the payment provider by how they ended; lost ones had no end for ten time-outs.")
      .add({{"result", "succeeded"}}, breaker.succeeded)
      .add({{"result", "failed"}}, breaker.failed)
      .add({{"result", "lost"}}, breaker.lost);
  counter(all, "holdfast_circuit_breaker_slow_calls_total",
          "Calls to the payment provider that took three quarters of their time-out or longer, however they "
          "ended.")
      .add({}, breaker.slow);
  counter(
      all, "holdfast_circuit_breaker_calls_not_permitted_total",
      "Calls that were kept from the payment provider: by the circuit breaker, or for want of a place in the "
      "bulkhead.")
      .add({{"by", "circuit_breaker"}}, breaker.not_permitted)
      .add({{"by", "bulkhead"}}, breaker.without_place);
  gauge(all, "holdfast_circuit_breaker_calls_under_way",
        "Calls that the payment provider has not answered yet.")
      .add({}, std::uint64_t{breaker.calls_under_way});
}

// --- Journals and the view ---

void show_journals(families& all, const actors::engine_figures& engine) {
  const std::array<std::pair<const char*, const actors::journal_figures*>, 2> journals{
      {{"reservations", &engine.reservations}, {"receipts", &engine.receipts}}};
  auto durations = distribution(all, "holdfast_journal_append_duration_seconds",
                                "From handing a batch to the journal until it is durable.");
  for (const auto& [name, one] : journals) {
    durations.add({{"journal", name}}, one->append_durations, nanosecond);
  }
  auto entries =
      distribution(all, "holdfast_journal_batch_entries", "Entries that share one batch, and its sync.");
  for (const auto& [name, one] : journals) entries.add({{"journal", name}}, one->batch_entries, 1);
  auto under_way = gauge(all, "holdfast_journal_batch_under_way_seconds",
                         "How long the journal has had the batch that is not durable yet; 0 without one.");
  for (const auto& [name, one] : journals) under_way.add({{"journal", name}}, in_seconds(one->under_way_for));
  auto stalled = gauge(all, "holdfast_journal_stalled",
                       "1 where the journal has failed, or has had a batch for more than a second.");
  for (const auto& [name, one] : journals) stalled.add({{"journal", name}}, one->stalled ? 1.0 : 0.0);
}

void show_view(families& all, const service_figures& figures) {
  const auto& projection = figures.engine.projection;
  gauge(all, "holdfast_projection_lag_records", "Durable records of the journal that the view lacks.")
      .add({}, figures.projection_lag);
  gauge(all, "holdfast_projection_lag_seconds",
        "Age of the oldest record that waits for the view, or for how long the view has been away; 0 where "
        "neither.")
      .add({}, in_seconds(projection.behind_for));
  const auto errors = [&](actors::view_call call) {
    return projection.errors[static_cast<std::size_t>(call)];
  };
  counter(all, "holdfast_view_errors_total", "Calls of the projector's to the view that failed.")
      .add({{"call", "open"}}, errors(actors::view_call::open))
      .add({{"call", "write"}}, errors(actors::view_call::write))
      .add({{"call", "publish"}}, errors(actors::view_call::publish));
}

// --- Events ---

void show_event_streams(families& all, const event_stream_figures& streams) {
  gauge(all, "holdfast_event_streams_open", "Streams of /events that are open.").add({}, streams.open);
  counter(all, "holdfast_event_streams_refused_total",
          "Streams of /events that were refused, by whose were as many as there may be: the node's, or the "
          "principal's.")
      .add({{"by", "node"}}, streams.refused[static_cast<std::size_t>(stream_bound::node)])
      .add({{"by", "principal"}}, streams.refused[static_cast<std::size_t>(stream_bound::principal)]);
  auto ended = counter(all, "holdfast_event_streams_ended_total",
                       "Streams of /events that ended, by the reason; too-slow readers were dropped.");
  for (std::size_t i = 0; i < stream_end_count; ++i) {
    ended.add({{"reason", std::string(stream_end_names[i])}}, streams.ended[i]);
  }
}

void show_publishing(families& all, const std::optional<publishing_figures>& publishing) {
  if (!publishing) return;
  counter(all, "holdfast_events_published_total", "Events that this process wrote to the Redis stream.")
      .add({}, publishing->published);
  gauge(all, "holdfast_event_publishing_lag_records",
        "Durable records of the journal whose events the Redis stream lacks.")
      .add({}, publishing->lag_records);
  gauge(
      all, "holdfast_event_publishing_lag_seconds",
      "Age, at most, of the oldest record that waits to be published, or for how long it could not be known; "
      "0 where neither.")
      .add({}, in_seconds(publishing->behind_for));
  const auto errors = [&](publishing_obstacle what) {
    return publishing->errors[static_cast<std::size_t>(what)];
  };
  counter(all, "holdfast_event_publishing_errors_total",
          "Tries to publish events that failed, by whose failure it was.")
      .add({{"of", "journal"}}, errors(publishing_obstacle::journal))
      .add({{"of", "redis"}}, errors(publishing_obstacle::redis));
}

// --- The cluster ---

void show_cluster(families& all, const actors::cluster_figures& cluster) {
  if (!cluster.clustered) return;
  gauge(all, "holdfast_cluster_in_touch",
        "1 while the store of the membership has answered within the lease, else 0.")
      .add({}, cluster.in_touch ? 1.0 : 0.0);
  gauge(all, "holdfast_cluster_members", "Nodes whose lease lasts, as this one last saw them.")
      .add({}, std::uint64_t{cluster.members});
  gauge(all, "holdfast_cluster_shards_owned", "Shards that this node serves.")
      .add({}, std::uint64_t{cluster.shards_owned});
  gauge(all, "holdfast_cluster_shards_without_owner", "Shards that no node had when this one last looked.")
      .add({}, std::uint64_t{cluster.shards_without_owner});
  gauge(all, "holdfast_cluster_newest_epoch",
        "The greatest epoch of a shard that came to this node: as often some shard has changed its owner.")
      .add({}, cluster.newest_epoch);
  counter(all, "holdfast_cluster_heartbeats_total",
          "Heartbeats of this node, by whether the store of the membership answered in time.")
      .add({{"result", "answered"}}, cluster.beats_answered)
      .add({{"result", "failed"}}, cluster.beats_failed);
  counter(all, "holdfast_cluster_shards_moved_total", "Shards that came to this node, and that left it.")
      .add({{"direction", "gained"}}, cluster.shards_gained)
      .add({{"direction", "lost"}}, cluster.shards_lost);
  counter(all, "holdfast_cluster_commands_forwarded_total", "Commands on shards that other nodes have.")
      .add({}, cluster.commands_forwarded);
  counter(all, "holdfast_cluster_commands_asked_again_total",
          "Commands that were lost on the way or with their node, and handed on once more.")
      .add({}, cluster.commands_asked_again);
}

// --- Traces ---

void show_spans(families& all, const std::optional<span_figures>& spans) {
  if (!spans) return;
  counter(all, "holdfast_spans_sent_total", "Spans that the collector has taken.").add({}, spans->sent);
  counter(all, "holdfast_spans_dropped_total",
          "Spans that were lost: too many waited, or the collector would not have them or did not answer.")
      .add({{"reason", "queue_full"}}, spans->without_room)
      .add({{"reason", "refused"}}, spans->refused)
      .add({{"reason", "unanswered"}}, spans->unanswered);
}

// --- The process ---

template <class Value>
void show_if_known(families& all, MetricType type, const char* name, const char* help,
                   const std::optional<Value>& value) {
  if (value) family(all, type, name, help).add({}, *value);
}

void show_process(families& all, const service_figures& figures) {
  const auto& process = figures.process;
  gauge(all, "holdfast_build_info", "1, with the version as its label.")
      .add({{"version", std::string(figures.version)}}, 1.0);
  show_if_known(all, MetricType::Counter, "process_cpu_seconds_total",
                "Processor time that was spent, of user and system.", process.cpu_seconds);
  show_if_known(all, MetricType::Gauge, "process_resident_memory_bytes", "Memory that is resident.",
                process.resident_bytes);
  show_if_known(all, MetricType::Gauge, "process_virtual_memory_bytes", "Memory that is mapped.",
                process.virtual_bytes);
  show_if_known(all, MetricType::Gauge, "process_open_fds", "File descriptors that are open.",
                process.open_descriptors);
  show_if_known(all, MetricType::Gauge, "process_max_fds", "File descriptors that may be open.",
                process.most_descriptors);
  show_if_known(all, MetricType::Gauge, "process_start_time_seconds",
                "When the process started, since the epoch.", process.started_at_seconds);
}

}  // namespace

std::string metrics_text(const service_figures& figures) {
  families all;
  show_requests(all, figures.requests);
  show_durations(all, figures.requests);
  show_unreadable(all, figures.requests);
  show_commands(all, figures.engine);
  show_sagas(all, figures.engine.sagas);
  show_reservations(all, figures.engine);
  show_breaker(all, figures.engine.breaker);
  show_journals(all, figures.engine);
  show_view(all, figures);
  show_event_streams(all, figures.events.streams);
  show_publishing(all, figures.events.publishing);
  show_cluster(all, figures.engine.cluster);
  show_spans(all, figures.spans);
  show_process(all, figures);
  return prometheus::TextSerializer().Serialize(all);
}

response metrics_response(const service_figures& figures) {
  return {.status = 200, .content_type = metrics_media_type, .body = metrics_text(figures), .headers = {}};
}

}  // namespace holdfast::http
