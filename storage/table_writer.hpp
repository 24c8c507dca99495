// Brings the older part of a journal's tail to the tables, in the background, and removes what of the
// commit log is no longer needed then.
// Threading: belongs to the writer's thread; the work is done on a thread of its own.
#pragma once

#include <cstdint>
#include <future>

#include "storage/commit_log.hpp"
#include "storage/log_tail.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

/// Durable in the tables when it returns. Throws store_failure.
void write_tables(rocksdb_store& tables, const tail_part& part);

class table_writer {
 public:
  table_writer(rocksdb_store& tables, commit_log& log, log_tail& tail)
      : tables_(tables), log_(log), tail_(tail) {}

  // All throw store_failure, also where what was begun has failed meanwhile.

  /// Takes the younger part of the tail; the commit log goes on in a new file with this batch. Waits
  /// where the part before is still under way.
  void begin(std::uint64_t next_batch);
  void check();
  void finish();

 private:
  rocksdb_store& tables_;
  commit_log& log_;
  log_tail& tail_;
  std::future<void> under_way_;
};

}  // namespace holdfast::storage
