// SHA-256, by OpenSSL. Pure functions.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <string>
#include <string_view>

namespace holdfast::http {

using sha256_digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

inline sha256_digest sha256(std::string_view bytes) {
  sha256_digest digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

/// 64 digits, in lower case.
inline std::string to_hexadecimal(const sha256_digest& digest) {
  std::string digits;
  digits.reserve(2 * digest.size());
  for (const auto byte : digest) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

}  // namespace holdfast::http
