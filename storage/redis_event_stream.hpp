// The events as a Redis stream, for other services that consume them, with consumer groups as from a topic:
// its name is `prereservation`. Beside it stands the place in the journal up to which it has the events, one
// key for each journal, and both are written in one step. So whoever goes on from that place leaves nothing
// out and adds nothing twice, as long as Redis keeps what it has; where it came back with less, it came back
// with an earlier place too. Of several who publish one journal's events only one is ever ahead.
//
// Blocks, for no longer than the time-out; used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/redis_options.hpp"
#include "storage/redis_pipeline.hpp"

namespace holdfast::storage {

/// An entry has these as its fields: eventId, eventType, data.
struct stream_entry {
  std::string event_id;
  std::string_view event_type;
  /// JSON.
  std::string data;
};

class redis_event_stream {
 public:
  static constexpr std::string_view key = "prereservation";

  enum class outcome : std::uint8_t {
    written,
    /// The place is another one by now: somebody else has gone on from there.
    overtaken,
    /// Whether it was written or not, the place will tell.
    unavailable
  };

  /// The stream is cut at about `length` entries, never at fewer.
  redis_event_stream(const redis_options& options, const std::string& store_id, std::uint64_t length);

  /// Connects where it isn't. The place's text, empty where there is none; nothing where Redis is away.
  std::optional<std::string> read_place();

  /// Adds the entries, and moves the place from one to the other, or does nothing.
  outcome add(const std::string& from, const std::string& to, const std::vector<stream_entry>& entries);

  /// What was wrong when Redis was last unavailable.
  const std::string& failure() const { return redis_.failure(); }

 private:
  bool succeeded(const redisReply* reply);

  redis_pipeline redis_;
  const std::string place_key_;
  const std::string length_;
  bool connected_ = false;
};

}  // namespace holdfast::storage
