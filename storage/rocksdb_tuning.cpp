#include "storage/rocksdb_tuning.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "storage/rocksdb_log.hpp"
#include "storage/shard.hpp"
#include "storage/table_files.hpp"

namespace holdfast::storage {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

constexpr std::size_t largest_manifest_bytes = 4 * mib;
constexpr int most_open_files = 512;
constexpr int most_background_jobs = 2;
/// Small tables have small indexes and filters, and the few parts of the cache are each large
/// enough to hold many of them: loading a whole filter for each look-up would cost milliseconds.
constexpr std::size_t table_bytes = 16 * mib;
constexpr int block_cache_shard_bits = 2;
/// Bits of a bloom filter for each key: one look-up in a hundred goes to a table in vain.
constexpr double bloom_bits = 10;

/// A row is looked for by going through those behind the nearest mark: four, not RocksDB's sixteen, with
/// which that was a fifth of what reading a reservation takes.
constexpr int rows_between_marks = 4;

/// What is written at once fits into it: a buffer that fills would be written to tables by itself.
/// Memory is taken as it is used.
constexpr std::size_t buffer_bytes = 64 * mib;
constexpr std::size_t arena_bytes = 256 * kib;

rocksdb::ColumnFamilyOptions tuned(rocksdb::BlockBasedTableOptions table) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = buffer_bytes;
  options.arena_block_size = arena_bytes;
  options.target_file_size_base = table_bytes;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  // A shard's keys mostly ascend: each is looked for from where the one before it went.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(sizeof(shard_id)));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

rocksdb::DBOptions database_options(bool create) {
  rocksdb::DBOptions options;
  options.env = table_environment();
  options.create_if_missing = create;
  options.create_missing_column_families = create;
  options.error_if_exists = create;
  // Nothing is written to RocksDB's own log, so all families have to be at the same point whenever one
  // is written to tables. A log is there in the older formats. At most the last record of the last one
  // is torn, and nobody was told of it: that is to be accepted. Damage before the end would lose what
  // was acknowledged: that is to be refused, which this mode does, whereas kPointInTimeRecovery would
  // drop everything behind it in silence and kAbsoluteConsistency would refuse the torn end too. This
  // mode refuses a torn end whose missing pages read as zeros; log_damage.hpp has it cut off before.
  options.atomic_flush = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.max_manifest_file_size = largest_manifest_bytes;
  options.max_open_files = most_open_files;
  options.max_background_jobs = most_background_jobs;
  options.skip_stats_update_on_db_open = true;
  options.info_log = make_silent_log();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(std::size_t block_cache_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.block_cache = rocksdb::NewLRUCache(block_cache_bytes, block_cache_shard_bits);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.block_restart_interval = rows_between_marks;
  auto looked_up = table;
  looked_up.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits));
  auto records = tuned(looked_up);
  records.bottommost_compression = rocksdb::kZSTD;
  // Only what there is is looked for: the last level, which nearly all are in, is asked at the end and needs
  // no filter.
  records.optimize_filters_for_hits = true;
  return {
      {rocksdb::kDefaultColumnFamilyName, tuned(table)},
      {"records", records},
      {"entities", tuned(looked_up)},
      {"keys", tuned(looked_up)},
      {"unfinished", tuned(table)},
  };
}

}  // namespace holdfast::storage
