// How the RocksDB store is laid out in column families, and how each of them is tuned.
// Everything that bounds its memory, its files and the time to open it stands in the source.
#pragma once

#include <cstddef>
#include <vector>

#include <rocksdb/db.h>

namespace holdfast::storage {

/// Column families, each tuned for its use. The default one comes first.
enum class family : std::size_t {
  /// Store id, format version, and a row for each shard that was ever claimed.
  meta,
  /// (shard, position) -> record
  records,
  /// (shard, entity) -> where its last record stands
  entities,
  /// (shard, idempotency key) -> who claimed it
  keys,
  /// (shard, entity) of what is unfinished
  unfinished,
};

rocksdb::DBOptions database_options(bool create);

/// Of all families, in their order; they share one block cache of this size.
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(std::size_t block_cache_bytes);

}  // namespace holdfast::storage
