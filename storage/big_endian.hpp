// Integers as bytes, the highest first, so that bytes lie in the order of their numbers. Pure.
#pragma once

#include <array>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <string>
#include <string_view>

namespace holdfast::storage::big_endian {

template <class Integer>
char* put(char* to, Integer value) {
  value = boost::endian::native_to_big(value);
  std::memcpy(to, &value, sizeof(value));
  return to + sizeof(value);
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
  std::memcpy(&value, bytes.data(), sizeof(value));
  boost::endian::big_to_native_inplace(value);
  bytes.remove_prefix(sizeof(value));
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
