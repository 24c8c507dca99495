// The form of a log of batches, which is that of LevelDB's and RocksDB's logs (LevelDB's doc/log_format.md):
// blocks of 32 KiB; in them records of a checksum (4 bytes), a length (2), a type (1) and as many bytes.
// A batch that does not fit into its block is divided: a first, middle ones, a last.
// Pure; log_damage.hpp judges what a log holds before anything here reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace holdfast::storage::log_format {

inline constexpr std::size_t block_bytes = 32 * 1024;
inline constexpr std::size_t header_bytes = 7;
inline constexpr std::size_t length_at = 4;
inline constexpr std::size_t type_at = 6;

enum record_type : unsigned char { none = 0, full = 1, first = 2, middle = 3, last = 4 };

/// As a checksum (CRC-32C of RFC 3720) is stored: rotated and shifted, since logs are copied into logs.
constexpr std::uint32_t masked(std::uint32_t checksum) {
  return ((checksum >> 15) | (checksum << 17)) + 0xa282ead8u;
}
constexpr std::uint32_t unmasked(std::uint32_t stored) {
  const auto rotated = stored - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

/// The bytes by which a log that is `log_bytes` long grows by this batch.
std::string framed(std::string_view batch, std::size_t log_bytes);

/// The batches of a log that is whole, or of its whole beginning, in order.
void for_each_batch(std::string_view whole_log, const std::function<void(std::string batch)>& each);

}  // namespace holdfast::storage::log_format
