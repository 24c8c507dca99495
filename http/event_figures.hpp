// What is told of those who read events: counted where it happens, read when somebody asks. Plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::http {

/// Why a stream of /events ended.
enum class stream_end : std::uint8_t {
  /// Its client has left, or was cut off.
  left,
  draining,
  too_slow,
  /// The credential that it was asked for with has expired, or was taken away.
  credential_over
};
inline constexpr std::array<std::string_view, 4> stream_end_names{"left", "draining", "too-slow",
                                                                  "credential-over"};
inline constexpr std::size_t stream_end_count = stream_end_names.size();

/// As StreamEnded tells it, and the metrics.
constexpr std::string_view name_of(stream_end why) {
  return stream_end_names[static_cast<std::size_t>(why)];
}

/// Whose streams were as many as there may be.
enum class stream_bound : std::uint8_t { node, principal };
inline constexpr std::size_t stream_bound_count = 2;

struct event_stream_figures {
  std::uint64_t open = 0;
  std::array<std::uint64_t, stream_bound_count> refused{};
  std::array<std::uint64_t, stream_end_count> ended{};
};

/// What events can't be published for.
enum class publishing_obstacle : std::uint8_t { journal, redis };
inline constexpr std::size_t publishing_obstacle_count = 2;

struct publishing_figures {
  std::uint64_t published = 0;
  /// Records of the journal that the stream lacks.
  std::uint64_t lag_records = 0;
  /// At most the age of the oldest of them; or for how long it has not been known what the stream lacks.
  std::chrono::nanoseconds behind_for{0};
  std::array<std::uint64_t, publishing_obstacle_count> errors{};
};

struct event_figures {
  event_stream_figures streams;
  /// Nothing where events are not published.
  std::optional<publishing_figures> publishing;
};

}  // namespace holdfast::http
