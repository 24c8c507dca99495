// Files as RocksDB reads them here: whoever must not wait for the disk gets what the kernel has in memory, at
// once, and is told where it hasn't.
// Threading: anything may be called from any thread.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>

namespace holdfast::storage {

/// How far a read may go: the memory only, that of the page cache too, which waits for no data, or the disk
/// as well.
enum class read_depth : std::uint8_t { memory, disk };

/// While it lives, its thread reads tables to this depth only. What is deeper fails with the status
/// Incomplete.
class reading_to {
 public:
  explicit reading_to(read_depth depth);
  ~reading_to();
  reading_to(const reading_to&) = delete;
  reading_to& operator=(const reading_to&) = delete;

 private:
  const read_depth before_;
};

/// Of this process, for its options: the default but for how tables are read.
rocksdb::Env* table_environment();

}  // namespace holdfast::storage
