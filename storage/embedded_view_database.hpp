// The embedded view on RocksDB, without threads: what is stored under which key, how a batch
// changes it, and how a page is read. embedded_view.hpp puts the port on top.
//
// Each kind of key has a family of its own (embedded_view_tables.hpp):
//
//     rows          id                     a row (view_format.hpp)
//     reservations  created_at id          the index of all reservations
//     receipts      paid_at id             the index of the receipts
//     users         user created_at id     the rows once more, the newest of a user first
//     counters      'a' | 'p' | user       the number of rows of a collection
//     meta          stamp                  whose view it is, and of which format
//     meta          checkpoints            of all shards, u64 each
//
// A customer's list is what is read most of all that has more than one row. So it is one walk forwards:
// RocksDB goes backwards in its memory by searching from the top for each step, and so it does for each row
// that an index only names.
//
// What is written is in memory first, and goes to tables when that is full, or at the end. A crash loses it,
// with its checkpoints, so the journal is read again from there. Therefore what is found is first read when
// it has caught up and is published: readers might miss what they saw before.
//
// A view that is another journal's, or of another format, is thrown away with all its files, while no reader
// is in it.
//
// Where a write fails, or RocksDB has failed in the background, which the next write tells, nothing
// is read or written any more until start() has opened the database again, with what its tables have.
//
// Threading: get(), list() and the figures may be called from any thread, start(), write() and
// publish() from one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "storage/embedded_view_tables.hpp"
#include "storage/recent_headers.hpp"
#include "storage/table_files.hpp"
#include "storage/view.hpp"

namespace holdfast::storage {

enum class read_failure : std::uint8_t {
  /// Has to be read from disk: neither RocksDB nor the kernel has it.
  not_in_memory,
  /// Not published, cleared meanwhile, or damaged: then the writer throws the database away and is told
  /// at its next write, so that the view is rebuilt.
  unavailable
};

template <class T>
using read_result = tl::expected<T, read_failure>;

class embedded_view_database {
 public:
  /// Opens or makes the database in this folder. A damaged one is thrown away: it is rebuilt.
  static tl::expected<std::unique_ptr<embedded_view_database>, std::string> open(const std::string& path,
                                                                                 std::size_t cache_bytes);
  ~embedded_view_database();
  embedded_view_database(const embedded_view_database&) = delete;
  embedded_view_database& operator=(const embedded_view_database&) = delete;

  view_result<checkpoints> start(const std::string& store_id);
  view_result<std::monostate> write(const std::vector<view_row>& rows,
                                    const std::vector<std::pair<shard_id, position>>& reached);
  view_result<std::monostate> publish();

  read_result<std::optional<stored_row>> get(entity_id id, read_depth depth) const;
  read_result<view_page> list(const view_query& query, read_depth depth) const;

  /// Bytes that the block cache and the write buffers charged to it take.
  std::size_t memory_bytes() const;

 private:
  enum class with_rows : std::uint8_t { kept, dropped };

  embedded_view_database(std::string path, std::size_t cache_bytes);

  tl::expected<std::monostate, std::string> open_tables();
  bool open_again(with_rows rows);
  void lose();
  void hide();
  /// The database is damaged, or could not be read: the writer's to do something about. Logged once.
  void read_failed(const rocksdb::Status& failure) const;
  /// The writer's: what it is told of a write, or a read.
  view_result<std::monostate> answer(const rocksdb::Status& written) const;
  view_result<std::monostate> answer_read(const rocksdb::Status& read) const;
  template <class T, class Read>
  read_result<T> read(read_depth depth, Read read) const;
  /// Locked where the database is open and visible; it stays open as long as that is held.
  std::shared_lock<std::shared_mutex> lock_for_reading() const;

  view_result<checkpoints> start_for(const std::string& stamp);
  view_result<checkpoints> begin_anew(const std::string& stamp);
  view_result<checkpoints> continue_where_it_was();
  view_result<std::string> read_stamp() const;
  view_result<checkpoints> read_checkpoints() const;
  view_result<entity_id> read_largest_id() const;
  rocksdb::Status read_meta(const char* key, std::string& value) const;

  const std::string path_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  /// Held by readers while they read, and alone while the database is closed and opened again.
  mutable std::shared_mutex open_;
  /// Nothing where they could not be opened again.
  std::unique_ptr<embedded_view_tables> tables_;
  /// The writer's: something has failed since the database was opened.
  bool lost_ = false;
  /// The writer's: it may write.
  bool started_ = false;
  checkpoints checkpoints_;
  recent_headers recent_;
  /// Whether readers may see it.
  std::atomic<bool> visible_{false};
  /// Anybody's: what a read has found, and whether the disk failed to read before.
  mutable std::atomic<bool> damaged_{false};
  mutable std::atomic<bool> unreadable_{false};
  mutable std::atomic<bool> unreadable_before_{false};
  /// The writer's: it was told why it could not be opened again.
  bool told_ = false;
};

}  // namespace holdfast::storage
