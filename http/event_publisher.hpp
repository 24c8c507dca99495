// Publishes the events to a Redis stream, by following the journal from the place that the stream itself
// remembers; from the beginning where it remembers none. Every event gets there at least once, in order per
// reservation. Every node may run one: one of them is ahead, and the others look on.
//
// Owns a thread, which blocks on the journal and on Redis. Refers to the journal and the meter, which must
// outlive it; stop() waits for the journal's answers, so where the journal's server is away, close the
// journal first.
#pragma once

#include <cstdint>
#include <memory>

#include "http/publishing_meter.hpp"
#include "storage/journal.hpp"
#include "storage/redis_options.hpp"

namespace holdfast::http {

struct event_publisher_options {
  storage::redis_options redis;
  /// Entries that the stream keeps, about.
  std::uint64_t length = 1'000'000;
};

class event_publisher {
 public:
  event_publisher(storage::journal& journal, const event_publisher_options& options, publishing_meter& meter);
  ~event_publisher();
  event_publisher(const event_publisher&) = delete;
  event_publisher& operator=(const event_publisher&) = delete;

  /// Idempotent.
  void stop();

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::http
