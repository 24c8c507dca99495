// Integers as bytes, the highest first, so that bytes lie in the order of their numbers. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::storage::big_endian {

template <class Integer>
char* put(char* to, Integer value) {
  for (int shift = 8 * (sizeof(Integer) - 1); shift >= 0; shift -= 8) {
    *to++ = static_cast<char>(value >> shift);
  }
  return to;
}

template <class... Integers>
std::string put_all(Integers... values) {
  std::array<char, (sizeof(Integers) + ...)> bytes;
  char* to = bytes.data();
  ((to = put(to, values)), ...);
  return {bytes.data(), bytes.size()};
}

/// The caller has made sure that the bytes are there.
template <class Integer>
void take(std::string_view& bytes, Integer& value) {
  value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(value << 8 | static_cast<unsigned char>(bytes[i]));
  }
  bytes.remove_prefix(sizeof(Integer));
}

template <class... Integers>
bool take_all(std::string_view& bytes, Integers&... values) {
  if (bytes.size() < (sizeof(Integers) + ...)) {
    return false;
  }
  (take(bytes, values), ...);
  return true;
}

}  // namespace holdfast::storage::big_endian
