// How everything here reads RocksDB, and from how deep. Pure.
#pragma once

#include <rocksdb/options.h>

#include <cstdint>

namespace holdfast::storage {

/// How far a read may go: the memory only, which never blocks, or the disk as well.
enum class read_depth : std::uint8_t { memory, disk };

/// Without a look for deleted ranges: nobody deletes any. Where RocksDB 7.8 looks for them, an iterator that
/// comes to a table that it can't read leaves out that table and all that follow in its level, and tells of
/// no error (MergingIterator::SkipNextDeleted() forgets the status).
inline rocksdb::ReadOptions read_options(read_depth depth = read_depth::disk) {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  options.read_tier = depth == read_depth::memory ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  return options;
}

}  // namespace holdfast::storage
