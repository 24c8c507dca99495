// The feed of events: one for the process, whoever reads. It follows the journal by itself, by reading what
// is durable, whichever node has appended it, and gives each event to all readers that want it; and readers
// who begin further back it leads up to the others. Without readers it does nothing.
//
// The writers know nothing of it: it costs them a look at how far the shards have come, every 50 ms, and
// each record one reading, however many readers there are.
//
// Threading: open() may be called from any thread. Owns a thread, which blocks on the journal. Refers to the
// journal, which must outlive it; stop() waits for the journal's answers, so where the journal's server is
// away, close the journal first.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "http/event_figures.hpp"
#include "http/event_query.hpp"
#include "http/event_reader.hpp"
#include "storage/journal.hpp"

namespace holdfast::http {

/// Readers at once.
inline constexpr std::size_t largest_event_readers = 256;
/// Of them, of one principal, unless it is told otherwise.
inline constexpr std::size_t usual_readers_of_one = 16;
/// How soon a stream ends whose owner is known no more.
inline constexpr std::chrono::milliseconds owner_check_interval{1000};

class event_feed {
 public:
  explicit event_feed(storage::journal& journal, std::size_t readers_of_one = usual_readers_of_one);
  ~event_feed();
  event_feed(const event_feed&) = delete;
  event_feed& operator=(const event_feed&) = delete;

  /// Whose places its readers may resume from.
  const std::string& store_id() const;

  /// A reader for a session on this loop. Or of which there are as many as there may be.
  tl::expected<std::shared_ptr<event_reader>, stream_bound> open(boost::asio::io_context& loop,
                                                                 event_query wants, stream_owner owner = {});

  /// Readers that there are, and what became of others.
  event_stream_figures figures() const;

  /// Nobody is given anything any more. Idempotent.
  void stop();

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::http
