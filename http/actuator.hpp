// Health, information and circuit breakers for those who run the service, in the shape of Spring's
// actuator. Pure functions.
#pragma once

#include <string_view>

#include "actors/engine.hpp"
#include "http/client.hpp"
#include "http/message.hpp"

namespace holdfast::http {

struct health_figures {
  bool ready = false;
  bool view_reachable = false;
  bool journal_goes_on = false;
  actors::breaker_figures breaker;
  /// Shown in a cluster only.
  actors::cluster_figures cluster;
};

/// 503 where some component is down. An open breaker is shown and fails nothing: orders are still
/// answered.
response health_response(const health_figures& figures);

/// Always up: a process that can answer need not be started again.
response liveness_response();

/// 503 before the service serves and while it drains.
response readiness_response(bool ready);

response info_response(std::string_view version);
response circuit_breakers_response(const actors::breaker_figures& breaker);

/// How many parked reservations one answer lists.
inline constexpr std::size_t largest_parked_page = 1000;
/// Those that wait for an operator, each with its link.
response parked_response(const client& client, const actors::parked_reservations& parked);

response actuator_index_response(const client& client);

}  // namespace holdfast::http
