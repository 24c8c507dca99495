// FNV-1a, 64 bit, over fields: the same value on every machine and in every release, for ETags and
// for fingerprints that are journalled. Not a defence against someone who looks for collisions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::http {

class stable_hash {
 public:
  /// Lengths go in as well, so that ("ab", "c") and ("a", "bc") differ.
  stable_hash& add(std::string_view bytes) {
    add(static_cast<std::uint64_t>(bytes.size()));
    for (char c : bytes) mix(static_cast<unsigned char>(c));
    return *this;
  }
  stable_hash& add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(number >> shift));
    return *this;
  }
  std::uint64_t value() const { return state_; }

 private:
  void mix(unsigned char byte) { state_ = (state_ ^ byte) * 1099511628211ull; }

  std::uint64_t state_ = 14695981039346656037ull;
};

/// 16 hexadecimal digits.
inline std::string to_hex(std::uint64_t number) {
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); number != 0; ++digit, number >>= 4) {
    *digit = "0123456789abcdef"[number & 15];
  }
  return digits;
}

}  // namespace holdfast::http
