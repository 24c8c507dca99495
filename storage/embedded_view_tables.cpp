#include "storage/embedded_view_tables.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "storage/rocksdb_log.hpp"
#include "storage/table_files.hpp"
#include "storage/view_format.hpp"

namespace holdfast::storage {
namespace {

constexpr std::size_t smallest_write_buffer_bytes = 256 * 1024;
constexpr std::size_t largest_write_buffer_bytes = 16 * 1024 * 1024;
/// Each family takes one at once, used or not. RocksDB's own choice would fill the buffers with them alone
/// where the cache is small.
constexpr std::size_t arena_blocks_of_buffer = 64;
/// Of the cache's bytes, this part holds rows that are not written out yet.
constexpr std::size_t write_buffers_part = 4;
/// With so many they are merged. A list of a user has to look into each, others into the one or two that
/// reach to where they read. Much later writing waits for that.
constexpr int most_ascending_runs = 12;
constexpr int most_scattered_runs = 8;
constexpr int slow_from_runs = 40;
constexpr int stop_from_runs = 80;
/// One merges, another one too where that is behind: it may be a large one.
constexpr int most_view_jobs = 3;
constexpr std::size_t view_table_bytes = 16 * 1024 * 1024;
constexpr std::size_t synced_bytes = 1024 * 1024;
/// Of each table that is merged.
constexpr std::size_t bytes_read_ahead = 256 * 1024;
constexpr std::size_t metadata_block_bytes = 4 * 1024;
constexpr double filter_bits_per_key = 10;
/// To one counter, in memory: a reader of it has to add them up.
constexpr std::size_t most_successive_additions = 16;

/// RocksDB would go on by itself behind some failures, on threads of its own. Here it is opened again
/// instead, which is right behind all of them.
class no_recovery final : public rocksdb::EventListener {
 public:
  explicit no_recovery(std::shared_ptr<std::atomic<bool>> merge_failed)
      : merge_failed_(std::move(merge_failed)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    spdlog::warn("view: {}", error->ToString());
    if (reason == rocksdb::BackgroundErrorReason::kCompaction && !error->IsNoSpace()) *merge_failed_ = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* by_itself) override {
    *by_itself = false;
  }

 private:
  const std::shared_ptr<std::atomic<bool>> merge_failed_;
};

/// Counters are added to without being read: most of them are not in memory.
class addition final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* before, const rocksdb::Slice& change,
             std::string* after, rocksdb::Logger*) const override {
    const bool whole = change.size() == sizeof(std::uint64_t) &&
                       (before == nullptr || before->size() == sizeof(std::uint64_t));
    if (!whole) return false;
    after->clear();
    put_u64(*after, get_u64(change.ToStringView()) + (before ? get_u64(before->ToStringView()) : 0));
    return true;
  }
  const char* Name() const override { return "addition"; }
};

rocksdb::DBOptions database_options(const std::shared_ptr<rocksdb::Cache>& cache,
                                    const std::shared_ptr<std::atomic<bool>>& merge_failed) {
  rocksdb::DBOptions options;
  options.env = table_environment();
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.atomic_flush = true;
  options.max_background_jobs = most_view_jobs;
  options.compaction_readahead_size = bytes_read_ahead;
  // A large merge is not to keep the journal's syncs waiting for all of it at once.
  options.bytes_per_sync = synced_bytes;
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(cache->GetCapacity() / write_buffers_part, cache);
  options.listeners.push_back(std::make_shared<no_recovery>(merge_failed));
  options.max_bgerror_resume_count = 0;
  options.info_log = make_silent_log();
  return options;
}

/// Index and filter blocks live in the cache too, in pieces, so that the cache's size bounds all.
rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions options;
  options.block_cache = cache;
  options.cache_index_and_filter_blocks = true;
  options.cache_index_and_filter_blocks_with_high_priority = true;
  options.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  options.metadata_block_size = metadata_block_bytes;
  // Pages are short, and the kernel reads ahead by itself: see table_files.
  options.max_auto_readahead_size = 0;
  return options;
}

/// For keys that nearly ascend: what is new has its place behind what there is, and is merged with little of
/// it.
rocksdb::ColumnFamilyOptions ascending(const rocksdb::BlockBasedTableOptions& table) {
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = std::clamp(table.block_cache->GetCapacity() / write_buffers_part / 2,
                                         smallest_write_buffer_bytes, largest_write_buffer_bytes);
  options.arena_block_size = options.write_buffer_size / arena_blocks_of_buffer;
  options.level_compaction_dynamic_level_bytes = true;
  options.level0_file_num_compaction_trigger = most_ascending_runs;
  options.level0_slowdown_writes_trigger = slow_from_runs;
  options.level0_stop_writes_trigger = stop_from_runs;
  options.target_file_size_base = view_table_bytes;
  // Half of the bytes on disk is not worth twice the work.
  options.compression = rocksdb::kNoCompression;
  options.check_flush_compaction_key_order = false;
  // A batch brings its keys in order: each is looked for from where the one before it went.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  return options;
}

/// For keys that come from everywhere: levels would have each part merged with most of what there is. Here
/// what is merged is of about one size, so that each row is merged a few times only.
rocksdb::ColumnFamilyOptions scattered(const rocksdb::BlockBasedTableOptions& table) {
  auto options = ascending(table);
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.level0_file_num_compaction_trigger = most_scattered_runs;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> families(const std::shared_ptr<rocksdb::Cache>& cache) {
  const auto table = table_options(cache);
  auto looked_up = table;
  looked_up.partition_filters = true;
  looked_up.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits_per_key));
  // A list asks the filters for its user: it has to look into those tables only that have rows of him.
  auto of_users = looked_up;
  of_users.whole_key_filtering = false;
  auto users = scattered(of_users);
  users.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(sizeof(std::uint64_t)));
  auto counters = scattered(looked_up);
  counters.merge_operator = std::make_shared<addition>();
  counters.max_successive_merges = most_successive_additions;
  return {{rocksdb::kDefaultColumnFamilyName, ascending(table)},
          {"rows", ascending(looked_up)},
          {"reservations", ascending(table)},
          {"receipts", ascending(table)},
          {"users", users},
          {"counters", counters}};
}

}  // namespace

embedded_view_tables::opened embedded_view_tables::open(const std::string& path,
                                                        const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DB* database = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto merge_failed = std::make_shared<std::atomic<bool>>(false);
  const auto status =
      rocksdb::DB::Open(database_options(cache, merge_failed), path, families(cache), &handles, &database);
  if (!status.ok()) return tl::unexpected(status);
  return std::unique_ptr<embedded_view_tables>(
      new embedded_view_tables(database, std::move(handles), std::move(merge_failed)));
}

rocksdb::Status embedded_view_tables::destroy(const std::string& path) {
  rocksdb::Options options;
  options.info_log = make_silent_log();
  return rocksdb::DestroyDB(path, options);
}

embedded_view_tables::~embedded_view_tables() {
  for (auto* handle : handles_) database_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
}

rocksdb::Status embedded_view_tables::write(rocksdb::WriteBatch& changes) const {
  rocksdb::WriteOptions without_log;
  without_log.disableWAL = true;
  return database_->Write(without_log, &changes);
}

}  // namespace holdfast::storage
