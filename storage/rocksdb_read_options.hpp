// How everything here reads RocksDB. Pure.
#pragma once

#include <rocksdb/options.h>

namespace holdfast::storage {

/// Without a look for deleted ranges: nobody deletes any. Where RocksDB 7.8 looks for them, an iterator that
/// comes to a table that it can't read leaves out that table and all that follow in its level, and tells of
/// no error (MergingIterator::SkipNextDeleted() forgets the status).
inline rocksdb::ReadOptions read_options() {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  return options;
}

}  // namespace holdfast::storage
