// The index of entities in a RocksDB journal, whose rows are written now and then: what it tells is the
// same whether they are written or not, after a restart, after a crash, and beside its owner.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/entity_index.hpp"
#include "storage/memory_journal.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;

namespace {

constexpr shard_id shards = 3;

std::unique_ptr<journal> opened(const std::string& path) {
  auto result = rocksdb_journal::open({.path = path});
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

std::unique_ptr<journal> opened_for_reading(const std::string& path) {
  auto result = rocksdb_journal::open_read_only({.path = path});
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

/// Every entity's records, and what is listed as unfinished, page by page.
void check_same(journal& one, journal& other, std::uint64_t entities) {
  for (shard_id shard = 0; shard < shards; ++shard) {
    for (std::uint64_t n = 1; n <= entities; ++n) {
      const auto id = id_of(shard, n);
      REQUIRE((read_entity(one, id) == read_entity(other, id)));
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

TEST_CASE("whatever is written or not, the index tells of every entity") {
  constexpr std::uint64_t entities = 500;
  static_assert(shards * entities > most_rows_behind);
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

TEST_CASE("rows are written as soon as so many are behind, and not before") {
  temporary_folder folder;
  const auto path = folder / "journal";
  const auto fill = [&](std::size_t count) {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    std::vector<journal_entry> entries;
    for (std::size_t n = 1; n <= count; ++n) {
      entries.push_back(entry(owner, id_of(0, owner.last_position + n), 0));
    }
    append(*journal, entries);
  };
  fill(most_rows_behind - 1);
  CHECK(raw_store(path).get("indexed") == std::string());
  fill(1);
  CHECK(raw_store(path).get("indexed").size() >= shard_count);
}

TEST_CASE("a store of format version 1, which has every row, is taken over as it is") {
  temporary_folder folder;
  const auto path = folder / "journal";
  memory_journal model;
  {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    claim(model, 0);
    std::vector<journal_entry> entries;
    for (std::size_t n = 1; n <= most_rows_behind; ++n) {
      entries.push_back(entry(owner, id_of(0, n), 0));
      entries.back().unfinished = n % 2 == 0;
    }
    append(*journal, entries);
    append(model, entries);
  }
  {
    raw_store store(path);
    store.put("format", "1");
    store.remove("indexed");
    // Behind an entity, a position and a sequence: the number of events, without the bit of version 2.
    store.change_all("records",
                     [](std::string& value) { value.at(24) = static_cast<char>(value[24] & 0x7f); });
  }
  check_same(*opened_for_reading(path), model, most_rows_behind + 1);
  for (int times = 0; times < 2; ++times) {
    const auto journal = opened(path);
    const auto owner = claim(*journal, 0);
    claim(model, 0);
    const auto one = entry(owner, id_of(0, most_rows_behind + 1), static_cast<std::uint64_t>(times));
    REQUIRE((append(*journal, one) == append(model, one)));
    check_same(*journal, model, most_rows_behind + 1);
  }
  CHECK(raw_store(path).get("format") == "2");
}

}  // namespace
