// The tables of a journal, a RocksDB database: how it is made, opened, tuned and closed, and checked
// access to its column families. Owns the database and its lock. RocksDB keeps no log of its own here:
// what is not in tables yet is in the journal's commit log.
// Threading: get, scan and write may be called from any thread; destroy it when nobody else uses
// it, iterators included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include "storage/journal.hpp"
#include "storage/log_damage.hpp"
#include "storage/rocksdb_layout.hpp"
#include "storage/rocksdb_tuning.hpp"
#include "storage/table_files.hpp"

namespace holdfast::storage {

/// The database failed or is damaged; what() names the path and what RocksDB said. Thrown within
/// the adapter and caught where a call is answered.
class store_failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is on disk is not what was written there.
class store_damage : public store_failure {
 public:
  using store_failure::store_failure;
};

/// An iterator over the rows of one shard, and the bounds that it must not outlive.
class shard_scan {
 public:
  shard_scan(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* in, shard_id shard);
  shard_scan(const shard_scan&) = delete;
  shard_scan& operator=(const shard_scan&) = delete;
  rocksdb::Iterator* operator->() { return rows_.get(); }

 private:
  std::string begin_;
  std::string end_;
  rocksdb::Slice begin_slice_;
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

/// Told how many tables there are of how many.
using tables_read = std::function<void(std::size_t tables, std::size_t of)>;

enum class store_access : std::uint8_t {
  /// Makes a new store where the folder is absent or empty, and locks it.
  owner,
  /// The store as it is now, beside its owner if it has one: no lock, nothing written.
  read_only
};

class rocksdb_store {
 public:
  /// Throws store_failure.
  rocksdb_store(const std::string& path, std::size_t block_cache_bytes, store_access access);
  ~rocksdb_store();
  rocksdb_store(const rocksdb_store&) = delete;
  rocksdb_store& operator=(const rocksdb_store&) = delete;

  const std::string& id() const { return id_; }
  rocksdb::ColumnFamilyHandle* handle(family which) const {
    return handles_[static_cast<std::size_t>(which)];
  }

  /// The folder of the commit log.
  std::filesystem::path log_folder() const;
  /// Whether rows may be missing that this format has: see rocksdb_upgrade.hpp.
  bool of_older_format() const { return format_ != current_format; }

  // What can fail throws store_failure.

  /// Again, when that was changed.
  void read_format();
  /// Of what is on disk memory tells nothing.
  std::optional<std::string> get(family from, const std::string& key,
                                 read_depth depth = read_depth::disk) const;
  std::optional<layout::entity_row> entity(entity_id id, read_depth depth = read_depth::disk) const;
  /// The last batch of the commit log whose rows are here, 0 for none.
  std::uint64_t last_batch() const;
  /// All of it or nothing, durable when it returns.
  void write(rocksdb::WriteBatch& batch);
  void check(const rocksdb::Status& status) const;
  [[noreturn]] void fail(const std::string& what) const;
  /// Throws store_damage.
  [[noreturn]] void fail_damaged(const std::string& what) const;
  /// Reads all tables and compares their checksums: what is wrong, each in a sentence. Those that their owner
  /// has merged meanwhile are left out, since that reads them too.
  std::vector<std::string> damaged_tables(const tables_read& told) const;

  /// To be written with the rows of the batches up to this one. Makes a store of an older format one
  /// of this.
  void add_last_batch(rocksdb::WriteBatch& to, std::uint64_t number) const;
  /// Of an older format: up to where records have their rows in the families of entities and of what
  /// is unfinished; nothing where all have them.
  std::optional<layout::positions> indexed() const;

  shard_scan scan(family in, shard_id shard) const;
  /// The number in the last key of the shard, 0 where there is none.
  std::uint64_t last_number(family in, shard_id shard) const;

 private:
  void create(const std::string& folder, std::size_t block_cache_bytes);
  log_findings look_through_logs() const;
  void mend_logs() const;
  void open(const std::string& folder, std::size_t block_cache_bytes, bool create);
  void open_read_only(std::size_t block_cache_bytes);
  rocksdb::Status open_as_it_is(std::size_t block_cache_bytes);
  void close();
  static constexpr const char* current_format = "3";
  std::string path_;
  const store_access access_;
  std::string id_;
  std::string format_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace holdfast::storage
