// What is read from the RocksDB store for the journal port.
// Any thread; they block on the disk and throw store_failure.
#pragma once

#include <vector>

#include "storage/entity_index.hpp"
#include "storage/journal.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

std::vector<journal_record> read_entity(const rocksdb_store& store, const entity_index& index,
                                        entity_id entity);
std::vector<journal_record> read_shard(const rocksdb_store& store, shard_id shard, position from,
                                       std::uint32_t limit);

}  // namespace holdfast::storage
