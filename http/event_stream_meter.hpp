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
  void refused() { ++refused_; }

  event_stream_figures read() const {
    event_stream_figures figures{.open = open_, .refused = refused_, .ended = {}};
    for (std::size_t i = 0; i < stream_end_count; ++i) figures.ended[i] = ended_[i];
    return figures;
  }

 private:
  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::array<std::atomic<std::uint64_t>, stream_end_count> ended_{};
};

}  // namespace holdfast::http
