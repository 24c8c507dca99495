#include "http/actuator.hpp"

#include <cstdint>
#include <string>

#include "http/json.hpp"
#include "http/links.hpp"
#include "http/media_type.hpp"
#include "http/names.hpp"
#include "http/rfc3339.hpp"

namespace holdfast::http {

namespace {

template <class Write>
response json_response(unsigned status, Write&& write) {
  return {.status = status, .content_type = json_media_type, .body = json::text_of(write), .headers = {}};
}

std::string_view readiness_name(bool ready) {
  return ready ? "UP" : "OUT_OF_SERVICE";
}

std::string_view state_name(actors::breaker_figures::state state) {
  switch (state) {
    case actors::breaker_figures::state::closed:
      return "CLOSED";
    case actors::breaker_figures::state::open:
      return "OPEN";
    case actors::breaker_figures::state::half_open:
      return "HALF_OPEN";
  }
  return {};
}

std::string_view health_name(actors::breaker_figures::state state) {
  switch (state) {
    case actors::breaker_figures::state::closed:
      return "UP";
    case actors::breaker_figures::state::open:
      return "CIRCUIT_OPEN";
    case actors::breaker_figures::state::half_open:
      return "CIRCUIT_HALF_OPEN";
  }
  return {};
}

/// "12.5%" of the window's calls; "-1.0%", as resilience4j says it, where there were none.
std::string rate(std::uint32_t part, std::uint32_t calls) {
  if (calls == 0) return "-1.0%";
  const auto tenths = std::uint64_t{part} * 1000 / calls;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "%";
}

void write_status(json_writer& out, std::string_view component, std::string_view status) {
  out.name(component);
  out.begin_object();
  json::field(out, "status", status);
  out.end_object();
}

std::string_view up_or_down(bool up) {
  return up ? "UP" : "DOWN";
}

void write_breaker_health(json_writer& out, const actors::breaker_figures& breaker) {
  out.name("circuitBreakers");
  out.begin_object();
  json::field(out, "status", "UP");
  out.name("details");
  out.begin_object();
  write_status(out, "payment", health_name(breaker.now));
  out.end_object();
  out.end_object();
}

void write_cluster_health(json_writer& out, const actors::cluster_figures& cluster) {
  out.name("cluster");
  out.begin_object();
  json::field(out, "status", up_or_down(cluster.in_touch));
  out.name("details");
  out.begin_object();
  json::field(out, "members", cluster.members);
  json::field(out, "shardsOwned", cluster.shards_owned);
  json::field(out, "shardsWithoutOwner", cluster.shards_without_owner);
  out.end_object();
  out.end_object();
}

}  // namespace

response health_response(const health_figures& figures) {
  const bool in_touch = figures.cluster.in_touch || !figures.cluster.clustered;
  const bool stores_up = figures.view_reachable && figures.journal_goes_on && in_touch;
  const auto whole = stores_up ? readiness_name(figures.ready) : up_or_down(false);
  return json_response(whole == "UP" ? 200 : 503, [&](json_writer& out) {
    out.begin_object();
    json::field(out, "status", whole);
    out.name("components");
    out.begin_object();
    write_breaker_health(out, figures.breaker);
    if (figures.cluster.clustered) write_cluster_health(out, figures.cluster);
    write_status(out, "journal", up_or_down(figures.journal_goes_on));
    write_status(out, "livenessState", "UP");
    write_status(out, "readinessState", readiness_name(figures.ready));
    write_status(out, "view", up_or_down(figures.view_reachable));
    out.end_object();
    out.name("groups");
    out.begin_array();
    out.plain_string("liveness");
    out.plain_string("readiness");
    out.end_array();
    out.end_object();
  });
}

response liveness_response() {
  return json_response(200, [](json_writer& out) {
    out.begin_object();
    json::field(out, "status", "UP");
    out.end_object();
  });
}

response readiness_response(bool ready) {
  return json_response(ready ? 200 : 503, [&](json_writer& out) {
    out.begin_object();
    json::field(out, "status", readiness_name(ready));
    out.end_object();
  });
}

response info_response(std::string_view version) {
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    out.name("build");
    out.begin_object();
    json::field(out, "name", "holdfast");
    json::field(out, "version", version);
    out.end_object();
    out.end_object();
  });
}

response circuit_breakers_response(const actors::breaker_figures& breaker) {
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    out.name("circuitBreakers");
    out.begin_object();
    out.name("payment");
    out.begin_object();
    json::field(out, "failureRate", rate(breaker.window_failed, breaker.window_calls));
    json::field(out, "slowCallRate", rate(breaker.window_slow, breaker.window_calls));
    json::field(out, "bufferedCalls", breaker.window_calls);
    json::field(out, "failedCalls", breaker.window_failed);
    json::field(out, "slowCalls", breaker.window_slow);
    json::field(out, "notPermittedCalls", breaker.not_permitted);
    json::field(out, "callsUnderWay", breaker.calls_under_way);
    json::field(out, "state", state_name(breaker.now));
    if (breaker.held) {
      out.name("heldByOperator");
      out.boolean(true);
    }
    out.end_object();
    out.end_object();
    out.end_object();
  });
}

response parked_response(const client& client, const actors::parked_reservations& parked) {
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    json::field(out, "total", parked.total);
    out.name("parked");
    out.begin_array();
    for (const auto& one : parked.first) {
      out.begin_object();
      json::field(out, "id", one.id);
      json::field(out, "since", rfc3339_text(one.since).view());
      json::field(out, "reason", one.why);
      out.name("_links");
      out.begin_object();
      write_link(out, "myReservation", item_href(client.base, document_kind::my_reservation, one.id));
      out.end_object();
      out.end_object();
    }
    out.end_array();
    out.end_object();
  });
}

response actuator_index_response(const client& client) {
  const auto href = [&](std::string_view path) { return (client.base + "/actuator").append(path); };
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    out.name("_links");
    out.begin_object();
    write_link(out, "self", href(""));
    write_link(out, "health", href("/health"));
    write_link(out, "liveness", href("/health/liveness"));
    write_link(out, "readiness", href("/health/readiness"));
    write_link(out, "info", href("/info"));
    write_link(out, "circuitbreakers", href("/circuitbreakers"));
    write_link(out, "parked", href("/parked"));
    write_link(out, "prometheus", href("/prometheus"));
    out.end_object();
    out.end_object();
  });
}

}  // namespace holdfast::http
