// A journal's log whose bytes flip: whatever is hit, the log is refused with the offset, or nothing
// is lost; a log that a crash has torn is taken.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>

#include "storage/log_damage.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::storage;

namespace {

constexpr shard_id shard = 7;
constexpr std::uint64_t small_entries = 12;

template <class Answer, class Call>
Answer answer_to(Call call) {
  std::promise<journal_result<Answer>> promise;
  call([&](journal_result<Answer> result) { promise.set_value(std::move(result)); });
  auto result = promise.get_future().get();
  REQUIRE_MESSAGE(result, result.error().message);
  return *result;
}

void append(journal& to, epoch owner, std::uint64_t n, std::string record) {
  journal_entry entry;
  entry.shard = shard;
  entry.owner_epoch = owner;
  entry.entity = id_of(shard, n);
  entry.event_count = 1;
  entry.record = std::move(record);
  const auto verdicts = answer_to<std::vector<append_verdict>>(
      [&](auto done) { to.append({std::move(entry)}, std::move(done)); });
  REQUIRE(verdicts.front().status == append_status::appended);
}

std::filesystem::path log_in(const std::filesystem::path& folder) {
  std::filesystem::path largest;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".log") continue;
    if (largest.empty() || file.file_size() > std::filesystem::file_size(largest)) largest = file.path();
  }
  return largest;
}

/// The folder of a journal as a crash leaves it: one entry over two blocks of its log, and small ones.
struct crashed_journal {
  holdfast::testing::temporary_folder folder;
  std::string copy = folder / "copy";
  std::filesystem::path log;
  std::string bytes;

  crashed_journal() {
    const auto journal = rocksdb_journal::open({.path = folder / "journal"}).value();
    const auto claims =
        answer_to<std::vector<shard_claim>>([&](auto done) { journal->claim({shard}, std::move(done)); });
    append(*journal, claims.front().owner_epoch, 1, std::string(40'000, 'r'));
    for (std::uint64_t n = 2; n <= small_entries; ++n) {
      append(*journal, claims.front().owner_epoch, n, "record " + std::to_string(n));
    }
    std::filesystem::copy(folder / "journal", copy);
    log = log_in(copy);
    std::ifstream file(log, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
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
