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

tl::unexpected<read_failure> failure(const rocksdb::Status& status) {
  return tl::unexpected(status.IsIncomplete() ? read_failure::not_in_memory : read_failure::unavailable);
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
read_result<std::vector<view_cursor>> read_places(rocksdb::DB& database, rocksdb::ReadOptions options,
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
    return failure(at->status());
  }
  return places;
}

read_result<std::vector<stored_row>> read_rows(rocksdb::DB& database, const rocksdb::ReadOptions& options,
                                               std::uint32_t generation,
                                               const std::vector<view_cursor>& places) {
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
    auto row = statuses[i].ok() ? decode_row(values[i].ToStringView()) : std::nullopt;
    if (!row) {
      return failure(statuses[i]);
    }
    rows.push_back(std::move(*row));
  }
  return rows;
}

read_result<std::uint64_t> read_counter(rocksdb::DB& database, const rocksdb::ReadOptions& options,
                                        const std::string& key) {
  std::string bytes;
  const auto status = database.Get(options, key, &bytes);
  if (status.IsNotFound()) {
    return 0;
  }
  if (!status.ok()) {
    return failure(status);
  }
  return get_u64(bytes);
}

read_result<view_page> read_page(rocksdb::DB& database, std::uint32_t generation, const view_query& query,
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

read_result<std::optional<stored_row>> embedded_view_database::get(entity_id id, read_depth depth) const {
  const auto open = lock_for_reading();
  const std::uint32_t generation = visible_;
  if (!open || generation == 0) {
    return tl::unexpected(read_failure::unavailable);
  }
  rocksdb::PinnableSlice bytes;
  const auto status = database_->Get(options_for(depth), database_->DefaultColumnFamily(),
                                     embedded_keys::row(generation, id), &bytes);
  // Cleared while it was read: that a row is absent means nothing then.
  if (visible_ != generation) {
    return tl::unexpected(read_failure::unavailable);
  }
  if (status.IsNotFound()) {
    return std::nullopt;
  }
  auto row = status.ok() ? decode_row(bytes.ToStringView()) : std::nullopt;
  if (!row) {
    return failure(status);
  }
  return row;
}

read_result<view_page> embedded_view_database::list(const view_query& query, read_depth depth) const {
  assert(query.limit >= 1 && query.limit <= largest_page_rows && query.offset <= largest_offset_rows);
  const auto open = lock_for_reading();
  const std::uint32_t generation = visible_;
  if (!open || generation == 0) {
    return tl::unexpected(read_failure::unavailable);
  }
  auto page = read_page(*database_, generation, query, depth);
  if (visible_ != generation) {
    return tl::unexpected(read_failure::unavailable);
  }
  return page;
}

}  // namespace holdfast::storage
