// What `holdfast serve` is told about where its traces go. Plain values; parsing shares no state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "configuration_values.hpp"

namespace holdfast {

struct trace_configuration {
  /// The collector of spans. Nothing: there are none.
  std::optional<host_and_port> collector;
  /// By HTTPS.
  bool secure = false;
  /// Of the traces that begin here, from 0 to 1.
  double ratio = 1;
};

std::vector<setting> trace_settings(trace_configuration& into);

/// A ratio that would silently do nothing: with the source that says so.
std::optional<std::string> refuse_traces(const trace_configuration& traces,
                                         const std::vector<given_value>& values);

}  // namespace holdfast
