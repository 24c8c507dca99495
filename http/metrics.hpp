// What Prometheus scrapes: all figures, in its text format. They are counted elsewhere and read when somebody
// asks; here they get their names, units and help. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "actors/figures.hpp"
#include "http/event_figures.hpp"
#include "http/message.hpp"
#include "http/process_figures.hpp"
#include "http/request_meter.hpp"
#include "http/span_figures.hpp"

namespace holdfast::http {

inline constexpr std::string_view metrics_media_type = "text/plain; version=0.0.4; charset=utf-8";

struct service_figures {
  std::string_view version;
  actors::engine_figures engine;
  /// Durable records that the view lacks.
  std::uint64_t projection_lag = 0;
  request_figures requests;
  event_figures events;
  process_figures process;
  /// Nothing where none are sent.
  std::optional<span_figures> spans = {};
};

std::string metrics_text(const service_figures& figures);

response metrics_response(const service_figures& figures);

}  // namespace holdfast::http
