// A journal on disk whose commit log goes to its tables part by part: what it tells is the same wherever
// each record is at the moment, after a restart, after a crash, and beside its owner. And stores of older
// formats, whose log was RocksDB's own.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/memory_journal.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;

namespace {

constexpr shard_id shards = 3;
/// So small that parts of the tail go to the tables all the time.
constexpr std::size_t small_tail_bytes = 16 * 1024;

std::unique_ptr<journal> opened(const std::string& path) {
  auto result = rocksdb_journal::open({.path = path, .largest_tail_bytes = small_tail_bytes});
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

std::unique_ptr<journal> opened_for_reading(const std::string& path) {
  auto result = rocksdb_journal::open_read_only({.path = path});
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

/// Every entity's records, every shard's, and what is listed as unfinished, page by page.
void check_same(journal& one, journal& other, std::uint64_t entities) {
  for (shard_id shard = 0; shard < shards; ++shard) {
    for (std::uint64_t n = 1; n <= entities; ++n) {
      const auto id = id_of(shard, n);
      REQUIRE((read_entity(one, id) == read_entity(other, id)));
    }
    position from = 1;
    for (;;) {
      const auto page = read_shard(one, shard, from, 100);
      REQUIRE((page == read_shard(other, shard, from, 100)));
      if (page.empty()) break;
      from = page.back().at + 1;
    }
    entity_id after = 0;
    for (;;) {
      const auto page = list_unfinished(one, shard, after, 7);
      REQUIRE((page == list_unfinished(other, shard, after, 7)));
      if (page.empty()) break;
      after = page.back();
    }
  }
}

/// The same entries to a RocksDB journal, in a folder that may be closed or copied, and to one in memory.
struct twins {
  temporary_folder folder;
  std::string path = folder / "journal";
  std::unique_ptr<journal> stored = opened(path);
  memory_journal model;
  std::mt19937 random{7};
  std::vector<shard_claim> owned;
  std::map<entity_id, std::uint64_t> sequences;

  twins() { claim_all(); }

  void claim_all() {
    owned.clear();
    for (shard_id shard = 0; shard < shards; ++shard) {
      owned.push_back(claim(*stored, shard));
      const auto expected = claim(model, shard);
      REQUIRE(owned.back().last_position == expected.last_position);
      REQUIRE(owned.back().last_entity == expected.last_entity);
      REQUIRE(owned.back().owner_epoch == expected.owner_epoch);
    }
  }

  /// Of random entities, old and new, finished or not.
  void append_some(std::size_t count, std::uint64_t entities) {
    std::vector<journal_entry> entries;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& owner = owned[random() % shards];
      const auto id = id_of(owner.shard, 1 + random() % entities);
      auto one = entry(owner, id, sequences[id]++);
      one.unfinished = random() % 3 == 0;
      entries.push_back(std::move(one));
    }
    REQUIRE((append(*stored, entries) == append(model, entries)));
  }
};

TEST_CASE("whatever is in the tables or not, everything is found, once and as it was appended") {
  constexpr std::uint64_t entities = 500;
  twins both;
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    for (int i = 0; i < 5; ++i) both.append_some(1 + both.random() % 300, entities);
    check_same(*both.stored, both.model, entities);
    check_same(*opened_for_reading(both.path), both.model, entities);
    switch (round % 3) {
      case 0:  // As after a crash: what is in its files at this moment.
        std::filesystem::copy(both.path, both.path + "-next", std::filesystem::copy_options::recursive);
        both.stored.reset();
        std::filesystem::remove_all(both.path);
        std::filesystem::rename(both.path + "-next", both.path);
        both.stored = opened(both.path);
        break;
      case 1:
        both.stored.reset();
        both.stored = opened(both.path);
        break;
      default:
        break;
    }
    check_same(*both.stored, both.model, entities);
    both.claim_all();
  }
}

/// The logs, by their names.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (each.path().extension() == ".log") files.push_back(each.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("what is in the tables leaves the log") {
  temporary_folder folder;
  const auto path = folder / "journal";
  std::uint64_t n = 0;
  const auto fill = [&](std::size_t bytes) {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    for (std::size_t filled = 0; filled < bytes; filled += 1024) {
      auto one = entry(owner, id_of(0, ++n), 0);
      one.record.assign(1024, 'x');
      append(*journal, one);
    }
    std::uintmax_t in_log = 0;
    for (const auto& file : files_in(path + "/log")) in_log += std::filesystem::file_size(file);
    return in_log;
  };
  CHECK(fill(8 * 1024) > 8 * 1024);
  // Of a part that is under way, and of the one that grows meanwhile.
  CHECK(fill(200 * 1024) < 3 * small_tail_bytes);
  // After an orderly end nothing is left to read.
  const auto files = files_in(path + "/log");
  REQUIRE(files.size() == 1);
  CHECK(std::filesystem::file_size(files.front()) == 0);
  CHECK(read_shard(*opened(path), 0, 1, 1000).size() == n);
  const auto last_batch = raw_store(path).get("last_batch");
  opened(path);
  CHECK_MESSAGE(raw_store(path).get("last_batch") == last_batch, "nothing was written meanwhile");
}

/// The files of a journal as a crash leaves them, its last one made ahead and half full.
struct crashed_in_a_file_made_ahead {
  temporary_folder folder;
  std::string path = folder / "journal";
  std::string copy = folder / "crashed";
  position appended = 0;
  std::filesystem::path last_file;
  std::size_t used = 0;

  crashed_in_a_file_made_ahead() {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    const auto append_one = [&] { append(*journal, entry(owner, id_of(0, ++appended), 0)); };
    const auto read_last = [&] {
      last_file = files_in(path + "/log").back();
      std::ifstream file(last_file, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    std::string bytes;
    do {
      append_one();
      bytes = read_last();
      used = bytes.find_last_not_of('\0') + 1;
    } while (bytes.size() < small_tail_bytes || used < small_tail_bytes / 2 || used > bytes.size() - 1000);
    // Tables come and go meanwhile.
    std::error_code gone;
    do {
      std::filesystem::remove_all(copy);
      std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive, gone);
    } while (gone == std::errc::no_such_file_or_directory);
    REQUIRE_FALSE(gone);
    last_file = std::filesystem::path(copy) / "log" / last_file.filename();
  }

  std::size_t found() const { return read_shard(*opened_for_reading(copy), 0, 1, 100'000).size(); }
  void flip(std::size_t at, int bit = 0) const {
    std::fstream file(last_file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char flipped = static_cast<char>(file.get() ^ (1 << bit));
    file.seekp(static_cast<std::streamoff>(at));
    file.put(flipped);
  }
};

TEST_CASE("zeros behind the last batch are space that was made ahead, and anything else there is torn") {
  crashed_in_a_file_made_ahead crashed;
  CHECK(crashed.found() == crashed.appended);
  SUBCASE("as it is") {}
  SUBCASE("a bit of what was not written yet") {
    crashed.flip(crashed.used + 600);
  }
  CHECK(crashed.found() == crashed.appended);
  const auto journal = opened(crashed.copy);
  const auto owner = claim(*journal, 0);
  CHECK(owner.last_position == crashed.appended);
  CHECK((append(*journal, entry(owner, id_of(0, crashed.appended + 1), 0)) ==
         appended_at(crashed.appended + 1)));
}

TEST_CASE("a batch that was half written when it was looked at is torn, wherever it stops") {
  crashed_in_a_file_made_ahead crashed;
  std::ifstream file(crashed.last_file, std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(file), {});
  std::size_t missing = 1;
  for (;; ++missing) {
    CAPTURE(missing);
    const auto end = crashed.used - missing;
    std::ofstream(crashed.last_file, std::ios::binary)
        << whole.substr(0, end) << std::string(whole.size() - end, '\0');
    const auto reader = rocksdb_journal::open_read_only({.path = crashed.copy});
    REQUIRE_MESSAGE(reader, reader.error().message);
    const auto found = read_shard(**reader, 0, 1, 100'000).size();
    if (found == crashed.appended - 2) break;
    REQUIRE(found == crashed.appended - 1);
  }
  CHECK_MESSAGE(missing > 50, "a whole batch was cut byte by byte");
}

TEST_CASE("a flipped bit in a file that was made ahead is found") {
  crashed_in_a_file_made_ahead crashed;
  for (std::size_t at = 0; at < crashed.used; at += 97) {
    CAPTURE(at);
    crashed.flip(at);
    CHECK_FALSE(rocksdb_journal::open_read_only({.path = crashed.copy}));
    crashed.flip(at);
  }
  // The last batch, which might be taken for one that was not written to its end.
  for (auto at = crashed.used - 80; at < crashed.used; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(at);
      CAPTURE(bit);
      crashed.flip(at, bit);
      CHECK_FALSE(rocksdb_journal::open_read_only({.path = crashed.copy}));
      crashed.flip(at, bit);
    }
  }
  CHECK(crashed.found() == crashed.appended);
}

TEST_CASE("a log that lacks a batch is refused") {
  temporary_folder folder;
  const auto path = folder / "journal";
  {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    append(*journal, entry(owner, id_of(0, 1), 0));
    std::filesystem::copy(path, path + "-crashed", std::filesystem::copy_options::recursive);
  }
  // Its first two batches are there, but for the tables those two are yet to come.
  std::filesystem::remove_all(path + "-crashed/log");
  std::filesystem::create_directory(path + "-crashed/log");
  {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    append(*journal, entry(owner, id_of(0, 2), 0));
    for (const auto& file : files_in(path + "/log")) {
      std::filesystem::copy(file, std::filesystem::path(path + "-crashed/log") / file.filename());
    }
  }
  for (const auto& result : {rocksdb_journal::open({.path = path + "-crashed"}),
                             rocksdb_journal::open_read_only({.path = path + "-crashed"})}) {
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find("lacks batch 1") != std::string::npos);
  }
}

/// A store as an older program would have left it, with the same in a journal in memory.
struct older_store {
  static constexpr std::uint64_t entities = 1000;
  temporary_folder folder;
  std::string path = folder / "journal";
  memory_journal model;

  older_store() {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    claim(model, 0);
    std::vector<journal_entry> entries;
    for (std::uint64_t n = 1; n <= entities; ++n) {
      entries.push_back(entry(owner, id_of(0, n), 0));
      entries.back().unfinished = n % 2 == 0;
    }
    append(*journal, entries);
    append(model, entries);
  }

  void make(const std::string& format) {
    std::filesystem::remove_all(path + "/log");
    raw_store store(path);
    store.put("format", format);
    store.remove("last_batch");
  }

  void check_taken_over() {
    check_same(*opened_for_reading(path), model, entities + 1);
    for (std::uint64_t times = 0; times < 2; ++times) {
      const auto journal = opened(path);
      const auto owner = claim(*journal, 0);
      claim(model, 0);
      const auto one = entry(owner, id_of(0, entities + 1), times);
      REQUIRE((append(*journal, one) == append(model, one)));
      check_same(*journal, model, entities + 1);
    }
    raw_store store(path);
    CHECK(store.get("format") == "3");
    CHECK(store.get("indexed").empty());
  }
};

TEST_CASE("a store of format version 1, which has every row, is taken over as it is") {
  older_store older;
  older.make("1");
  // Behind an entity, a position and a sequence: the number of events, without the bit of version 2.
  raw_store(older.path).change_all("records", [](std::string& value) {
    value.at(24) = static_cast<char>(value[24] & 0x7f);
  });
  older.check_taken_over();
}

TEST_CASE("a store of format version 2, which may lack rows of entities, gets them") {
  older_store older;
  older.make("2");
  // Shard 0 up to position 100, in one byte as the zeros of the others are.
  constexpr char indexed = 100;
  const auto behind = [](const std::string& key) {
    std::uint64_t id = 0;
    for (const char byte : key.substr(2)) id = id << 8 | static_cast<unsigned char>(byte);
    return sequence_of(id) > static_cast<std::uint64_t>(indexed);
  };
  {
    raw_store store(older.path);
    store.put("indexed", indexed + std::string(shard_count - 1, '\0'));
    store.remove_if("entities", behind);
    store.remove_if("unfinished", behind);
  }
  older.check_taken_over();
}

}  // namespace
