// A journal on disk, without its threads: the commit log, which makes a batch durable; the tail, where
// it is found from then on; the tables, where it goes in the background, many batches together.
//
// Threading: one thread, the writer, claims, appends and commits; the reads may come from any thread.
// All throw store_failure, after which the writer must not go on. Owns the folder and its lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/commit_log.hpp"
#include "storage/group_commit.hpp"
#include "storage/journal.hpp"
#include "storage/log_tail.hpp"
#include "storage/rocksdb_journal.hpp"
#include "storage/rocksdb_store.hpp"
#include "storage/table_writer.hpp"

namespace holdfast::storage {

class journal_store {
 public:
  /// Whatever the commit log has and the tables lack is in the owner's tables afterwards, in a reader's tail.
  journal_store(const rocksdb_journal_options& options, store_access access);
  /// The owner brings everything to the tables, so that the next opening has nothing to read.
  ~journal_store();
  journal_store(const journal_store&) = delete;
  journal_store& operator=(const journal_store&) = delete;

  const std::string& id() const { return tables_.id(); }

  // --- For the writer: see group_commit ---

  shard_claim claim(shard_id shard);
  append_verdict append(const journal_entry& entry);
  void commit();

  // --- For readers: see journal ---

  /// From memory: empty as well where that does not have all of them.
  std::vector<journal_record> read_entity(entity_id entity, read_depth depth) const;
  std::vector<journal_record> read_shard(shard_id shard, position from, std::uint32_t limit) const;
  std::vector<entity_id> list_unfinished(shard_id shard, entity_id after, std::uint32_t limit) const;
  std::vector<kept_key> list_keys(shard_id shard, const std::string& after, std::uint32_t limit) const;
  std::vector<position> read_ends() const;
  std::vector<std::string> damaged_tables(const tables_read& told) const;

 private:
  /// What only the owner has.
  struct ownership {
    ownership(rocksdb_store& tables, log_tail& tail, std::uint64_t next_batch, std::size_t log_bytes);
    commit_log log;
    group_commit group;
    table_writer writer;
  };

  void take_over_older_format();
  std::uint64_t fill_tail();
  void write_tail();
  void find_ends();
  void move_ends();
  group_commit& owned();

  const std::size_t largest_tail_bytes_;
  /// A reader reads the log before the tables: what is no longer in it was in them by then.
  logged_batches logged_;
  rocksdb_store tables_;
  log_tail tail_;
  std::optional<ownership> owner_;
  /// What is durable of each shard. Kept, since looking for it in the tables takes a search for each.
  std::array<std::atomic<position>, shard_count> ends_{};
  /// What the batch under way has appended.
  std::vector<std::pair<shard_id, position>> appended_;
  bool failed_ = false;
};

}  // namespace holdfast::storage
