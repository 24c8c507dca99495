// Calls of a journal that wait for their answers, entries to append, and a look past the port into a
// RocksDB store. Used by one thread.
#pragma once

#include <doctest/doctest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/journal.hpp"

namespace holdfast::testing {

inline constexpr std::chrono::seconds answer_within{30};

// --- Calls that wait for their answer. ---

template <class Answer, class Call>
storage::journal_result<Answer> answer_to(Call call) {
  auto promise = std::make_shared<std::promise<storage::journal_result<Answer>>>();
  auto future = promise->get_future();
  call([promise](storage::journal_result<Answer> result) { promise->set_value(std::move(result)); });
  REQUIRE(future.wait_for(answer_within) == std::future_status::ready);
  return future.get();
}

template <class Answer, class Call>
Answer good_answer_to(Call call) {
  auto result = answer_to<Answer>(std::move(call));
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

inline std::vector<storage::append_verdict> append(storage::journal& to,
                                                   std::vector<storage::journal_entry> entries) {
  return good_answer_to<std::vector<storage::append_verdict>>([&](auto done) { to.append(entries, done); });
}
inline storage::append_verdict append(storage::journal& to, storage::journal_entry entry) {
  return append(to, std::vector{std::move(entry)}).at(0);
}
inline storage::shard_claim claim(storage::journal& of, storage::shard_id shard) {
  return good_answer_to<std::vector<storage::shard_claim>>([&](auto done) { of.claim({shard}, done); }).at(0);
}
inline std::vector<storage::journal_record> read_entity(storage::journal& from, storage::entity_id entity) {
  return good_answer_to<std::vector<storage::journal_record>>(
      [&](auto done) { from.read_entity(entity, done); });
}
inline std::vector<storage::journal_record> read_shard(storage::journal& in, storage::shard_id shard,
                                                       storage::position from, std::uint32_t limit) {
  return good_answer_to<std::vector<storage::journal_record>>(
      [&](auto done) { in.read_shard(shard, from, limit, done); });
}
inline std::vector<storage::entity_id> list_unfinished(storage::journal& of, storage::shard_id shard,
                                                       storage::entity_id after, std::uint32_t limit) {
  return good_answer_to<std::vector<storage::entity_id>>(
      [&](auto done) { of.list_unfinished(shard, after, limit, done); });
}
inline std::vector<storage::kept_key> list_keys(storage::journal& of, storage::shard_id shard,
                                                const std::string& after, std::uint32_t limit) {
  return good_answer_to<std::vector<storage::kept_key>>(
      [&](auto done) { of.list_keys(shard, after, limit, done); });
}
inline std::vector<storage::position> read_ends(storage::journal& of) {
  return good_answer_to<std::vector<storage::position>>([&](auto done) { of.read_ends(done); });
}

// --- Entries. ---

inline storage::journal_entry entry(const storage::shard_claim& owner, storage::entity_id entity,
                                    std::uint64_t expected_sequence) {
  return {.shard = owner.shard,
          .owner_epoch = owner.owner_epoch,
          .entity = entity,
          .expected_sequence = expected_sequence,
          .event_count = 1,
          .record = "record " + std::to_string(entity) + "/" + std::to_string(expected_sequence + 1),
          .unfinished = true,
          .key = {},
          .counter = {}};
}
inline storage::journal_entry finished(storage::journal_entry entry) {
  entry.unfinished = false;
  return entry;
}
inline storage::journal_entry with_key(storage::journal_entry entry, std::string key,
                                       std::uint64_t fingerprint) {
  entry.key = storage::idempotency_claim{std::move(key), fingerprint};
  return entry;
}
inline storage::journal_entry with_counter(storage::journal_entry entry, std::uint64_t counter) {
  entry.counter = counter;
  return entry;
}

inline storage::append_verdict appended_at(storage::position at) {
  return {storage::append_status::appended, at, 0, 0};
}
inline storage::append_verdict refused(storage::append_status why) {
  return {why, 0, 0, 0};
}
inline storage::append_verdict taken(storage::entity_id owner, std::uint64_t fingerprint) {
  return {storage::append_status::key_taken, 0, owner, fingerprint};
}

// --- Past the port. ---

/// A RocksDB store that no journal has open, as bare keys and values.
class raw_store {
 public:
  explicit raw_store(const std::string& folder) {
    const rocksdb::Options options;
    std::vector<std::string> names;
    REQUIRE(rocksdb::DB::ListColumnFamilies(options, folder, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, options);
    names_ = names;
    rocksdb::DB* opened = nullptr;
    REQUIRE(rocksdb::DB::Open(options, folder, families, &handles_, &opened).ok());
    database_.reset(opened);
  }
  ~raw_store() {
    for (auto* handle : handles_) database_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  raw_store(const raw_store&) = delete;
  raw_store& operator=(const raw_store&) = delete;

  // In the default column family.
  void put(const std::string& key, const std::string& value) {
    REQUIRE(database_->Put(rocksdb::WriteOptions(), key, value).ok());
  }
  void remove(const std::string& key) { REQUIRE(database_->Delete(rocksdb::WriteOptions(), key).ok()); }
  /// `change(value)` of every row of a column family.
  template <class Change>
  void change_all(const std::string& family, Change change) {
    for_each_row(family, [&](auto* in, const std::string& key, std::string value) {
      change(value);
      REQUIRE(database_->Put(rocksdb::WriteOptions(), in, key, value).ok());
    });
  }
  /// Every row of a column family for whose key `which` is true.
  template <class Which>
  void remove_if(const std::string& family, Which which) {
    for_each_row(family, [&](auto* in, const std::string& key, const std::string&) {
      if (which(key)) REQUIRE(database_->Delete(rocksdb::WriteOptions(), in, key).ok());
    });
  }
  /// Empty where there is none.
  std::string get(const std::string& key) {
    std::string value;
    database_->Get(rocksdb::ReadOptions(), key, &value).PermitUncheckedError();
    return value;
  }

 private:
  template <class Do>
  void for_each_row(const std::string& family, Do act) {
    const auto at =
        static_cast<std::size_t>(std::find(names_.begin(), names_.end(), family) - names_.begin());
    auto* in = handles_.at(at);
    const std::unique_ptr<rocksdb::Iterator> rows(database_->NewIterator(rocksdb::ReadOptions(), in));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
      act(in, rows->key().ToString(), rows->value().ToString());
    }
  }

  std::vector<std::string> names_;
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace holdfast::testing
