#include "storage/base64url.hpp"

#include <array>
#include <cstdint>

namespace holdfast::storage {

namespace {

constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_base64url_digit = 64;

constexpr std::array<std::uint8_t, 256> base64url_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_base64url_digit);
  for (std::uint8_t value = 0; value < base64url_digits.size(); ++value) {
    values[static_cast<unsigned char>(base64url_digits[value])] = value;
  }
  return values;
}();

}  // namespace

std::string to_base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) text += base64url_digits[bits >> (held - 6) & 63];
  }
  if (held > 0) text += base64url_digits[bits << (6 - held) & 63];
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char digit : text) {
    const auto value = base64url_values[static_cast<unsigned char>(digit)];
    if (value == no_base64url_digit) return std::nullopt;
    bits = bits << 6 | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 255);
  }
  // What is left over are the zeros that fill the last digit up.
  const bool whole = held < 6 && (bits & ((1u << held) - 1)) == 0;
  return whole ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace holdfast::storage
