// The words that every part of Holdfast shares: ids, time and money.
// Values only; nothing here reads a clock, allocates an id or does I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::domain {

/// Names a reservation, its payment and its receipt alike. 1 .. 2^53 - 1, 0 is no id.
using reservation_id = std::uint64_t;

/// Milliseconds since 1970-01-01T00:00:00Z.
using timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// A moment together with the offset that clocks showed there, east of UTC positive.
struct zoned_timestamp {
  timestamp at{};
  std::chrono::minutes utc_offset{0};

  bool operator==(const zoned_timestamp&) const = default;
};

/// The largest integer that every JSON reader represents exactly: 2^53.
inline constexpr std::int64_t largest_exact_integer = std::int64_t{1} << 53;

/// An amount in the currency's minor unit (won for KRW, cent for USD) and its ISO 4217 code.
struct money {
  std::int64_t amount_minor = 0;
  std::string currency = "KRW";

  bool operator==(const money&) const = default;
};

}  // namespace holdfast::domain
