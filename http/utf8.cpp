#include "http/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace holdfast::http {

namespace {

/// The length of the well-formed character at the start, 0 where there is none.
std::size_t character_size(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const auto first = byte(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (bytes.size() < size) return 0;
  // The second byte's range shuts out over-long forms, surrogates and what lies beyond U+10FFFF.
  const std::uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return size;
}

/// Whether eight bytes are ASCII and none of them is a NUL: most text is so, and is looked at eight by eight.
/// A NUL, and only it where all are ASCII, borrows from its highest bit.
bool are_plain(const char* eight) {
  constexpr std::uint64_t lowest_bits = 0x0101010101010101;
  constexpr std::uint64_t highest_bits = 0x8080808080808080;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight, sizeof bytes);
  return ((bytes | (bytes - lowest_bits)) & highest_bits) == 0;
}

}  // namespace

bool is_valid_text(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() >= 8 && are_plain(bytes.data())) {
      bytes.remove_prefix(8);
      continue;
    }
    const auto size = character_size(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::size_t utf8_length(std::string_view bytes) {
  return static_cast<std::size_t>(std::count_if(
      bytes.begin(), bytes.end(), [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) != 0x80; }));
}

bool is_visible_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace holdfast::http
