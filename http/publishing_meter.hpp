// How far the Redis stream is behind the journal. The publisher tells it what it sees; a scrape reads it.
//
// For how long: where the stream has been behind at every look, nobody knows the age of what it lacks without
// reading it. So a goal is kept, the journal's ends as they once were: once the stream has passed it, what it
// lacks is younger than that look, and the ends of now are the next goal.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

#include "http/event_figures.hpp"
#include "storage/journal_place.hpp"

namespace holdfast::http {

class publishing_meter {
 public:
  using clock = std::chrono::steady_clock;

  explicit publishing_meter(clock::time_point now = clock::now()) : complete_until_(now) {}

  /// The stream has everything up to here.
  void at(const storage::journal_place& place);
  /// The journal's ends are these.
  void looked(const storage::journal_place& ends, clock::time_point now = clock::now());
  void wrote(std::size_t events);
  void failed(publishing_obstacle what);

  publishing_figures read(clock::time_point now = clock::now()) const;

 private:
  struct goal {
    storage::journal_place place;
    clock::time_point seen_at;
  };

  mutable std::mutex mutex_;
  publishing_figures counted_;
  std::optional<storage::journal_place> place_;
  std::optional<goal> goal_;
  /// What was durable by then is published.
  clock::time_point complete_until_;
  bool failing_ = false;
};

}  // namespace holdfast::http
