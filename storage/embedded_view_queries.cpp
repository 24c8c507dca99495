// The reading half of embedded_view_database: a row, and a page of a collection.
#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>

#include <cassert>
#include <mutex>

#include "storage/embedded_view_database.hpp"
#include "storage/embedded_view_keys.hpp"

namespace holdfast::storage {
namespace {

rocksdb::ReadOptions options_for(read_depth depth) {
  rocksdb::ReadOptions options;
  options.read_tier = depth == read_depth::memory ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  return options;
}

template <class T>
using outcome = tl::expected<T, rocksdb::Status>;

/// A row that an index or its own key leads to.
outcome<stored_row> row_in(const rocksdb::Status& status, std::string_view bytes) {
  if (!status.ok()) {
    return tl::unexpected(status.IsNotFound() ? rocksdb::Status::Corruption("a row is missing") : status);
  }
  auto row = decode_row(bytes);
  return row ? outcome<stored_row>(std::move(*row))
             : tl::unexpected(rocksdb::Status::Corruption("a row can't be decoded"));
}

/// The keys of an index that lie behind the cursor, in the query's direction. With both ends
/// bounded, no iterator ever runs into another user's keys or over what was deleted behind them.
struct key_range {
  std::string begin;
  std::string end;
};

key_range range_of(const std::string& prefix, const view_query& query) {
  key_range range{prefix, embedded_keys::prefix_end(prefix)};
  if (query.after) {
    const std::string place = prefix + encode_place(*query.after);
    (query.descending ? range.end : range.begin) = query.descending ? place : embedded_keys::key_after(place);
  }
  return range;
}

/// At most one place more than the query's limit.
outcome<std::vector<view_cursor>> read_places(rocksdb::DB& database, rocksdb::ReadOptions options,
                                              const std::string& prefix, const view_query& query) {
  const key_range range = range_of(prefix, query);
  const rocksdb::Slice begin(range.begin);
  const rocksdb::Slice end(range.end);
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> at(database.NewIterator(options));
  std::vector<view_cursor> places;
  std::uint32_t skipped = 0;
  query.descending ? at->SeekToLast() : at->SeekToFirst();
  for (; at->Valid() && places.size() <= query.limit; query.descending ? at->Prev() : at->Next()) {
    if (skipped < query.offset) {
      ++skipped;
    } else {
      places.push_back(decode_place(at->key().ToStringView().substr(prefix.size())));
    }
  }
  if (!at->status().ok()) {
    return tl::unexpected(at->status());
  }
  return places;
}

outcome<std::vector<stored_row>> read_rows(rocksdb::DB& database, const rocksdb::ReadOptions& options,
                                           std::uint32_t generation, const std::vector<view_cursor>& places) {
  std::vector<std::string> keys;
  for (const view_cursor& place : places) {
    keys.push_back(embedded_keys::row(generation, place.id));
  }
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  database.MultiGet(options, database.DefaultColumnFamily(), slices.size(), slices.data(), values.data(),
                    statuses.data());
  std::vector<stored_row> rows;
  rows.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto row = row_in(statuses[i], values[i].ToStringView());
    if (!row) {
      return tl::unexpected(row.error());
    }
    rows.push_back(std::move(*row));
  }
  return rows;
}

outcome<std::uint64_t> read_counter(rocksdb::DB& database, const rocksdb::ReadOptions& options,
                                    const std::string& key) {
  std::string bytes;
  const auto status = database.Get(options, key, &bytes);
  if (status.IsNotFound()) {
    return 0;
  }
  if (!status.ok()) {
    return tl::unexpected(status);
  }
  return get_u64(bytes);
}

outcome<view_page> read_page(rocksdb::DB& database, std::uint32_t generation, const view_query& query,
                             read_depth depth) {
  // Counter, index and rows of the same moment.
  rocksdb::ManagedSnapshot snapshot(&database);
  rocksdb::ReadOptions options = options_for(depth);
  options.snapshot = snapshot.snapshot();
  const auto total =
      read_counter(database, options, embedded_keys::counter(generation, query.collection, query.user_id));
  if (!total) {
    return tl::unexpected(total.error());
  }
  const auto prefix = embedded_keys::index_prefix(generation, query.collection, query.user_id);
  auto places = read_places(database, options, prefix, query);
  if (!places) {
    return tl::unexpected(places.error());
  }
  view_page page;
  page.total = *total;
  page.more = places->size() > query.limit;
  if (page.more) {
    places->pop_back();
    page.next = places->back();
  }
  auto rows = read_rows(database, options, generation, *places);
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  page.rows = std::move(*rows);
  return page;
}

}  // namespace

std::shared_lock<std::shared_mutex> embedded_view_database::lock_for_reading() const {
  // Looked at before the lock too: readers whose times overlap could keep out the writer for good.
  return visible_ == 0 ? std::shared_lock<std::shared_mutex>() : std::shared_lock(open_, std::try_to_lock);
}

/// `read(generation)` of what is visible, which it stays while it is read or else the answer means nothing.
template <class T, class Read>
read_result<T> embedded_view_database::read(Read read) const {
  const auto open = lock_for_reading();
  const std::uint32_t generation = visible_;
  if (!open || generation == 0) {
    return tl::unexpected(read_failure::unavailable);
  }
  outcome<T> result = read(generation);
  if (visible_ != generation) {
    return tl::unexpected(read_failure::unavailable);
  }
  if (result) {
    return std::move(*result);
  }
  if (result.error().IsIncomplete()) {
    return tl::unexpected(read_failure::not_in_memory);
  }
  read_failed(result.error());
  return tl::unexpected(read_failure::unavailable);
}

read_result<std::optional<stored_row>> embedded_view_database::get(entity_id id, read_depth depth) const {
  using row = std::optional<stored_row>;
  return read<row>([&](std::uint32_t generation) -> outcome<row> {
    rocksdb::PinnableSlice bytes;
    const auto status = database_->Get(options_for(depth), database_->DefaultColumnFamily(),
                                       embedded_keys::row(generation, id), &bytes);
    if (status.IsNotFound()) {
      return std::nullopt;
    }
    return row_in(status, bytes.ToStringView());
  });
}

read_result<view_page> embedded_view_database::list(const view_query& query, read_depth depth) const {
  assert(query.limit >= 1 && query.limit <= largest_page_rows && query.offset <= largest_offset_rows);
  return read<view_page>(
      [&](std::uint32_t generation) { return read_page(*database_, generation, query, depth); });
}

}  // namespace holdfast::storage
