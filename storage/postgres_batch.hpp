// Claims and appends that are judged and written in one transaction.
//
// Where all shards are known from batches before, it is one round trip: the entries are judged by what is
// known, and the transaction fails where the epoch or the last position of a shard is another by now, so an
// owner whose epoch is stale is found out by the row itself. Then, and for claims, it is two: the first locks
// the shards' rows and reads what the entries are judged by, the second writes and commits.
//
// An answer to the commit may get lost. Whoever locks the same shards afterwards waits for the end of a
// transaction that has begun, and finds its records or not, told from all others by the batch's number. One
// of one round trip may not even have begun. commit() looks under the locks under which it writes the batch
// again, so that such a one finds positions that have moved on, and fails. It must have the same batch until
// it is done.
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
#include "storage/postgres_known.hpp"

namespace holdfast::storage {

class postgres_batch {
 public:
  /// Goes by what is known, and adds to it. Empty after a failure.
  explicit postgres_batch(postgres_known& known);

  // What the batch is going to ask about; all of it before commit(). Entries must outlive the batch.
  void need(shard_id shard);
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
  struct entity_state {
    std::uint64_t last_sequence = 0;
    /// As of before the batch: one that has no record has no row in `unfinished` either.
    std::optional<bool> listed = false;
    bool unfinished = false;
  };
  struct taken_record {
    const journal_entry* entry;
    position at;
  };

  void begin_anew();
  bool all_known(const postgres_known& known) const;
  bool commit_by_known(postgres_connection& connection, postgres_known& known,
                       const std::function<void()>& judge_all);
  bool commit_under_locks(postgres_connection& connection, postgres_known& known,
                          const std::function<void()>& judge_all);
  void look_up(postgres_connection& connection, const std::vector<entity_id>& entities);
  void add_look_up(std::vector<postgres_request>& requests, const std::vector<entity_id>& entities) const;
  void take_looked_up(const std::vector<postgres_rows>& answers, std::size_t first,
                      const std::vector<entity_id>& entities);
  void read_shards(const postgres_rows& rows);
  void write(postgres_connection& connection, std::vector<postgres_request> requests);
  void tell(postgres_known& known) const;
  postgres_request lock_request() const;
  postgres_request shards_request() const;
  postgres_request move_request() const;
  postgres_values changed_shards() const;
  postgres_request records_request() const;
  void add_key_request(std::vector<postgres_request>& requests) const;
  void add_unfinished_requests(std::vector<postgres_request>& requests) const;

  /// In each of its records. Random, so that no other batch has it.
  const std::uint64_t number_;
  postgres_known& known_;
  bool claims_ = false;
  std::set<shard_id> shards_needed_;
  std::set<entity_id> entities_needed_;
  std::set<key_name> keys_needed_;

  std::map<shard_id, postgres_shard> shards_;
  /// As of before the batch.
  std::map<shard_id, position> positions_;
  std::unordered_map<entity_id, entity_state> entities_;
  std::map<key_name, key_holder> holders_;

  std::set<shard_id> changed_;
  std::vector<taken_record> records_;
  /// In `holders_`, but not in the database yet.
  std::vector<key_name> new_keys_;
  bool in_doubt_ = false;
};

}  // namespace holdfast::storage
