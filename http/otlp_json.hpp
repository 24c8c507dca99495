// Spans as OTLP's JSON has them (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"): ids in
// hexadecimal, 64-bit integers as strings, enumerations as numbers. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "tracing/span.hpp"

namespace holdfast::http {

/// Who tells of them.
struct span_resource {
  std::string version;
  /// Unique among all runs of all nodes.
  std::string instance;
};

/// An ExportTraceServiceRequest.
std::string otlp_json(const span_resource& from, const std::vector<tracing::span>& spans);

}  // namespace holdfast::http
