#include "storage/log_damage.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <system_error>

#include <spdlog/spdlog.h>

#include "storage/log_format.hpp"

namespace holdfast::storage {

namespace {

using namespace log_format;

/// What reaches a disk as a whole or not at all: file systems and disks have larger units as well, all
/// of them multiples of this.
constexpr std::size_t sector_bytes = 512;

/// CRC-32C of RFC 3720. Not the fast one of log_format.cpp: it is asked for every length there is.
using crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

/// What a byte of zeros makes of a difference between two checksums: CRC is linear.
std::uint32_t after_zero_byte(std::uint32_t difference) {
  for (int bit = 0; bit < 8; ++bit) difference = (difference >> 1) ^ (difference & 1 ? 0x82F63B78u : 0);
  return difference;
}

class log_bytes {
 public:
  explicit log_bytes(std::string_view bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  unsigned char byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }
  std::size_t length(std::size_t at) const { return byte(at + length_at) + 256u * byte(at + length_at + 1); }
  std::size_t end(std::size_t at) const { return at + header_bytes + length(at); }
  static std::size_t end_of_block(std::size_t at) { return (at / block_bytes + 1) * block_bytes; }
  static std::size_t end_of_sector(std::size_t at) { return (at / sector_bytes + 1) * sector_bytes; }

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

  /// Whether the record would be whole if one bit of it, or of its checksum, were another.
  bool is_whole_but_for_a_bit(std::size_t at) const {
    if (std::popcount(stored(at) ^ checksum_of(at, length(at))) == 1) return true;
    const auto wanted = unmasked(stored(at)) ^ unmasked(checksum_of(at, length(at)));
    // What flipping each bit of the last byte changes, then of the byte before.
    std::array<std::uint32_t, 8> flipped;
    for (std::size_t bit = 0; bit < 8; ++bit) flipped[bit] = after_zero_byte(1u << bit);
    for (auto i = end(at); i-- > at + type_at;) {
      if (std::find(flipped.begin(), flipped.end(), wanted) != flipped.end()) return true;
      for (auto& each : flipped) each = after_zero_byte(each);
    }
    return false;
  }

  /// Whether a sector that the record reaches into, up to the log's end, is nothing but zeros; of the
  /// one that it begins in, which has more before it, the record's own part.
  bool lacks_a_sector(std::size_t at) const {
    const auto end_of_record = std::max(end(at), at + header_bytes);
    const auto second = end_of_sector(at);
    if (second < at + header_bytes && only_zeros(at, second)) return true;
    for (auto sector = second; sector < end_of_record; sector += sector_bytes) {
      if (only_zeros(sector, end_of_sector(sector))) return true;
    }
    return false;
  }

  /// Whether the record's last byte is zero, and all that stands behind it: then it was not written to its
  /// end, in a log that was made ahead. Whoever reads beside the writer may see any byte as the last one.
  bool ends_in_zeros(std::size_t at) const { return end(at) < size() && only_zeros(end(at) - 1, size()); }

  /// Whether the first record of a batch stands anywhere behind this offset.
  bool batch_begins_behind(std::size_t at) const {
    for (std::size_t i = at + 1; i + header_bytes <= size(); ++i) {
      const auto type = byte(i + type_at);
      if ((type == full || type == first) && has_header(i) && fits(i) && checksum_holds(i)) return true;
    }
    return false;
  }

 private:
  bool only_zeros(std::size_t from, std::size_t to) const {
    return bytes_.substr(from, to - from).find_first_not_of('\0') == std::string_view::npos;
  }
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

/// Of a record with a header: nothing where it is whole. `torn` says that it is not, but was never whole.
std::optional<std::string> damage_of_record(const log_bytes& log, std::size_t at, bool& torn) {
  torn = true;
  const bool unwritten = log.byte(at + type_at) == none && log.length(at) == 0;
  if (unwritten) return damage_where_it_ends(log, at);
  if (!log.fits(at)) {
    if (log.end_of_block(at) <= log.size()) return damaged_at(at, "the length of a record is wrong");
    return damage_where_it_ends(log, at);
  }
  torn = !log.checksum_holds(at);
  if (!torn) return std::nullopt;
  const bool cut_short = log.lacks_a_sector(at) || log.ends_in_zeros(at);
  if (log.is_whole_but_for_a_bit(at) || !cut_short)
    return damaged_at(at, "the checksum of a record is wrong");
  return damage_where_it_ends(log, at);
}

class open_file {
 public:
  open_file(const std::filesystem::path& path, int flags)
      : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~open_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  int descriptor() const { return descriptor_; }
  [[noreturn]] void fail(const char* what) const {
    throw std::filesystem::filesystem_error(what, path_, std::error_code(errno, std::system_category()));
  }

 private:
  const std::filesystem::path path_;
  const int descriptor_;
};

/// Nothing where there is no such file.
std::optional<std::string> read_file(const std::filesystem::path& path) {
  const open_file file(path, O_RDONLY);
  if (file.descriptor() < 0 && errno == ENOENT) return std::nullopt;
  if (file.descriptor() < 0) file.fail("cannot open");
  std::string bytes;
  std::array<char, block_bytes> block;
  for (;;) {
    const auto size = ::read(file.descriptor(), block.data(), block.size());
    if (size == 0) return bytes;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) file.fail("cannot read");
    bytes.append(block.data(), static_cast<std::size_t>(size));
  }
}

/// Nothing where CURRENT names none, which is RocksDB's to tell.
std::optional<std::filesystem::path> manifest_in(const std::filesystem::path& folder) {
  const auto current = read_file(folder / "CURRENT").value_or("");
  if (!current.starts_with("MANIFEST-")) return std::nullopt;
  return folder / current.substr(0, current.find('\n'));
}

/// Adds to what was found, unless that is damage already. Returns where the log's last whole batch ends.
std::size_t look_through(const std::filesystem::path& file, log_space space, bool batches_follow,
                         log_findings& found,
                         const std::function<void(std::string_view whole_log)>& each_log) {
  const auto bytes = read_file(file);
  if (!bytes || found.damage) return 0;
  auto contents = look_through_log(*bytes);
  const bool made_ahead = space == log_space::made_ahead &&
                          bytes->find_first_not_of('\0', contents.whole_bytes) == std::string::npos;
  const bool torn = contents.whole_bytes < bytes->size() && !made_ahead;
  if (!contents.damage && torn && batches_follow) {
    contents.damage = damaged_at(contents.whole_bytes, "a record is cut short, and a later log has others");
  }
  if (contents.damage) {
    found.damage = file.filename().string() + " is " + *contents.damage;
  } else if (torn) {
    found.torn.push_back({file, contents.whole_bytes, bytes->size() - contents.whole_bytes});
  }
  if (!contents.damage) each_log(std::string_view(*bytes).substr(0, contents.whole_bytes));
  return contents.whole_bytes;
}

}  // namespace

std::map<std::uint64_t, std::filesystem::path, std::greater<>> logs_in(const std::filesystem::path& folder) {
  std::map<std::uint64_t, std::filesystem::path, std::greater<>> logs;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const auto stem = file.path().stem().string();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    const bool numbered =
        !stem.empty() && parsed.ec == std::errc() && parsed.ptr == stem.data() + stem.size();
    if (numbered && file.path().extension() == ".log") logs[number] = file.path();
  }
  return logs;
}

log_contents look_through_log(std::string_view bytes) {
  const log_bytes log(bytes);
  std::size_t whole = 0;
  bool within_batch = false;
  for (std::size_t at = 0; at < log.size();) {
    const bool padding = log.end_of_block(at) - at < header_bytes;
    if (padding) {
      at = log.end_of_block(at);
      continue;
    }
    if (!log.has_header(at)) break;
    bool torn = false;
    const auto damage = damage_of_record(log, at, torn);
    if (damage || torn) return {damage, whole};
    const auto type = log.byte(at + type_at);
    const bool begins = type == full || type == first;
    if (begins && within_batch)
      return {damaged_at(whole, "a record is cut short, and others follow it"), whole};
    if (!begins && !within_batch) return {damaged_at(at, "the beginning of a record is missing"), whole};
    within_batch = type == first || type == middle;
    at = log.end(at);
    if (!within_batch) whole = at;
  }
  return {std::nullopt, whole};
}

log_findings look_through_logs(const std::filesystem::path& folder, log_space space,
                               const std::function<void(std::string_view whole_log)>& each_log) {
  log_findings found;
  bool batches_follow = false;
  for (const auto& [number, file] : logs_in(folder)) {
    batches_follow = look_through(file, space, batches_follow, found, each_log) > 0 || batches_follow;
  }
  if (const auto manifest = manifest_in(folder))
    look_through(*manifest, log_space::none, false, found, [](auto) {});
  return found;
}

void cut_off_torn_end(const torn_log& log) {
  const open_file file(log.file, O_WRONLY);
  if (file.descriptor() < 0 || ::ftruncate(file.descriptor(), static_cast<off_t>(log.whole_bytes)) != 0 ||
      ::fsync(file.descriptor()) != 0) {
    file.fail("cannot cut off the torn end");
  }
  spdlog::warn(
      "{}: cut off the last {} bytes, behind byte {}: what was being written when the power or the process "
      "went, never acknowledged",
      log.file.string(), log.torn_bytes, log.whole_bytes);
}

}  // namespace holdfast::storage
