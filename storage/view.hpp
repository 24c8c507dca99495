// Port: the view, the read model that GET requests are answered from. It can be lost at any
// time and is rebuilt from the journal; nothing is ever acknowledged from it.
//
// A row is the whole story of a reservation: its journal records one behind the other
// (event_codec.hpp), with what the collections are ordered by. Readers belong to an event loop,
// the one writer to the projector.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "domain/types.hpp"
#include "storage/journal.hpp"
#include "storage/shard.hpp"

namespace holdfast::storage {

struct view_row {
  entity_id id = 0;
  std::uint64_t version = 0;
  /// The entity's records, one behind the other.
  std::string records;
  std::uint64_t user_id = 0;
  domain::timestamp created_at{};
  /// When the reservation was paid, from which on it has a receipt.
  std::optional<domain::timestamp> paid_at;
};

/// A row as a reader gets it.
struct stored_row {
  entity_id id = 0;
  std::uint64_t version = 0;
  std::string records;
};

/// A row of a page; its records are the page's.
struct listed_row {
  entity_id id = 0;
  std::uint64_t version = 0;
  std::string_view records;
};

/// A page's rows, all their records in one piece of memory.
class listed_rows {
 public:
  class iterator {
   public:
    iterator(const listed_rows& of, std::size_t at) : of_(of), at_(at) {}
    listed_row operator*() const { return of_[at_]; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const iterator& other) const { return at_ != other.at_; }

   private:
    const listed_rows& of_;
    std::size_t at_;
  };

  void reserve(std::size_t rows) { entries_.reserve(rows); }
  void add(const listed_row& row) {
    bytes_.append(row.records);
    entries_.push_back({row.id, row.version, bytes_.size()});
  }

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  listed_row operator[](std::size_t at) const {
    const auto& entry = entries_[at];
    const auto begin = at == 0 ? 0 : entries_[at - 1].end;
    return {entry.id, entry.version, std::string_view(bytes_).substr(begin, entry.end - begin)};
  }
  iterator begin() const { return {*this, 0}; }
  iterator end() const { return {*this, size()}; }

 private:
  struct entry {
    entity_id id = 0;
    std::uint64_t version = 0;
    /// Of its records.
    std::size_t end = 0;
  };
  std::vector<entry> entries_;
  std::string bytes_;
};

enum class view_error : std::uint8_t {
  /// Not reachable, emptied, or being rebuilt: later it will answer.
  unavailable,
};

/// Positions up to which each shard is in the view; `shard_count` of them.
using checkpoints = std::vector<position>;

enum class view_collection : std::uint8_t {
  /// Every reservation, by (created_at, id).
  reservations,
  /// Those that were paid, by (paid_at, id).
  receipts,
  /// Those of one user, by (created_at, id).
  of_user,
};

/// A place between two rows of a collection: behind the row with this time and id.
struct view_cursor {
  domain::timestamp at{};
  entity_id id = 0;

  bool operator==(const view_cursor&) const = default;
};

struct view_query {
  view_collection collection = view_collection::reservations;
  std::uint64_t user_id = 0;
  bool descending = false;
  /// Rows behind this place in the query's direction; excludes `offset`.
  std::optional<view_cursor> after;
  /// Rows to pass over, at most 10,000 (the caller checks).
  std::uint32_t offset = 0;
  /// 1 .. 1000.
  std::uint32_t limit = 20;
};

struct view_page {
  listed_rows rows;
  /// Rows of the whole collection.
  std::uint64_t total = 0;
  /// Whether more rows follow; then `next` is the place behind the last row.
  bool more = false;
  view_cursor next;
};

template <class T>
using view_result = tl::expected<T, view_error>;
template <class T>
using view_callback = std::function<void(view_result<T>)>;

/// Reads for one event loop. Callbacks are called exactly once on that loop, perhaps before the
/// call returns. Must be used and destroyed on the loop's thread or after it has ended.
class view_reader {
 public:
  virtual ~view_reader() = default;
  virtual void get(entity_id id, view_callback<std::optional<stored_row>> done) = 0;
  virtual void list(view_query query, view_callback<view_page> done) = 0;
};

/// A store id that no journal has. A view is cleared by whoever opens it where it is another journal's: so
/// whoever wants it made anew opens it as this one's first.
inline constexpr const char* nobodys_store = "nobody";

/// The projector's side. Calls return at once; callbacks are called exactly once, in order, on a
/// thread of the adapter's. Destroying it finishes what was begun.
class view_writer {
 public:
  virtual ~view_writer() = default;

  /// Starts or goes on with the view of this journal. Where the view is another journal's, or
  /// was emptied, it is cleared and hidden from readers until publish(); also hidden is one that may lack
  /// what readers have seen in it. Answers the checkpoints, all 0 for an empty view.
  virtual void open(std::string store_id, view_callback<checkpoints> done) = 0;

  /// Writes the rows, then the checkpoints given as (shard, position), each shard once. A row whose stored
  /// version is not smaller is left as it is. Fails where the view was emptied since open().
  virtual void write(std::vector<view_row> rows, std::vector<std::pair<shard_id, position>> reached,
                     view_callback<std::monostate> done) = 0;

  /// The view has caught up: readers may see it.
  virtual void publish(view_callback<std::monostate> done) = 0;
};

/// Where the view lives. Makes readers and the one writer; outlives both.
class view_store {
 public:
  virtual ~view_store() = default;
  virtual std::unique_ptr<view_reader> make_reader(boost::asio::io_context& loop) = 0;
  virtual std::unique_ptr<view_writer> make_writer() = 0;
};

}  // namespace holdfast::storage
