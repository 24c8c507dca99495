// Counts the streams of /events. Thread-safe; shared by the feed and its readers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "http/event_figures.hpp"

namespace holdfast::http {

class event_stream_meter {
 public:
  void began() { ++open_; }
  void ended(stream_end why) {
    --open_;
    ++ended_[static_cast<std::size_t>(why)];
  }
  void refused(stream_bound by) { ++refused_[static_cast<std::size_t>(by)]; }

  event_stream_figures read() const {
    event_stream_figures figures{.open = open_, .refused = {}, .ended = {}};
    for (std::size_t i = 0; i < stream_bound_count; ++i) figures.refused[i] = refused_[i];
    for (std::size_t i = 0; i < stream_end_count; ++i) figures.ended[i] = ended_[i];
    return figures;
  }

 private:
  std::atomic<std::uint64_t> open_{0};
  std::array<std::atomic<std::uint64_t>, stream_bound_count> refused_{};
  std::array<std::atomic<std::uint64_t>, stream_end_count> ended_{};
};

}  // namespace holdfast::http
