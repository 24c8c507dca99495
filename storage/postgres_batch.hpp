// Claims and appends that are judged and written in one transaction, of two round trips: the first locks the
// shards' rows and reads what the entries are judged by, the second writes and commits. Whoever else writes
// to one of these shards waits for the locks from the first to the commit, so that what was read still holds
// when it is written: an owner whose epoch is stale is found out by the row itself.
//
// An answer to the commit may get lost. The transaction held its locks then, so whoever locks the same
// shards afterwards waits for its end, and finds its records or not, told from all others by the batch's
// number. commit() does this before it tries again; it must have the same batch until it is done.
//
// Belongs to one thread, the writer's. Throws postgres_failure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/append_rules.hpp"
#include "storage/journal.hpp"
#include "storage/postgres_connection.hpp"

namespace holdfast::storage {

class postgres_batch {
 public:
  postgres_batch();

  // What the batch is going to ask about; all of it before commit(). Entries must outlive the batch.
  void need(shard_id shard) { shards_needed_.insert(shard); }
  void need(const journal_entry& entry);

  /// Durable when it returns. Calls `judge_all`, which claims and appends in order, as often as it takes:
  /// the last answers count. After a failure, call again with another connection.
  void commit(postgres_connection& connection, const std::function<void()>& judge_all);

  // For `judge_all`. They count as done for what follows.
  shard_claim claim(shard_id shard);
  append_verdict append(const journal_entry& entry);

  // For judge().
  epoch epoch_of(shard_id shard) const { return shards_.at(shard).owner_epoch; }
  std::uint64_t counter_of(shard_id shard) const { return shards_.at(shard).counter; }
  std::optional<key_holder> holder_of(shard_id shard, std::string_view key) const;
  std::uint64_t last_sequence_of(entity_id entity) const;

 private:
  using key_name = std::pair<shard_id, std::string_view>;
  struct shard_state {
    epoch owner_epoch = 0;
    std::uint64_t counter = 0;
    position last_position = 0;
    entity_id last_entity = 0;
  };
  struct entity_state {
    std::uint64_t last_sequence = 0;
    /// As of before the batch: one that has no record has no row in `unfinished` either.
    bool is_new = true;
    bool unfinished = false;
  };
  struct taken_record {
    const journal_entry* entry;
    position at;
  };

  void forget();
  void lock_and_read(postgres_connection& connection);
  void read_shards(const postgres_rows& rows);
  bool has_landed(postgres_connection& connection) const;
  void write(postgres_connection& connection);
  postgres_request lock_request() const;
  postgres_request shards_request() const;
  postgres_request records_request() const;
  void add_key_request(std::vector<postgres_request>& requests) const;
  void add_unfinished_requests(std::vector<postgres_request>& requests) const;

  /// In each of its records. Random, so that no other batch has it.
  const std::uint64_t number_;
  std::set<shard_id> shards_needed_;
  std::set<entity_id> entities_needed_;
  std::set<key_name> keys_needed_;

  std::map<shard_id, shard_state> shards_;
  std::unordered_map<entity_id, entity_state> entities_;
  std::map<key_name, key_holder> holders_;

  std::set<shard_id> changed_;
  std::vector<taken_record> records_;
  /// In `holders_`, but not in the database yet.
  std::vector<key_name> new_keys_;
  bool in_doubt_ = false;
};

}  // namespace holdfast::storage
