// The end of a journal that is durable in its commit log and not in its tables yet, in memory, so that
// it is found until it is there. It has two parts: the younger one grows, the older one, once it was
// handed over, is written to the tables and then forgotten.
//
// Threading: tail_part is guarded by its owner. log_tail is thread-safe; one thread, the writer, adds.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/journal.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_tuning.hpp"

namespace holdfast::storage {

/// Some batches in a row, and where in them each thing is.
class tail_part {
 public:
  struct entity {
    layout::entity_row row;
    /// The part has its first record: no table knows it.
    bool is_new = false;
  };
  struct shard {
    /// The position of the first record; those behind it follow without a gap.
    position first = 0;
    /// As rows of the tables.
    std::vector<std::string_view> records;
    std::unordered_map<entity_id, entity> entities;
    /// As a row of the tables; empty where it did not change.
    std::string_view row;

    std::string_view record(position at) const;
  };

  tail_part() = default;
  tail_part(const tail_part&) = delete;
  tail_part& operator=(const tail_part&) = delete;

  /// What is wrong with the batch, if anything.
  std::optional<std::string> add(std::string batch);
  /// An entity whose record is in the tables, and whose row is not.
  void add_entity(entity_id id, const layout::entity_row& row);

  bool empty() const { return last_batch_ == 0; }
  std::uint64_t last_batch() const { return last_batch_; }
  std::size_t bytes() const { return bytes_; }
  const shard& of(shard_id id) const { return shards_[id]; }
  const entity* find(entity_id id) const;
  /// By the keys of their rows.
  const std::unordered_map<std::string_view, std::string_view>& keys() const { return keys_; }

 private:
  bool add_row(family in, std::string_view key, std::string_view value);
  bool add_record(shard_id to, position at, std::string_view value);

  /// Their addresses stay: all that is known points into them.
  std::deque<std::string> batches_;
  std::array<shard, shard_count> shards_;
  std::unordered_map<std::string_view, std::string_view> keys_;
  std::uint64_t last_batch_ = 0;
  std::size_t bytes_ = 0;
};

class log_tail {
 public:
  // --- For the writer ---

  std::optional<std::string> add(std::string batch);
  void add_entity(entity_id id, const layout::entity_row& row);
  /// Of the younger part.
  std::size_t bytes() const;
  std::optional<layout::entity_row> entity(entity_id id) const;
  /// The row of a shard, or of an idempotency key, where it is here.
  std::optional<std::string> row_of_shard(shard_id shard) const;
  std::optional<std::string> row_of_key(std::string_view key) const;
  /// 0 where none is here.
  position last_position(shard_id shard) const;
  entity_id largest_entity(shard_id shard) const;

  // --- For who writes the tables ---

  /// The younger part, which is the older one from now on. To be called again when that was forgotten.
  std::shared_ptr<const tail_part> hand_over();
  void forget_older();

  // --- For readers; what is not here was in the tables before it was looked for ---

  /// As a row of the tables.
  std::optional<std::string> record(shard_id shard, position at) const;
  /// Where the records of the shard begin that are here, or 0, and at most `limit` of them from a
  /// position on.
  std::pair<position, std::vector<std::string>> records(shard_id shard, position from,
                                                        std::uint32_t limit) const;
  /// The rows of the shard's idempotency keys that are here, behind the one with this key.
  std::map<std::string, std::string> keys(shard_id shard, std::string_view after) const;
  /// The entities of a shard that are here, greater than `after`: whether each is unfinished.
  std::unordered_map<entity_id, bool> unfinished(shard_id shard, entity_id after) const;

 private:
  /// The younger one first, then the older one if there is one.
  template <class Look>
  auto look(Look look) const;

  mutable std::mutex mutex_;
  std::unique_ptr<tail_part> younger_ = std::make_unique<tail_part>();
  std::shared_ptr<const tail_part> older_;
};

}  // namespace holdfast::storage
