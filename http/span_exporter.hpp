// The tracer of a served process: gathers spans and sends them to a collector by OTLP over HTTP, as JSON.
// Nobody waits for it: while the collector is slow or away spans gather up to a bound, and further ones are
// dropped, counted.
//
// Threading: begin(), take() and figures() from any thread; a thread of its own sends.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "http/admin_client.hpp"
#include "http/otlp_json.hpp"
#include "http/span_figures.hpp"
#include "tracing/span.hpp"

namespace holdfast::http {

/// Spans that wait, at most, and that are sent at once.
inline constexpr std::size_t largest_span_queue = 8192;
inline constexpr std::size_t spans_at_once = 512;

struct span_exporter_options {
  server_address collector;
  span_resource resource;
  /// Of the traces that begin here, this share is sampled, from 0 to 1.
  double ratio = 1;
  /// How long spans wait for others, to be sent with them.
  std::chrono::milliseconds interval{1000};
  /// For connecting, sending and the answer, each.
  std::chrono::milliseconds timeout{5000};
  /// What a batch waits before its second try, and at most before a later one, whatever the collector asks
  /// for. So many tries it has.
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds longest_wait{30'000};
  unsigned tries = 5;
};

class span_exporter final : public tracing::tracer {
 public:
  explicit span_exporter(span_exporter_options options);
  ~span_exporter() override;

  tracing::trace_context begin() override;
  void take(tracing::span ended) override;

  /// Sends what is there, within this time; what is taken later is lost. Idempotent. Where the collector's
  /// name is being resolved it waits for that to end.
  void stop(std::chrono::milliseconds at_most);

  span_figures figures() const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::http
