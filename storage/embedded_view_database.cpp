#include "storage/embedded_view_database.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/perf_level.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <mutex>

#include "storage/embedded_view_batch.hpp"
#include "storage/embedded_view_keys.hpp"
#include "storage/rocksdb_read_options.hpp"

namespace holdfast::storage {
namespace {

/// One may be a kill of the process at that moment.
constexpr std::uintmax_t most_unended_openings = 2;

/// Damaged, or with other column families than this program knows.
bool may_be_rebuilt(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() || status.IsInvalidArgument();
}

}  // namespace

tl::expected<std::unique_ptr<embedded_view_database>, std::string> embedded_view_database::open(
    const std::string& path, std::size_t cache_bytes) {
  std::unique_ptr<embedded_view_database> result(new embedded_view_database(path, cache_bytes));
  if (const auto opened = result->open_tables(); !opened) {
    return tl::unexpected(opened.error());
  }
  return result;
}

embedded_view_database::embedded_view_database(std::string path, std::size_t cache_bytes)
    : path_(std::move(path)), cache_(rocksdb::NewLRUCache(cache_bytes)) {}

/// A table can be damaged such that RocksDB ends the process when it opens it. Each opening adds to a mark
/// that goes when it ends: one that finds that two before it did not begins anew.
tl::expected<std::monostate, std::string> embedded_view_database::open_tables() {
  const auto mark = path_ + ".opening";
  std::error_code none;
  const auto unended = std::filesystem::file_size(mark, none);
  if (!none && unended >= most_unended_openings) {
    spdlog::error("view in {}: {} openings did not end, so it is rebuilt", path_, unended);
    embedded_view_tables::destroy(path_).PermitUncheckedError();
  }
  std::ofstream(mark, std::ios::app) << '.';
  auto opened = embedded_view_tables::open(path_, cache_);
  if (!opened && may_be_rebuilt(opened.error())) {
    spdlog::error("view in {}: it is damaged and will be rebuilt: {}", path_, opened.error().ToString());
    const auto destroyed = embedded_view_tables::destroy(path_);
    opened = destroyed.ok() ? embedded_view_tables::open(path_, cache_) : tl::unexpected(destroyed);
  }
  std::filesystem::remove(mark, none);
  if (!opened) {
    return tl::unexpected("view in " + path_ + ": " + opened.error().ToString());
  }
  tables_ = std::move(*opened);
  return std::monostate{};
}

/// RocksDB refuses all writes after a failed one. Its Resume() does not help where it was the log that
/// could not be written, so it is opened again, whatever has failed. One that is damaged goes: it opens
/// well, since its tables are not looked through then. So does one that could not be read before, and now
/// can't be opened.
bool embedded_view_database::open_again(with_rows rows) {
  const std::unique_lock lock(open_);
  tables_.reset();
  if (rows == with_rows::dropped) {
    // Should that fail, the opening tells why.
    embedded_view_tables::destroy(path_).PermitUncheckedError();
  }
  auto opened = open_tables();
  if (!opened && rows == with_rows::kept && unreadable_before_) {
    embedded_view_tables::destroy(path_).PermitUncheckedError();
    opened = open_tables();
  }
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

view_result<std::monostate> embedded_view_database::answer(const rocksdb::Status& written) const {
  if (written.IsCorruption()) return answer_read(written);
  if (written.ok()) return std::monostate{};
  return tl::unexpected(view_error::unavailable);
}

view_result<std::monostate> embedded_view_database::answer_read(const rocksdb::Status& read) const {
  if (read.ok()) return std::monostate{};
  read_failed(read);
  return tl::unexpected(view_error::unavailable);
}

/// What is remembered may not be there: nothing more is written, nor read, before the next start().
void embedded_view_database::lose() {
  lost_ = true;
  hide();
}

void embedded_view_database::hide() {
  started_ = false;
  visible_ = false;
}

embedded_view_database::~embedded_view_database() = default;

std::size_t embedded_view_database::memory_bytes() const {
  return cache_->GetUsage();
}

view_result<checkpoints> embedded_view_database::start(const std::string& store_id) {
  const bool open = !lost_ || open_again(damaged_ ? with_rows::dropped : with_rows::kept);
  auto started = open ? start_for(stamp_of(store_id)) : tl::unexpected(view_error::unavailable);
  lost_ = false;
  if (started) {
    started_ = true;
  } else {
    lose();
  }
  return started;
}

view_result<checkpoints> embedded_view_database::start_for(const std::string& stamp) {
  const auto found = read_stamp();
  if (!found) {
    return tl::unexpected(found.error());
  }
  return *found == stamp ? continue_where_it_was() : begin_anew(stamp);
}

view_result<checkpoints> embedded_view_database::begin_anew(const std::string& stamp) {
  hide();
  if (!tables_->fresh() && !open_again(with_rows::dropped)) {
    return tl::unexpected(view_error::unavailable);
  }
  rocksdb::WriteBatch changes;
  auto status = changes.Put(embedded_keys::stamp, stamp);
  if (status.ok()) {
    status = tables_->write(changes);
  }
  if (const auto written = answer(status); !written) {
    return tl::unexpected(written.error());
  }
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
  if (!started_) {
    return tl::unexpected(view_error::unavailable);
  }
  // As for reading: what it compares is not counted.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  embedded_view_batch changes(*tables_, recent_);
  changes.put(rows);
  for (const auto& [shard, at] : reached) {
    checkpoints_[shard] = at;
  }
  if (!reached.empty()) {
    changes.reach(checkpoints_);
  }
  const auto status = changes.commit();
  const bool unreadable = changes.is_unreadable() || tables_->merge_failed();
  auto written = unreadable ? answer_read(status) : answer(status);
  if (!written) {
    lose();
  }
  return written;
}

view_result<std::monostate> embedded_view_database::publish() {
  if (!started_) {
    return tl::unexpected(view_error::unavailable);
  }
  visible_ = true;
  return std::monostate{};
}

/// Nothing where it has none.
view_result<std::string> embedded_view_database::read_stamp() const {
  std::string stamp;
  const auto status = read_meta(embedded_keys::stamp, stamp);
  if (const auto read = status.IsNotFound() ? std::monostate{} : answer_read(status); !read) {
    return tl::unexpected(read.error());
  }
  return stamp;
}

view_result<checkpoints> embedded_view_database::read_checkpoints() const {
  checkpoints result(shard_count, 0);
  std::string bytes;
  const auto status = read_meta(embedded_keys::checkpoints, bytes);
  if (status.IsNotFound()) {
    return result;
  }
  const bool whole = bytes.size() == shard_count * sizeof(std::uint64_t);
  const auto read = answer_read(status.ok() && !whole ? rocksdb::Status::Corruption("checkpoints") : status);
  if (!read) {
    return tl::unexpected(read.error());
  }
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    result[shard] = get_u64(std::string_view(bytes).substr(shard * sizeof(std::uint64_t)));
  }
  return result;
}

rocksdb::Status embedded_view_database::read_meta(const char* key, std::string& value) const {
  return tables_->database().Get(read_options(), tables_->of(view_family::meta), key, &value);
}

/// 0 where there is no row.
view_result<entity_id> embedded_view_database::read_largest_id() const {
  const std::unique_ptr<rocksdb::Iterator> rows(
      tables_->database().NewIterator(read_options(), tables_->of(view_family::rows)));
  rows->SeekToLast();
  if (const auto read = answer_read(rows->status()); !read) {
    return tl::unexpected(read.error());
  }
  return rows->Valid() ? get_u64(rows->key().ToStringView()) : 0;
}

}  // namespace holdfast::storage
