// This process in numbers, as the kernel tells them in /proc: what every Prometheus client shows. Reading
// them takes some microseconds, and a further one for every three open descriptors or so. Any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace holdfast::http {

/// A figure that can't be had is not there.
struct process_figures {
  std::optional<double> cpu_seconds;
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> most_descriptors;
  /// Since the epoch.
  std::optional<double> started_at_seconds;
};

process_figures read_process_figures();

}  // namespace holdfast::http
