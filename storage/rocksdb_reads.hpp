// What is read from the journal's tail and its tables for the journal port.
// Any thread; they block on the disk, but for what is read from memory, and throw store_failure.
#pragma once

#include <vector>

#include "storage/journal.hpp"
#include "storage/log_tail.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

// Each looks into the tail first: what leaves it is in the tables by then.

/// From memory: empty as well where that does not have all of them.
std::vector<journal_record> read_entity(const rocksdb_store& tables, const log_tail& tail, entity_id entity,
                                        read_depth depth);
std::vector<journal_record> read_shard(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                       position from, std::uint32_t limit);
std::vector<entity_id> list_unfinished(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                       entity_id after, std::uint32_t limit);
std::vector<kept_key> list_keys(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                const std::string& after, std::uint32_t limit);

}  // namespace holdfast::storage
