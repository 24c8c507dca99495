#include "http/cursor.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace holdfast::http {

namespace {

// Direction (1 byte), milliseconds since the epoch (8), id (8), the numbers big-endian, and one
// byte of zeros that makes it a multiple of three: no padding, and one spelling for each cursor.
constexpr std::size_t cursor_bytes = 18;
constexpr std::size_t cursor_characters = cursor_bytes / 3 * 4;
using bytes = std::array<std::uint8_t, cursor_bytes>;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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

std::string to_base64url(const bytes& from) {
  std::string text;
  text.reserve(cursor_characters);
  for (std::size_t i = 0; i < from.size(); i += 3) {
    const std::uint32_t three = static_cast<std::uint32_t>(from[i] << 16 | from[i + 1] << 8 | from[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(alphabet[three >> shift & 63]);
  }
  return text;
}

std::optional<bytes> from_base64url(std::string_view text) {
  if (text.size() != cursor_characters) return std::nullopt;
  bytes to{};
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t three = 0;
    for (std::size_t j = i; j < i + 4; ++j) {
      const auto digit = alphabet.find(text[j]);
      if (digit == std::string_view::npos) return std::nullopt;
      three = three << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t j = 0; j < 3; ++j) to[i / 4 * 3 + j] = static_cast<std::uint8_t>(three >> (16 - 8 * j));
  }
  return to;
}

}  // namespace

std::string encode_cursor(const cursor& cursor) {
  bytes raw{};
  raw[0] = cursor.descending ? 1 : 0;
  put(raw, 1, static_cast<std::uint64_t>(cursor.place.at.time_since_epoch().count()));
  put(raw, 9, cursor.place.id);
  return to_base64url(raw);
}

std::optional<cursor> decode_cursor(std::string_view text) {
  const auto raw = from_base64url(text);
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
