// A journal's log whose bytes flip: whatever is hit, the log is refused with the offset, or nothing
// is lost; a log that a crash or a loss of power has torn is taken.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/log_damage.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;

namespace {

constexpr shard_id shard = 7;
constexpr std::uint64_t small_entries = 12;
/// Of sectors, and of the blocks of small and large file systems.
constexpr std::size_t unit_sizes[] = {512, 1024, 4096};
constexpr std::size_t page_bytes = 4096;

void append_record(journal& to, const shard_claim& owner, std::uint64_t n, std::string record) {
  auto one = finished(entry(owner, id_of(shard, n), 0));
  one.record = std::move(record);
  REQUIRE(append(to, std::move(one)).status == append_status::appended);
}

std::optional<std::string> damage_in_log(std::string_view bytes) {
  return look_through_log(bytes).damage;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::filesystem::path log_in(const std::filesystem::path& folder) {
  std::filesystem::path largest;
  for (const auto& file : std::filesystem::directory_iterator(folder / "log")) {
    if (file.path().extension() != ".log") continue;
    if (largest.empty() || file.file_size() > std::filesystem::file_size(largest)) largest = file.path();
  }
  return largest;
}

/// The folder of a journal as a crash leaves it: one entry over two blocks of its log, and small ones.
struct crashed_journal {
  temporary_folder folder;
  std::string copy = folder / "copy";
  std::filesystem::path log;
  std::string bytes;
  /// Where the last batch begins.
  std::size_t last_begin = 0;

  /// The last entry is as large as this, or as small as the others; so is the one before it.
  explicit crashed_journal(std::size_t last_bytes = 0, std::size_t before_it = 0, char filled_with = 'l') {
    const auto journal = rocksdb_journal::open({.path = folder / "journal"}).value();
    const auto owner = claim(*journal, shard);
    append_record(*journal, owner, 1, std::string(40'000, 'r'));
    for (std::uint64_t n = 2; n < small_entries; ++n) {
      append_record(*journal, owner, n, "record " + std::to_string(n));
    }
    append_record(*journal, owner, small_entries, "before" + std::string(before_it, 'b'));
    last_begin = std::filesystem::file_size(log_in(folder / "journal"));
    append_record(*journal, owner, small_entries + 1, "last " + std::string(last_bytes, filled_with));
    std::filesystem::copy(folder / "journal", copy, std::filesystem::copy_options::recursive);
    log = log_in(copy);
    bytes = read(log);
  }
};

/// Offsets of the headers, as the format says: 7 bytes, the length in the fifth and sixth.
std::vector<std::size_t> headers_in(const std::string& bytes) {
  std::vector<std::size_t> headers;
  for (std::size_t at = 0; at + 7 <= bytes.size();) {
    const auto left = 32 * 1024 - at % (32 * 1024);
    if (left < 7) {
      at += left;
      continue;
    }
    headers.push_back(at);
    at += 7 + static_cast<unsigned char>(bytes[at + 4]) + 256u * static_cast<unsigned char>(bytes[at + 5]);
  }
  return headers;
}

std::string with_flipped_bit(std::string bytes, std::size_t at, int bit) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  return bytes;
}

TEST_CASE("a log is whole as it was written, and wherever a crash has cut it") {
  const crashed_journal crashed;
  REQUIRE(crashed.bytes.size() > 33 * 1024);
  CHECK(damage_in_log(crashed.bytes) == std::nullopt);
  for (std::size_t size = 0; size < crashed.bytes.size(); size += size < 32'000 ? 997 : 1) {
    CAPTURE(size);
    REQUIRE(damage_in_log(crashed.bytes.substr(0, size)) == std::nullopt);
  }
  CHECK(damage_in_log(crashed.bytes + std::string(5000, '\0')) == std::nullopt);
  CHECK(damage_in_log(crashed.bytes + std::string(100'000, '\0')) == std::nullopt);
}

TEST_CASE("a flipped bit in any header of a log is found, the last one's too") {
  const crashed_journal crashed;
  const auto headers = headers_in(crashed.bytes);
  REQUIRE(headers.size() > small_entries);
  for (const auto header : headers) {
    for (std::size_t at = header; at < header + 7; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        CAPTURE(header);
        CAPTURE(at);
        CAPTURE(bit);
        const auto damage = damage_in_log(with_flipped_bit(crashed.bytes, at, bit));
        REQUIRE(damage);
        REQUIRE(damage->starts_with("damaged at byte " + std::to_string(header)));
      }
    }
  }
}

TEST_CASE("a flipped bit in the bytes of a record is found") {
  const crashed_journal crashed;
  for (std::size_t at = 7; at < crashed.bytes.size(); at += at < 33'000 ? 1013 : 11) {
    CAPTURE(at);
    REQUIRE(damage_in_log(with_flipped_bit(crashed.bytes, at, 3)));
  }
}

/// The last batch reaches over several pages and two blocks, and lacks units of this size.
struct torn_journal : crashed_journal {
  std::size_t unit;
  /// Where each unit begins that it alone is in.
  std::vector<std::size_t> units;

  explicit torn_journal(std::size_t unit_bytes = page_bytes, std::size_t before_it = 0)
      : crashed_journal(40'000, before_it), unit(unit_bytes) {
    for (auto at = (last_begin / unit + 1) * unit; at < bytes.size(); at += unit) units.push_back(at);
  }
  std::string without(std::string log_bytes, std::size_t from, std::size_t to) const {
    to = std::min(to, log_bytes.size());
    return log_bytes.replace(from, to - from, to - from, '\0');
  }
  std::string without_unit(std::string log_bytes, std::size_t at) const {
    return without(std::move(log_bytes), at, at + unit);
  }
  /// The unit that the batch before ends in, as that left it.
  std::string without_beginning(std::string log_bytes) const {
    return without(std::move(log_bytes), last_begin, units.front());
  }
  /// Opens the journal with such a log, as its owner, and again.
  void check_opens_with(const std::string& log_bytes) const {
    std::filesystem::remove_all(copy + "-torn");
    std::filesystem::copy(copy, copy + "-torn", std::filesystem::copy_options::recursive);
    std::ofstream(copy + "-torn/log/" + log.filename().string(), std::ios::binary) << log_bytes;
    for (int times = 0; times < 2; ++times) {
      const auto opened = rocksdb_journal::open({.path = copy + "-torn"});
      REQUIRE_MESSAGE(opened, opened.error().message);
      REQUIRE(read_shard(**opened, shard, 1, small_entries + 2).size() == small_entries);
    }
  }
};

void check_torn(const torn_journal& torn, const std::string& bytes) {
  const auto contents = look_through_log(bytes);
  REQUIRE_MESSAGE(!contents.damage, contents.damage.value_or(""));
  REQUIRE(contents.whole_bytes == torn.last_begin);
}

TEST_CASE("a log that lacks pieces of its last batch is torn where that begins, whichever are lacking") {
  for (const auto unit : unit_sizes) {
    CAPTURE(unit);
    const torn_journal torn(unit);
    REQUIRE(torn.units.size() >= 8);
    for (const auto at : torn.units) {
      CAPTURE(at);
      check_torn(torn, torn.without(torn.bytes, at, torn.bytes.size()));
      check_torn(torn, torn.without_unit(torn.bytes, at));
      check_torn(torn, torn.without_beginning(torn.without_unit(torn.bytes, at)));
      check_torn(torn, torn.without_unit(torn.bytes, at).substr(0, torn.bytes.size() - 100));
    }
    check_torn(torn, torn.without_beginning(torn.bytes));
    check_torn(torn, torn.without(torn.bytes, torn.last_begin, torn.bytes.size()));
    CHECK(look_through_log(torn.bytes).whole_bytes == torn.bytes.size());
  }
}

TEST_CASE("a header over two sectors is torn, whichever of the two is lacking") {
  constexpr auto unit = unit_sizes[0];
  constexpr std::size_t some_bytes = 1000;
  const auto left = unit - torn_journal(unit, some_bytes).last_begin % unit;
  for (std::size_t in_first = 1; in_first < 7; ++in_first) {
    CAPTURE(in_first);
    const torn_journal torn(unit, some_bytes + (left + unit - in_first) % unit);
    REQUIRE(torn.units.front() - torn.last_begin == in_first);
    check_torn(torn, torn.without_beginning(torn.bytes));
    check_torn(torn, torn.without_unit(torn.bytes, torn.units.front()));
  }
}

TEST_CASE("a journal opens with all that was acknowledged, whichever pages of its last batch are lacking") {
  const torn_journal torn;
  torn.check_opens_with(torn.without(torn.bytes, torn.units[0], torn.bytes.size()));
  torn.check_opens_with(torn.without(torn.bytes, torn.units.back(), torn.bytes.size()));
  torn.check_opens_with(torn.without_unit(torn.bytes, torn.units[1]));
  torn.check_opens_with(torn.without_unit(torn.bytes, torn.units[torn.units.size() - 2]));
  torn.check_opens_with(torn.without_beginning(torn.bytes));
  torn.check_opens_with(torn.bytes.substr(0, torn.bytes.size() - 10));
}

TEST_CASE("a torn end is passed over by readers, and cut off by the owner") {
  const torn_journal torn;
  const auto log_folder = torn.log.parent_path();
  std::ofstream(torn.log, std::ios::binary) << torn.without_unit(torn.bytes, torn.units[1]);
  const auto found = look_through_logs(log_folder);
  REQUIRE(found.torn.size() == 1);
  CHECK(found.torn[0].torn_bytes == torn.bytes.size() - torn.last_begin);
  {
    const auto reader = rocksdb_journal::open_read_only({.path = torn.copy}).value();
    CHECK(read_shard(*reader, shard, 1, small_entries + 2).size() == small_entries);
  }
  CHECK(std::filesystem::file_size(torn.log) == torn.bytes.size());
  cut_off_torn_end(found.torn[0]);
  CHECK(read(torn.log) == torn.bytes.substr(0, torn.last_begin));
  CHECK(look_through_logs(log_folder).torn.empty());
}

TEST_CASE("a flipped bit in the last record is found, though zeros follow it") {
  const crashed_journal crashed(100);
  const auto bytes = crashed.bytes + std::string(3 * page_bytes, '\0');
  REQUIRE_FALSE(damage_in_log(bytes));
  for (auto at = crashed.last_begin; at < crashed.bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(at);
      CAPTURE(bit);
      REQUIRE(damage_in_log(with_flipped_bit(bytes, at, bit)));
    }
  }
}

TEST_CASE("a flipped bit in a last batch of many entries is found") {
  temporary_folder folder;
  const auto journal = rocksdb_journal::open({.path = folder / "journal"}).value();
  const auto owner = claim(*journal, shard);
  std::vector<journal_entry> entries;
  for (std::uint64_t n = 1; n <= 100; ++n) entries.push_back(finished(entry(owner, id_of(shard, n), 0)));
  append(*journal, entries);
  const auto bytes = read(log_in(folder / "journal"));
  REQUIRE_FALSE(damage_in_log(bytes));
  const auto headers = headers_in(bytes);
  REQUIRE(bytes.size() - headers.back() > 4 * unit_sizes[0]);
  for (auto at = headers.back(); at < bytes.size(); ++at) {
    CAPTURE(at);
    REQUIRE(damage_in_log(with_flipped_bit(bytes, at, static_cast<int>(at % 8))));
  }
}

TEST_CASE(
    "a flipped bit is found though a sector of the last record is zeros, as a sector may be by chance") {
  const crashed_journal zeros(2'000, 0, '\0');
  REQUIRE_FALSE(damage_in_log(zeros.bytes));
  for (auto at = zeros.last_begin; at < zeros.bytes.size(); ++at) {
    CAPTURE(at);
    REQUIRE(damage_in_log(with_flipped_bit(zeros.bytes, at, static_cast<int>(at % 8))));
  }
}

TEST_CASE("pages that are lacking before another batch are damage, in a later log too") {
  const torn_journal torn;
  // The first batch reaches over several pages as well.
  CHECK(damage_in_log(torn.without_unit(torn.bytes, 2 * page_bytes)));
  const auto log_folder = torn.log.parent_path();
  CHECK_FALSE(look_through_logs(log_folder).damage);
  std::ofstream(torn.log, std::ios::binary) << torn.without_unit(torn.bytes, torn.units[1]);
  std::ofstream(log_folder / "000000999999.log", std::ios::binary) << torn.bytes;
  const auto damage = look_through_logs(log_folder).damage;
  REQUIRE(damage);
  CHECK(damage->starts_with(torn.log.filename().string() + " is damaged at byte " +
                            std::to_string(torn.last_begin)));
}

TEST_CASE("of the manifests that one is judged that the journal is opened with") {
  const crashed_journal crashed;
  std::string current = read(crashed.copy + "/CURRENT");
  current.pop_back();
  const auto manifest = read(crashed.copy + "/" + current);
  const auto damaged = with_flipped_bit(manifest, manifest.size() / 2, 3);
  SUBCASE("not another") {
    std::ofstream(crashed.copy + "/MANIFEST-999999", std::ios::binary) << damaged;
    CHECK(rocksdb_journal::open({.path = crashed.copy}));
  }
  SUBCASE("that one") {
    std::ofstream(crashed.copy + "/" + current, std::ios::binary) << damaged;
    const auto opened = rocksdb_journal::open({.path = crashed.copy});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find(current + " is damaged at byte") != std::string::npos);
  }
}

TEST_CASE("a log that can't be read is named, with its journal") {
  const crashed_journal crashed;
  std::filesystem::create_directory(crashed.log.parent_path() / "999999.log");
  const auto check_named = [&](const auto& opened) {
    REQUIRE_FALSE(opened);
    const auto& message = opened.error().message;
    CAPTURE(message);
    CHECK(message.find("journal " + crashed.copy) != std::string::npos);
    CHECK(message.find("999999.log") != std::string::npos);
  };
  check_named(rocksdb_journal::open({.path = crashed.copy}));
  check_named(rocksdb_journal::open_read_only({.path = crashed.copy}));
}

TEST_CASE("a journal with a damaged log is refused, with the log's name and the offset") {
  const crashed_journal crashed;
  const auto header = headers_in(crashed.bytes).end()[-4];
  // The highest bit of the length: the record seems to reach beyond the log's end.
  const auto damaged = with_flipped_bit(crashed.bytes, header + 5, 6);
  std::ofstream(crashed.log, std::ios::binary) << damaged;
  const auto opened = rocksdb_journal::open({.path = crashed.copy});
  REQUIRE_FALSE(opened);
  const auto& message = opened.error().message;
  CAPTURE(message);
  CHECK(message.find(crashed.copy) != std::string::npos);
  CHECK(message.find(crashed.log.filename().string()) != std::string::npos);
  CHECK(message.find("damaged at byte " + std::to_string(header)) != std::string::npos);
  CHECK_FALSE(rocksdb_journal::open_read_only({.path = crashed.copy}));
}

}  // namespace
