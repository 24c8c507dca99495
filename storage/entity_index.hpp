// Which record of each entity is the last, and which entities are unfinished. Nearly every entity gets
// its few records within milliseconds, so the rows of this index are written once in a while, for many
// entities together; what is not written yet is kept in memory, and found again in the records when the
// journal is opened.
//
// Threading: one writer; readers may be any thread, and see what is durable. Bounded: what is not written
// yet by `most_rows_behind` and a batch. What can fail throws store_failure.
#pragma once

#include <array>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <rocksdb/write_batch.h>

#include "storage/journal.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

/// Entities whose rows are written together. An opening reads their records; a batch that writes these
/// many rows takes about a millisecond longer.
inline constexpr std::size_t most_rows_behind = 1024;

class entity_index {
 public:
  /// Reads the records whose entities' rows are not written yet.
  explicit entity_index(const rocksdb_store& store);

  // --- For the writer ---

  /// The greatest entity of a shard, as of what is durable; 0 where there is none.
  entity_id largest_of(shard_id shard) const;
  /// Empty for one without records. Includes what was put before, durable or not.
  const layout::entity_row& last_of(entity_id entity, entity_id largest_of_shard);
  /// The entity has a record more, as of the batch that is being gathered.
  void put(entity_id entity, const layout::entity_row& row);
  /// Adds the rows to the batch, if there are enough of them.
  void add_rows_if_due(rocksdb::WriteBatch& batch);
  /// The batch is durable: readers may see what was put.
  void batch_written();

  // --- For readers ---

  /// 0 where it has no record.
  position last_position_of(entity_id entity) const;
  /// At most `limit` unfinished ones that are greater than `after`, ascending.
  std::vector<entity_id> unfinished(shard_id shard, entity_id after, std::uint32_t limit) const;

 private:
  struct entry {
    layout::entity_row row;
    /// As the row of the store says: one that is unfinished is listed there.
    bool listed = false;
  };
  using entries = std::unordered_map<entity_id, entry>;

  void read_records_behind(shard_id shard, position indexed);
  entry load(entity_id entity, entity_id largest_of_shard);
  std::optional<layout::entity_row> stored_row(entity_id entity) const;

  const rocksdb_store& store_;
  /// Entities of late, in two generations: when the younger one is full the older one goes.
  entries younger_;
  entries older_;
  /// Put since the last batch.
  std::vector<entity_id> changed_;
  /// The last record of each shard, whether or not it is durable.
  layout::positions reached_{};
  /// Whether the batch that is being gathered has the rows of all that is behind.
  bool rows_in_batch_ = false;
  /// Guards `behind_` where it changes and where readers read it: the writer alone changes it.
  mutable std::mutex mutex_;
  /// Durable, but for their rows.
  entries behind_;
};

}  // namespace holdfast::storage
