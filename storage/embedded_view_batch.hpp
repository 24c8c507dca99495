// One write of the embedded view: rows, indexes, counters and checkpoints, all or none. What changes is
// gathered kind by kind and brought in the order of its keys, which is the fastest way in. The writer's; made
// for one write.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/embedded_view_keys.hpp"
#include "storage/embedded_view_tables.hpp"
#include "storage/recent_headers.hpp"
#include "storage/view.hpp"

namespace holdfast::storage {

class embedded_view_batch {
 public:
  embedded_view_batch(const embedded_view_tables& tables, recent_headers& recent)
      : tables_(tables), recent_(recent) {}

  void put(const std::vector<view_row>& rows);
  void reach(const checkpoints& reached);
  rocksdb::Status commit();
  /// Whether it fails since what is there could not be read.
  bool is_unreadable() const { return unreadable_; }

 private:
  /// Of an index. Nothing in place of a value deletes it.
  struct entry {
    embedded_keys::index_key key;
    std::optional<rocksdb::Slice> value;
  };

  void put(const view_row& row);
  void move(const std::optional<row_header>& stored, const row_header& wanted, view_collection collection);
  void add_to_index(const row_header& row, view_collection collection, std::optional<rocksdb::Slice> value);
  void add_entries(rocksdb::ColumnFamilyHandle* to, std::vector<entry>& entries);
  std::optional<row_header> stored_header(entity_id id, const std::string& key);
  std::optional<row_header> read_header(const std::string& key);
  bool failed(const rocksdb::Status& status);

  const embedded_view_tables& tables_;
  recent_headers& recent_;
  rocksdb::WriteBatch changes_;
  /// Rows as they are stored: indexes refer to them.
  std::vector<std::string> encoded_;
  std::map<view_family, std::vector<entry>> indexes_;
  /// Changes of counters by their keys.
  std::map<std::string, std::int64_t> counters_;
  rocksdb::Status status_;
  bool unreadable_ = false;
};

}  // namespace holdfast::storage
