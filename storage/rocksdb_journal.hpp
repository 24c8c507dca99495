// The journal of one process, on disk: a commit log that is synced before any acknowledgement, and
// RocksDB's tables behind it.
//
// Threading: as the port says. One thread writes: it takes all calls that wait, judges them in
// order and commits them in one batch with one sync, so the more callers the cheaper each append.
// Two threads read, so that no read waits for a sync; one comes and goes to bring what was committed
// to the tables. Owns its threads, the folder and its lock.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "storage/journal.hpp"

namespace holdfast::storage {

struct rocksdb_journal_options {
  /// A folder of this journal's own. Made where it is absent or empty, together with its parents.
  std::string path;
  /// Memory for what is read from tables, their indexes and filters included.
  std::size_t block_cache_bytes = 32 * 1024 * 1024;
  /// What is committed goes to the tables in parts of this size; an opening after a crash reads two of
  /// them at most, and a batch. In memory they take about three times as much, and their way to the
  /// tables twice as much again.
  std::size_t largest_tail_bytes = 8 * 1024 * 1024;
};

enum class store_access : std::uint8_t;

class rocksdb_journal final : public journal {
 public:
  /// Fails where the folder is locked by another process, damaged, of another format version or
  /// not a journal at all.
  static journal_result<std::unique_ptr<rocksdb_journal>> open(const rocksdb_journal_options& options);

  /// A journal as it is at this moment, for reading only: no lock, nothing written, whether or not
  /// another process has it open. All reads are of this one moment; claims and appends answer an
  /// error. Keeps a descriptor for each table, 16 MiB each. Fails where there is no journal, or
  /// where its files kept changing while they were opened.
  static journal_result<std::unique_ptr<rocksdb_journal>> open_read_only(
      const rocksdb_journal_options& options);
  ~rocksdb_journal() override;
  rocksdb_journal(const rocksdb_journal&) = delete;
  rocksdb_journal& operator=(const rocksdb_journal&) = delete;

  std::string store_id() const override;
  void claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) override;
  void append(std::vector<journal_entry> entries,
              journal_callback<std::vector<append_verdict>> done) override;
  void read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) override;
  void read_shard(shard_id shard, position from, std::uint32_t limit,
                  journal_callback<std::vector<journal_record>> done) override;
  void list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                       journal_callback<std::vector<entity_id>> done) override;
  void list_keys(shard_id shard, std::string after, std::uint32_t limit,
                 journal_callback<std::vector<kept_key>> done) override;
  void read_ends(journal_callback<std::vector<position>> done) override;

 private:
  class threads;
  static journal_result<std::unique_ptr<rocksdb_journal>> open_as(const rocksdb_journal_options& options,
                                                                  store_access access);
  explicit rocksdb_journal(std::unique_ptr<threads> running);
  std::unique_ptr<threads> threads_;
};

}  // namespace holdfast::storage
