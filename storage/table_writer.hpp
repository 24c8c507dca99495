// Brings the older part of a journal's tail to the tables, in the background, and removes what of the
// commit log is no longer needed then.
// Threading: belongs to the writer's thread; the work is done on a thread of its own.
#pragma once

#include <cstddef>
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
  /// Files of the log are made ahead as large as this.
  table_writer(rocksdb_store& tables, commit_log& log, log_tail& tail, std::size_t log_bytes)
      : tables_(tables), log_(log), tail_(tail), log_bytes_(log_bytes) {}

  // All throw store_failure, also where what was begun has failed meanwhile.

  /// Takes the younger part of the tail; the commit log goes on in a new file with this batch. Waits
  /// where the part before is still under way.
  void begin(std::uint64_t next_batch);
  void check();
  void finish();
  /// The same, and all that is left goes to the tables. The log is empty when it returns.
  void end(std::uint64_t next_batch);

 private:
  enum class then : std::uint8_t { make_ahead, nothing };
  void begin(std::uint64_t next_batch, then what);
  void begin_file(std::uint64_t next_batch);

  rocksdb_store& tables_;
  commit_log& log_;
  log_tail& tail_;
  const std::size_t log_bytes_;
  std::future<void> under_way_;
};

}  // namespace holdfast::storage
