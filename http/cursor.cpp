#include "http/cursor.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "storage/base64url.hpp"

namespace holdfast::http {

namespace {

// Direction (1 byte), milliseconds since the epoch (8), id (8), the numbers big-endian, and one
// byte of zeros.
constexpr std::size_t cursor_bytes = 18;
using bytes = std::array<std::uint8_t, cursor_bytes>;

/// The end of the year 9999: what RFC 3339 can write.
constexpr std::uint64_t latest_milliseconds = 253'402'300'799'999;

void put(bytes& to, std::size_t at, std::uint64_t number) {
  for (std::size_t i = 0; i < 8; ++i) to[at + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
}

std::uint64_t get(const bytes& from, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | from[at + i];
  return number;
}

std::optional<bytes> bytes_of(std::string_view text) {
  const auto decoded = storage::from_base64url(text);
  if (!decoded || decoded->size() != cursor_bytes) return std::nullopt;
  bytes raw{};
  std::copy(decoded->begin(), decoded->end(), raw.begin());
  return raw;
}

}  // namespace

std::string encode_cursor(const cursor& cursor) {
  bytes raw{};
  raw[0] = cursor.descending ? 1 : 0;
  put(raw, 1, static_cast<std::uint64_t>(cursor.place.at.time_since_epoch().count()));
  put(raw, 9, cursor.place.id);
  return storage::to_base64url({reinterpret_cast<const char*>(raw.data()), raw.size()});
}

std::optional<cursor> decode_cursor(std::string_view text) {
  const auto raw = bytes_of(text);
  if (!raw) return std::nullopt;
  const auto milliseconds = get(*raw, 1);
  const auto id = get(*raw, 9);
  const bool possible = (*raw)[0] <= 1 && raw->back() == 0 && milliseconds <= latest_milliseconds &&
                        id != 0 && id < static_cast<std::uint64_t>(domain::largest_exact_integer);
  if (!possible) return std::nullopt;
  const domain::timestamp at{std::chrono::milliseconds{static_cast<std::int64_t>(milliseconds)}};
  return cursor{.descending = (*raw)[0] == 1, .place = {.at = at, .id = id}};
}

}  // namespace holdfast::http
