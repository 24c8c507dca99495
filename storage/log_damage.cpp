#include "storage/log_damage.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <vector>

namespace holdfast::storage {

namespace {

constexpr std::size_t block_bytes = 32 * 1024;
/// Checksum (4), length (2), type (1).
constexpr std::size_t header_bytes = 7;
constexpr std::size_t length_at = 4;
constexpr std::size_t type_at = 6;

enum record_type : unsigned char { none = 0, full = 1, first = 2, last = 4 };

/// CRC-32C of RFC 3720, as RocksDB stores it: rotated and shifted, since logs are copied into logs.
using crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;
std::uint32_t masked(std::uint32_t checksum) {
  return ((checksum >> 15) | (checksum << 17)) + 0xa282ead8u;
}

class log_bytes {
 public:
  explicit log_bytes(std::string_view bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  unsigned char byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }
  std::size_t length(std::size_t at) const { return byte(at + length_at) + 256u * byte(at + length_at + 1); }
  std::size_t end(std::size_t at) const { return at + header_bytes + length(at); }
  static std::size_t end_of_block(std::size_t at) { return (at / block_bytes + 1) * block_bytes; }

  bool has_header(std::size_t at) const {
    return at + header_bytes <= size() && at + header_bytes <= end_of_block(at);
  }
  /// Whether all the bytes that the header tells of are there and within its block.
  bool fits(std::size_t at) const { return end(at) <= std::min(size(), end_of_block(at)); }
  bool checksum_holds(std::size_t at) const { return checksum_of(at, length(at)) == stored(at); }

  /// Whether the record would be whole if its length were another.
  bool is_whole_at_any_length(std::size_t at) const {
    const auto wanted = stored(at);
    crc32c checksum;
    const auto limit = std::min(size(), end_of_block(at));
    for (std::size_t i = at + type_at; i < limit; ++i) {
      checksum.process_byte(byte(i));
      if (masked(checksum.checksum()) == wanted) return true;
    }
    return false;
  }

  /// Whether the first record of a batch stands anywhere behind this offset.
  bool batch_begins_behind(std::size_t at) const {
    for (std::size_t i = at + 1; i + header_bytes <= size(); ++i) {
      const auto type = byte(i + type_at);
      if ((type == full || type == first) && has_header(i) && fits(i) && checksum_holds(i)) return true;
    }
    return false;
  }

 private:
  std::uint32_t stored(std::size_t at) const {
    return byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | static_cast<std::uint32_t>(byte(at + 3)) << 24;
  }
  std::uint32_t checksum_of(std::size_t at, std::size_t length) const {
    crc32c checksum;
    checksum.process_bytes(bytes_.data() + at + type_at, 1 + length);
    return masked(checksum.checksum());
  }

  std::string_view bytes_;
};

std::string damaged_at(std::size_t at, const char* what) {
  return "damaged at byte " + std::to_string(at) + ": " + what;
}

std::optional<std::string> damage_where_it_ends(const log_bytes& log, std::size_t at) {
  if (log.batch_begins_behind(at)) return damaged_at(at, "a record is cut short, and others follow it");
  if (log.is_whole_at_any_length(at)) return damaged_at(at, "the length of a record is wrong");
  return std::nullopt;
}

/// Empty where it can't be opened: its owner has taken it away meanwhile, or RocksDB says why.
std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::optional<std::string> damage_in_log(std::string_view bytes) {
  const log_bytes log(bytes);
  for (std::size_t at = 0; at < log.size();) {
    const bool padding = log.end_of_block(at) - at < header_bytes;
    if (padding) {
      at = log.end_of_block(at);
      continue;
    }
    if (!log.has_header(at)) return std::nullopt;
    const bool unwritten = log.byte(at + type_at) == none && log.length(at) == 0;
    if (unwritten) return damage_where_it_ends(log, at);
    if (!log.fits(at)) {
      if (log.end_of_block(at) <= log.size()) return damaged_at(at, "the length of a record is wrong");
      return damage_where_it_ends(log, at);
    }
    if (!log.checksum_holds(at)) return damaged_at(at, "the checksum of a record is wrong");
    at = log.end(at);
  }
  return std::nullopt;
}

std::optional<std::string> damage_in_logs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> logs;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const auto name = file.path().filename().string();
    if (name.ends_with(".log") || name.starts_with("MANIFEST-")) logs.push_back(file.path());
  }
  std::sort(logs.begin(), logs.end());
  for (const auto& log : logs) {
    if (const auto damage = damage_in_log(read_file(log))) return log.filename().string() + " is " + *damage;
  }
  return std::nullopt;
}

}  // namespace holdfast::storage
