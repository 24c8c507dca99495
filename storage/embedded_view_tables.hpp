// The tables of the embedded view: a RocksDB database with a column family for each kind of key, and how it
// is tuned. Keys of a kind that nearly ascend (rows by id, indexes by time) would otherwise be merged over
// and over with those of all others.
//
// Nothing is written to RocksDB's own log. All families go to tables together (atomic_flush), so that after a
// crash they are of one moment, the checkpoints among them; a clean closing writes out what is left.
//
// Threading: as RocksDB itself; destroy it when nobody else uses it, iterators and snapshots included.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace holdfast::storage {

/// In the order of their column families, the default one first.
enum class view_family : std::uint8_t { meta, rows, reservations, receipts, users, counters };

class embedded_view_tables {
 public:
  using opened = tl::expected<std::unique_ptr<embedded_view_tables>, rocksdb::Status>;

  /// Opens what is there, or makes it. `cache` bounds blocks and rows that are not in tables yet, together.
  static opened open(const std::string& path, const std::shared_ptr<rocksdb::Cache>& cache);
  static rocksdb::Status destroy(const std::string& path);
  ~embedded_view_tables();
  embedded_view_tables(const embedded_view_tables&) = delete;
  embedded_view_tables& operator=(const embedded_view_tables&) = delete;

  rocksdb::DB& database() const { return *database_; }
  rocksdb::ColumnFamilyHandle* of(view_family which) const {
    return handles_[static_cast<std::size_t>(which)];
  }
  rocksdb::Status write(rocksdb::WriteBatch& changes) const;
  /// Whether tables could not be merged since they were opened, though there was room: part of them can't be
  /// read, as a rule.
  bool merge_failed() const { return *merge_failed_; }
  /// Whether nothing was ever written.
  bool fresh() const { return database_->GetLatestSequenceNumber() == 0; }

 private:
  embedded_view_tables(rocksdb::DB* database, std::vector<rocksdb::ColumnFamilyHandle*> handles,
                       std::shared_ptr<const std::atomic<bool>> merge_failed)
      : database_(database), handles_(std::move(handles)), merge_failed_(std::move(merge_failed)) {}

  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  const std::shared_ptr<const std::atomic<bool>> merge_failed_;
};

}  // namespace holdfast::storage
