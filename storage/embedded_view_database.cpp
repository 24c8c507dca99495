#include "storage/embedded_view_database.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unordered_map>

#include "storage/embedded_view_keys.hpp"
#include "storage/rocksdb_log.hpp"

namespace holdfast::storage {
namespace {

constexpr std::size_t smallest_write_buffer_bytes = 256 * 1024;
constexpr std::size_t largest_write_buffer_bytes = 16 * 1024 * 1024;
/// Of the cache's bytes, this part holds rows that are not written out yet.
constexpr std::size_t write_buffers_part = 4;
constexpr std::size_t metadata_block_bytes = 4 * 1024;
constexpr double filter_bits_per_key = 10;
/// One may be a kill of the process at that moment.
constexpr std::uintmax_t most_unended_openings = 2;

/// Index and filter blocks live in the cache too, in pieces, so that the cache's size bounds all.
rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions options;
  options.block_cache = cache;
  options.cache_index_and_filter_blocks = true;
  options.cache_index_and_filter_blocks_with_high_priority = true;
  options.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  options.partition_filters = true;
  options.metadata_block_size = metadata_block_bytes;
  options.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits_per_key));
  return options;
}

/// RocksDB would go on by itself behind some failures, on threads of its own. Here it is opened again
/// instead, which is right behind all of them.
class no_recovery final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    spdlog::warn("view: {}", error->ToString());
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* by_itself) override {
    *by_itself = false;
  }
};

rocksdb::Options database_options(const std::shared_ptr<rocksdb::Cache>& cache, std::size_t cache_bytes) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  const std::size_t write_buffers_bytes = cache_bytes / write_buffers_part;
  options.write_buffer_size =
      std::clamp(write_buffers_bytes / 2, smallest_write_buffer_bytes, largest_write_buffer_bytes);
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(write_buffers_bytes, cache);
  options.level_compaction_dynamic_level_bytes = true;
  // The keys of a kind mostly ascend: each is looked for from where the one before it went.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(embedded_keys::kind_prefix_bytes));
  options.listeners.push_back(std::make_shared<no_recovery>());
  options.max_bgerror_resume_count = 0;
  options.info_log = make_silent_log();
  return options;
}

/// For each entity its greatest version in the batch, the first of equal ones.
std::vector<const view_row*> latest_of(const std::vector<view_row>& rows) {
  std::vector<const view_row*> latest;
  latest.reserve(rows.size());
  for (const view_row& row : rows) {
    latest.push_back(&row);
  }
  std::stable_sort(latest.begin(), latest.end(), [](const view_row* left, const view_row* right) {
    return left->id != right->id ? left->id < right->id : left->version > right->version;
  });
  const auto end = std::unique(latest.begin(), latest.end(), [](const view_row* left, const view_row* right) {
    return left->id == right->id;
  });
  latest.erase(end, latest.end());
  return latest;
}

constexpr view_collection every_collection[] = {view_collection::reservations, view_collection::receipts,
                                                view_collection::of_user};

}  // namespace

struct embedded_view_database::state {
  std::uint32_t generation = 0;
  bool published = false;
  std::string stamp;

  std::string encode() const {
    return embedded_keys::generation_prefix(generation) + (published ? '\1' : '\0') + stamp;
  }

  static std::optional<state> decode(const std::string& bytes) {
    if (bytes.size() < 5) {
      return std::nullopt;
    }
    const auto generation = get_u64(std::string(4, '\0') + bytes.substr(0, 4));
    return state{static_cast<std::uint32_t>(generation), bytes[4] != '\0', bytes.substr(5)};
  }
};

/// Rows, indexes, counters and checkpoints of one write, all or none.
class embedded_view_database::batch {
 public:
  batch(rocksdb::DB& database, std::uint32_t generation, recent_headers& recent)
      : database_(database), generation_(generation), recent_(recent) {}

  void put(const view_row& row) {
    const std::string key = embedded_keys::row(generation_, row.id);
    const row_header wanted = header_of(row);
    const auto stored = stored_header(row.id, key);
    if (stored && stored->version >= wanted.version) {
      return;
    }
    for (const auto collection : every_collection) {
      move(stored, wanted, collection);
    }
    const std::string bytes = encode_row(row);
    failed(changes_.Put(key, bytes));
    failed(changes_.Put(index_key(wanted, view_collection::of_user, {wanted.created_at, wanted.id}), bytes));
    recent_.remember(wanted);
  }

  void reach(const checkpoints& reached) {
    std::string value;
    value.reserve(reached.size() * sizeof(std::uint64_t));
    for (const auto at : reached) {
      put_u64(value, at);
    }
    failed(changes_.Put(embedded_keys::checkpoints(generation_), value));
  }

  /// The view is rebuilt after a crash of the machine, so nothing waits for the disk here.
  rocksdb::Status commit() {
    for (const auto& [key, change] : counters_) {
      add_counter(key, change);
    }
    return status_.ok() ? database_.Write(rocksdb::WriteOptions(), &changes_) : status_;
  }

 private:
  bool failed(const rocksdb::Status& status) {
    if (!status.ok() && status_.ok()) {
      status_ = status;
    }
    return !status.ok();
  }

  std::optional<row_header> stored_header(entity_id id, const std::string& key) {
    if (const auto* known = recent_.find(id)) {
      return *known;
    }
    return recent_.surely_new(id) ? std::nullopt : read_header(key);
  }

  std::optional<row_header> read_header(const std::string& key) {
    rocksdb::PinnableSlice bytes;
    const auto status = database_.Get(rocksdb::ReadOptions(), database_.DefaultColumnFamily(), key, &bytes);
    if (status.IsNotFound() || failed(status)) {
      return std::nullopt;
    }
    return decode_header(bytes.ToStringView());
  }

  /// Takes the row from its old place in the collection, where it has one, to its new one.
  void move(const std::optional<row_header>& stored, const row_header& wanted, view_collection collection) {
    if (stored && stored->user_id == wanted.user_id &&
        place_of(*stored, collection) == place_of(wanted, collection)) {
      return;
    }
    if (stored) {
      if (const auto place = place_of(*stored, collection)) {
        failed(changes_.Delete(index_key(*stored, collection, *place)));
        --counters_[embedded_keys::counter(generation_, collection, stored->user_id)];
      }
    }
    if (const auto place = place_of(wanted, collection)) {
      // A user's has the row with it, which put() writes, whether or not it has moved.
      if (collection != view_collection::of_user) {
        failed(changes_.Put(index_key(wanted, collection, *place), rocksdb::Slice()));
      }
      ++counters_[embedded_keys::counter(generation_, collection, wanted.user_id)];
    }
  }

  std::string index_key(const row_header& row, view_collection collection, view_cursor place) const {
    return embedded_keys::index_prefix(generation_, collection, row.user_id) +
           embedded_keys::place(collection, place);
  }

  void add_counter(const std::string& key, std::int64_t change) {
    std::string bytes;
    const auto status = database_.Get(rocksdb::ReadOptions(), key, &bytes);
    if (!status.IsNotFound() && failed(status)) {
      return;
    }
    const std::uint64_t before = status.ok() ? get_u64(bytes) : 0;
    std::string value;
    put_u64(value, before + static_cast<std::uint64_t>(change));
    failed(changes_.Put(key, value));
  }

  rocksdb::DB& database_;
  const std::uint32_t generation_;
  recent_headers& recent_;
  rocksdb::WriteBatch changes_;
  std::unordered_map<std::string, std::int64_t> counters_;
  rocksdb::Status status_;
};

tl::expected<std::unique_ptr<embedded_view_database>, std::string> embedded_view_database::open(
    const std::string& path, std::size_t cache_bytes) {
  std::unique_ptr<embedded_view_database> result(new embedded_view_database(path, cache_bytes));
  if (const auto opened = result->open_database(); !opened) {
    return tl::unexpected(opened.error());
  }
  return result;
}

embedded_view_database::embedded_view_database(std::string path, std::size_t cache_bytes)
    : path_(std::move(path)), cache_bytes_(cache_bytes), cache_(rocksdb::NewLRUCache(cache_bytes)) {}

/// A table can be damaged such that RocksDB ends the process when it opens it. Each opening adds to a mark
/// that goes when it ends: one that finds that two before it did not begins anew.
tl::expected<std::monostate, std::string> embedded_view_database::open_database() {
  const auto options = database_options(cache_, cache_bytes_);
  const auto mark = path_ + ".opening";
  std::error_code none;
  const auto unended = std::filesystem::file_size(mark, none);
  if (!none && unended >= most_unended_openings) {
    spdlog::error("view in {}: {} openings did not end, so it is rebuilt", path_, unended);
    rocksdb::DestroyDB(path_, options).PermitUncheckedError();
  }
  std::ofstream(mark, std::ios::app) << '.';
  rocksdb::DB* database = nullptr;
  auto status = rocksdb::DB::Open(options, path_, &database);
  if (status.IsCorruption() || status.IsPathNotFound()) {
    spdlog::error("view in {}: it is damaged and will be rebuilt: {}", path_, status.ToString());
    status = rocksdb::DestroyDB(path_, options);
    status = status.ok() ? rocksdb::DB::Open(options, path_, &database) : status;
  }
  std::filesystem::remove(mark, none);
  if (!status.ok()) {
    return tl::unexpected("view in " + path_ + ": " + status.ToString());
  }
  database_.reset(database);
  return std::monostate{};
}

/// RocksDB refuses all writes after a failed one. Its Resume() does not help where it was the log that
/// could not be written, so it is opened again, whatever has failed. One that is damaged goes: it opens
/// well, since its tables are not looked through then.
bool embedded_view_database::open_again() {
  const std::unique_lock lock(open_);
  database_.reset();
  if (damaged_) {
    // Should that fail, the opening tells why.
    rocksdb::DestroyDB(path_, database_options(cache_, cache_bytes_)).PermitUncheckedError();
  }
  const auto opened = open_database();
  if (!opened) {
    if (!std::exchange(told_, true)) spdlog::warn("{}", opened.error());
    return false;
  }
  damaged_ = false;
  unreadable_ = false;
  told_ = false;
  return true;
}

/// A disk that can't read once may read the next time; if not, the part that it can't read has to go.
void embedded_view_database::read_failed(const rocksdb::Status& failure) const {
  const bool again = !failure.IsCorruption() && !unreadable_before_.exchange(true);
  auto& what = again ? unreadable_ : damaged_;
  if (what.exchange(true)) return;
  spdlog::error("view in {}: it will be {}: {}", path_, again ? "opened again" : "rebuilt",
                failure.ToString());
}

view_result<std::monostate> embedded_view_database::answer(const rocksdb::Status& status) const {
  if (status.ok()) return std::monostate{};
  if (status.IsCorruption()) read_failed(status);
  return tl::unexpected(view_error::unavailable);
}

/// What is remembered may not be there: nothing more is written, nor read, before the next start().
void embedded_view_database::lose() {
  lost_ = true;
  generation_ = 0;
  visible_ = 0;
}

embedded_view_database::~embedded_view_database() = default;

std::size_t embedded_view_database::memory_bytes() const {
  return cache_->GetUsage();
}

view_result<checkpoints> embedded_view_database::start(const std::string& store_id) {
  const bool was_lost = lost_;
  auto started = was_lost && !open_again() ? tl::unexpected(view_error::unavailable)
                                           : start_as_it_is(store_id, !was_lost);
  lost_ = false;
  if (!started) {
    lose();
  }
  return started;
}

view_result<checkpoints> embedded_view_database::start_as_it_is(const std::string& store_id,
                                                                bool may_be_read) {
  const auto found = read_state();
  if (!found) {
    return tl::unexpected(found.error());
  }
  stamp_ = stamp_of(store_id);
  const std::uint32_t before = *found ? (*found)->generation : 0;
  if (before != 0 && (*found)->stamp == stamp_) {
    generation_ = before;
    visible_ = (*found)->published && may_be_read ? generation_ : 0;
    return continue_where_it_was();
  }
  generation_ = 0;
  visible_ = 0;
  const auto cleared = write_state(false, before + 1, before);
  if (!cleared) {
    return tl::unexpected(cleared.error());
  }
  generation_ = before + 1;
  recent_.start(0);
  checkpoints_.assign(shard_count, 0);
  return checkpoints_;
}

view_result<checkpoints> embedded_view_database::continue_where_it_was() {
  const auto largest = read_largest_id();
  auto reached = largest ? read_checkpoints() : tl::unexpected(largest.error());
  if (reached) {
    recent_.start(*largest);
    checkpoints_ = *reached;
  }
  return reached;
}

view_result<std::monostate> embedded_view_database::write(
    const std::vector<view_row>& rows, const std::vector<std::pair<shard_id, position>>& reached) {
  if (damaged_ || unreadable_) {
    lose();
  }
  if (generation_ == 0) {
    return tl::unexpected(view_error::unavailable);
  }
  // As for reading: what it compares is not counted.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  batch changes(*database_, generation_, recent_);
  for (const view_row* row : latest_of(rows)) {
    changes.put(*row);
  }
  for (const auto& [shard, at] : reached) {
    checkpoints_[shard] = at;
  }
  if (!reached.empty()) {
    changes.reach(checkpoints_);
  }
  auto written = answer(changes.commit());
  if (!written) {
    lose();
  }
  return written;
}

view_result<std::monostate> embedded_view_database::publish() {
  if (generation_ == 0) {
    return tl::unexpected(view_error::unavailable);
  }
  auto written = write_state(true, generation_, 0);
  if (written) {
    visible_ = generation_;
  } else {
    lose();
  }
  return written;
}

view_result<std::optional<embedded_view_database::state>> embedded_view_database::read_state() const {
  std::string bytes;
  const auto status = database_->Get(rocksdb::ReadOptions(), embedded_keys::state(), &bytes);
  if (status.IsNotFound()) {
    return std::nullopt;
  }
  if (const auto read = answer(status); !read) {
    return tl::unexpected(read.error());
  }
  return state::decode(bytes);
}

/// Also drops the rows of the generation `cleared`, unless that is 0.
view_result<std::monostate> embedded_view_database::write_state(bool published, std::uint32_t generation,
                                                                std::uint32_t cleared) {
  const std::string begin = embedded_keys::generation_prefix(cleared);
  const std::string end = embedded_keys::prefix_end(begin);
  const rocksdb::Slice begin_slice(begin);
  const rocksdb::Slice end_slice(end);
  rocksdb::WriteBatch changes;
  auto status = changes.Put(embedded_keys::state(), state{generation, published, stamp_}.encode());
  if (status.ok() && cleared != 0) {
    status = changes.DeleteRange(begin_slice, end_slice);
  }
  if (status.ok()) {
    status = database_->Write(rocksdb::WriteOptions(), &changes);
  }
  if (status.ok() && cleared != 0) {
    // Only gives the space back sooner: nobody reads these keys any more.
    rocksdb::DeleteFilesInRange(database_.get(), database_->DefaultColumnFamily(), &begin_slice, &end_slice)
        .PermitUncheckedError();
  }
  return answer(status);
}

view_result<checkpoints> embedded_view_database::read_checkpoints() const {
  checkpoints result(shard_count, 0);
  std::string bytes;
  const auto status = database_->Get(rocksdb::ReadOptions(), embedded_keys::checkpoints(generation_), &bytes);
  if (status.IsNotFound()) {
    return result;
  }
  const bool whole = bytes.size() == shard_count * sizeof(std::uint64_t);
  const auto read = answer(status.ok() && !whole ? rocksdb::Status::Corruption("checkpoints") : status);
  if (!read) {
    return tl::unexpected(read.error());
  }
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    result[shard] = get_u64(std::string_view(bytes).substr(shard * sizeof(std::uint64_t)));
  }
  return result;
}

/// 0 where there is no row.
view_result<entity_id> embedded_view_database::read_largest_id() const {
  const auto prefix = embedded_keys::kind_prefix(generation_, embedded_keys::row_kind);
  const auto end = embedded_keys::prefix_end(prefix);
  const std::unique_ptr<rocksdb::Iterator> rows(database_->NewIterator(rocksdb::ReadOptions()));
  rows->SeekForPrev(end);
  if (const auto read = answer(rows->status()); !read) {
    return tl::unexpected(read.error());
  }
  const auto key = rows->Valid() ? rows->key().ToStringView() : std::string_view();
  return key.starts_with(prefix) ? get_u64(key.substr(prefix.size())) : 0;
}

}  // namespace holdfast::storage
