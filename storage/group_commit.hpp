// Judges the calls that are committed together and gathers what they write in one batch, so that
// one sync serves all of them.
// Belongs to one thread, the writer's. After a store_failure was thrown it must not be used again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "storage/append_rules.hpp"
#include "storage/commit_log.hpp"
#include "storage/journal.hpp"
#include "storage/journal_batch.hpp"
#include "storage/log_tail.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

class group_commit {
 public:
  group_commit(const rocksdb_store& tables, commit_log& log, log_tail& tail, std::uint64_t next_batch)
      : tables_(tables), log_(log), tail_(tail), next_batch_(next_batch) {}

  // They count as done for what follows, but are durable only when commit() has returned.
  shard_claim claim(shard_id shard);
  append_verdict append(const journal_entry& entry);

  /// Writes and syncs what was gathered; nothing where all was refused.
  void commit();
  std::uint64_t next_batch() const { return next_batch_; }

  // For judge().
  epoch epoch_of(shard_id shard) { return at(shard).row.owner_epoch; }
  std::uint64_t counter_of(shard_id shard) { return at(shard).row.counter; }
  std::optional<key_holder> holder_of(shard_id shard, const std::string& key) const;
  std::uint64_t last_sequence_of(entity_id entity) { return last_of(entity).last_sequence; }

 private:
  struct shard_state {
    layout::shard_row row;
    position last_position = 0;
    entity_id last_entity = 0;
  };
  shard_state& at(shard_id shard);
  shard_state load(shard_id shard) const;
  /// Empty for one without records.
  layout::entity_row last_of(entity_id entity);
  void put_record(const journal_entry& entry, const layout::entity_row& last, position at);
  void put_shard(shard_id shard);
  void put_key(const journal_entry& entry);

  const rocksdb_store& tables_;
  commit_log& log_;
  log_tail& tail_;
  std::uint64_t next_batch_;
  batch_builder batch_;
  /// What this batch has, which tail and tables do not have yet.
  std::unordered_map<entity_id, layout::entity_row> entities_;
  std::map<std::string, key_holder> claimed_;
  std::array<std::optional<shard_state>, shard_count> shards_;
};

}  // namespace holdfast::storage
