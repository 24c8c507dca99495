#include "storage/rocksdb_store.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include "storage/commit_log.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_read_options.hpp"
#include "storage/store_id.hpp"

namespace holdfast::storage {
namespace {

const std::string format_key = "format";
const std::string store_id_key = "store_id";
const std::string last_batch_key = "last_batch";
/// Of format version 2.
const std::string indexed_key = "indexed";
const std::string second_format = "2";
/// Rows are the same but for `indexed`, which it lacks: every record has its rows of the index.
const std::string first_format = "1";

/// Tables come and go with every few megabytes written; opening takes some milliseconds.
constexpr int most_tries_to_open = 20;

bool absent_or_empty(const std::filesystem::path& folder) {
  return !std::filesystem::exists(folder) || std::filesystem::is_empty(folder);
}

/// `a/b/` names the same folder as `a/b`, but `.new` must stand beside it, not in it.
std::string without_last_slash(const std::filesystem::path& path) {
  const auto normal = path.lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).string();
}

/// The lock that RocksDB itself takes when it opens, and in its way: it knows of this process's own too.
class store_lock {
 public:
  explicit store_lock(const std::string& folder)
      : status_(rocksdb::Env::Default()->LockFile(folder + "/LOCK", &lock_)) {}
  ~store_lock() {
    if (lock_ != nullptr) rocksdb::Env::Default()->UnlockFile(lock_).PermitUncheckedError();
  }
  store_lock(const store_lock&) = delete;
  store_lock& operator=(const store_lock&) = delete;

  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::FileLock* lock_ = nullptr;
  const rocksdb::Status status_;
};

}  // namespace

shard_scan::shard_scan(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* in, shard_id shard)
    : begin_(layout::shard_key(shard)),
      end_(layout::shard_key(shard + 1)),
      begin_slice_(begin_),
      end_slice_(end_) {
  auto options = read_options();
  options.iterate_lower_bound = &begin_slice_;
  options.iterate_upper_bound = &end_slice_;
  rows_.reset(db.NewIterator(options, in));
}

rocksdb_store::rocksdb_store(const std::string& path, std::size_t block_cache_bytes, store_access access)
    : path_(without_last_slash(path)), access_(access) {
  try {
    if (access == store_access::owner && absent_or_empty(path_)) {
      create(path_ + ".new", block_cache_bytes);
    }
    if (!std::filesystem::exists(path_ + "/CURRENT")) {
      if (absent_or_empty(path_)) fail("there is none");
      if (std::filesystem::exists(log_folder())) fail_damaged("its file CURRENT is lost");
      fail("not a journal");
    }
    if (access == store_access::owner) {
      mend_logs();
      open(path_, block_cache_bytes, false);
    } else {
      look_through_logs();
      open_read_only(block_cache_bytes);
    }
    read_format();
  } catch (const std::filesystem::filesystem_error& error) {
    close();
    fail(error.what());
  } catch (const store_failure&) {
    close();
    throw;
  }
}

rocksdb_store::~rocksdb_store() {
  close();
}

/// A store appears under its name whole or not at all, so that a folder without the parts of one
/// is never taken for a new one: it is damaged or not ours.
void rocksdb_store::create(const std::string& folder, std::size_t block_cache_bytes) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  open(folder, block_cache_bytes, true);
  commit_log(folder + "/log").begin_file(1);
  rocksdb::WriteBatch batch;
  batch.Put(handle(family::meta), store_id_key, random_store_id());
  add_last_batch(batch, 0);
  write(batch);
  close();
  std::filesystem::rename(folder, path_);
  sync_folder(std::filesystem::absolute(path_).parent_path());
}

void rocksdb_store::open(const std::string& folder, std::size_t block_cache_bytes, bool create) {
  rocksdb::DB* db = nullptr;
  check(rocksdb::DB::Open(database_options(create), folder, column_families(block_cache_bytes), &handles_,
                          &db));
  db_.reset(db);
}

/// RocksDB's own, which hold something in the older formats only, and its manifest.
log_findings rocksdb_store::look_through_logs() const {
  auto found = storage::look_through_logs(path_);
  if (found.damage) fail_damaged("its log " + *found.damage);
  return found;
}

/// Cuts off what a loss of power has left of a batch that was never acknowledged: RocksDB would refuse
/// it. Under the lock, so that this is never done to a log that another process appends to.
void rocksdb_store::mend_logs() const {
  const store_lock lock(path_);
  check(lock.status());
  for (const auto& torn : look_through_logs().torn) cut_off_torn_end(torn);
}

/// Its owner may take away a table between the reading of the manifest, which says what there is, and
/// the opening of the files: that fails the opening.
void rocksdb_store::open_read_only(std::size_t block_cache_bytes) {
  auto status = open_as_it_is(block_cache_bytes);
  for (int tries = 1; !status.ok() && tries < most_tries_to_open; ++tries) {
    close();
    status = open_as_it_is(block_cache_bytes);
  }
  check(status);
}

/// With a descriptor for every table from the start: its owner may delete what it has merged.
rocksdb::Status rocksdb_store::open_as_it_is(std::size_t block_cache_bytes) {
  auto options = database_options(false);
  options.max_open_files = -1;
  rocksdb::DB* db = nullptr;
  auto status =
      rocksdb::DB::OpenForReadOnly(options, path_, column_families(block_cache_bytes), &handles_, &db);
  db_.reset(db);
  return status;
}

void rocksdb_store::close() {
  for (auto* handle : std::exchange(handles_, {})) {
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  db_.reset();
}

void rocksdb_store::read_format() {
  const auto format = get(family::meta, format_key);
  const auto id = get(family::meta, store_id_key);
  if (!format || !id) {
    fail("not a journal of this program");
  }
  if (*format != current_format && *format != second_format && *format != first_format) {
    fail("format version " + *format + ", but this program knows versions " + first_format + " to " +
         current_format + " only");
  }
  id_ = *id;
  format_ = *format;
}

std::filesystem::path rocksdb_store::log_folder() const {
  return std::filesystem::path(path_) / "log";
}

std::uint64_t rocksdb_store::last_batch() const {
  const auto bytes = get(family::meta, last_batch_key);
  if (!bytes) return 0;
  const auto number = layout::decode_batch(*bytes);
  if (!number) fail_damaged("damaged row of the last batch");
  return *number;
}

void rocksdb_store::add_last_batch(rocksdb::WriteBatch& to, std::uint64_t number) const {
  to.Put(handle(family::meta), last_batch_key, layout::encode(number));
  if (!of_older_format()) return;
  to.Put(handle(family::meta), format_key, current_format);
  to.Delete(handle(family::meta), indexed_key);
}

std::optional<layout::positions> rocksdb_store::indexed() const {
  if (format_ == first_format) return std::nullopt;
  const auto bytes = get(family::meta, indexed_key);
  if (!bytes) return layout::positions{};
  const auto all = layout::decode_positions(*bytes);
  if (!all) fail_damaged("damaged row of what is indexed");
  return all;
}

std::optional<std::string> rocksdb_store::get(family from, const std::string& key, read_depth depth) const {
  const reading_to limit(depth);
  std::string value;
  const auto status = db_->Get(read_options(), handle(from), key, &value);
  if (status.IsNotFound() || status.IsIncomplete()) {
    return std::nullopt;
  }
  check(status);
  return value;
}

std::optional<layout::entity_row> rocksdb_store::entity(entity_id id, read_depth depth) const {
  const auto bytes = get(family::entities, layout::number_key(shard_of(id), id), depth);
  if (!bytes) return std::nullopt;
  const auto row = layout::decode_entity(*bytes);
  if (!row) fail_damaged("damaged row of entity " + std::to_string(id));
  return row;
}

/// Without a log of RocksDB's: the families are written to tables together, see database_options().
void rocksdb_store::write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions without_log;
  without_log.disableWAL = true;
  check(db_->Write(without_log, &batch));
  check(db_->Flush(rocksdb::FlushOptions{}, handles_));
}

void rocksdb_store::check(const rocksdb::Status& status) const {
  if (status.IsCorruption()) fail_damaged(status.ToString());
  if (!status.ok()) fail(status.ToString());
}

void rocksdb_store::fail(const std::string& what) const {
  throw store_failure("journal " + path_ + ": " + what);
}

void rocksdb_store::fail_damaged(const std::string& what) const {
  throw store_damage("journal " + path_ + ": " + what);
}

std::vector<std::string> rocksdb_store::damaged_tables(const tables_read& told) const {
  std::vector<rocksdb::LiveFileMetaData> tables;
  db_->GetLiveFilesMetaData(&tables);
  std::vector<std::string> damaged;
  std::size_t read = 0;
  for (const auto& table : tables) {
    told(++read, tables.size());
    auto* in = *std::find_if(handles_.begin(), handles_.end(), [&](const auto* handle) {
      return handle->GetName() == table.column_family_name;
    });
    const auto file = path_ + "/" + table.relative_filename;
    const auto status =
        rocksdb::VerifySstFileChecksum(db_->GetOptions(in), {}, {}, file, table.largest_seqno);
    if (status.ok() || !std::filesystem::exists(file)) continue;
    damaged.push_back("journal " + path_ + ": table " + table.relative_filename + ": " + status.ToString());
  }
  return damaged;
}

shard_scan rocksdb_store::scan(family in, shard_id shard) const {
  return {*db_, handle(in), shard};
}

std::uint64_t rocksdb_store::last_number(family in, shard_id shard) const {
  auto rows = scan(in, shard);
  rows->SeekToLast();
  check(rows->status());
  return rows->Valid() ? layout::number_of(rows->key().ToStringView()) : 0;
}

}  // namespace holdfast::storage
