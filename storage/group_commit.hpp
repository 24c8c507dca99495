// Judges the calls that are committed together and gathers what they write in one batch, so that
// one sync serves all of them.
// Belongs to one thread, the writer's. After a store_failure was thrown it must not be used again.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <rocksdb/write_batch.h>

#include "storage/append_rules.hpp"
#include "storage/journal.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

class group_commit {
 public:
  explicit group_commit(rocksdb_store& store) : store_(store) {}

  // They count as done for what follows, but are durable only when commit() has returned.
  shard_claim claim(shard_id shard);
  append_verdict append(const journal_entry& entry);

  /// Writes and syncs what was gathered; nothing where all was refused.
  void commit();

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
  using entity_rows = std::unordered_map<entity_id, layout::entity_row>;

  shard_state& at(shard_id shard);
  shard_state load(shard_id shard) const;
  layout::entity_row& last_of(entity_id entity);
  layout::entity_row load_entity(entity_id entity);
  void put_record(const journal_entry& entry, const layout::entity_row& last, position at);
  void put_entity(const journal_entry& entry, layout::entity_row& last, position at);
  void put_shard(shard_id shard);
  void put_key(const journal_entry& entry);

  rocksdb_store& store_;
  rocksdb::WriteBatch batch_;
  /// Keys claimed in this batch, which the store does not have yet.
  std::map<std::string, key_holder> claimed_;
  std::array<std::optional<shard_state>, shard_count> shards_;
  /// Entities of late, in two generations: when the younger one is full the older one goes.
  entity_rows younger_;
  entity_rows older_;
};

}  // namespace holdfast::storage
