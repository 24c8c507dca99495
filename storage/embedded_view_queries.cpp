// The reading half of embedded_view_database: a row, and a page of a collection.
#include <rocksdb/perf_level.h>
#include <rocksdb/snapshot.h>

#include <cassert>
#include <mutex>

#include "storage/embedded_view_database.hpp"
#include "storage/embedded_view_keys.hpp"
#include "storage/rocksdb_read_options.hpp"

namespace holdfast::storage {
namespace {

template <class T>
using outcome = tl::expected<T, rocksdb::Status>;

rocksdb::Status undecodable() {
  return rocksdb::Status::Corruption("a row can't be decoded");
}

/// The keys of an index that lie behind the cursor, in the query's direction. With both ends
/// bounded, no iterator ever runs into another user's keys or over what was deleted behind them.
/// Both have the index's prefix, which RocksDB's filters are asked for.
struct key_range {
  std::string begin;
  std::string end;
};

key_range range_of(const std::string& prefix, const view_query& query, bool forwards) {
  key_range range{prefix, embedded_keys::index_end(prefix)};
  if (query.after) {
    const std::string place(embedded_keys::index_key(query.collection, query.user_id, *query.after).view());
    (forwards ? range.begin : range.end) = forwards ? embedded_keys::key_after(place) : place;
  }
  return range;
}

/// Hands the keys and values of the query's entries of the index to `take`, one more than its limit at most.
template <class Take>
rocksdb::Status walk(const embedded_view_tables& tables, rocksdb::ReadOptions options,
                     const view_query& query, Take take) {
  const bool forwards = query.descending == embedded_keys::newest_first(query.collection);
  const key_range range =
      range_of(embedded_keys::index_prefix(query.collection, query.user_id), query, forwards);
  const rocksdb::Slice begin(range.begin);
  const rocksdb::Slice end(range.end);
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> at(
      tables.database().NewIterator(options, tables.of(embedded_keys::family_of(query.collection))));
  const std::uint64_t last = std::uint64_t{query.offset} + query.limit;
  forwards ? at->SeekToFirst() : at->SeekToLast();
  for (std::uint64_t passed = 0; at->Valid() && passed <= last; forwards ? at->Next() : at->Prev()) {
    if (passed++ >= query.offset) take(at->key().ToStringView(), at->value().ToStringView());
  }
  return at->status();
}

outcome<std::vector<view_cursor>> read_places(const embedded_view_tables& tables,
                                              const rocksdb::ReadOptions& options, const view_query& query) {
  std::vector<view_cursor> places;
  const auto status = walk(tables, options, query, [&](std::string_view key, std::string_view) {
    places.push_back(embedded_keys::place_in(query.collection, key));
  });
  if (!status.ok()) {
    return tl::unexpected(status);
  }
  return places;
}

rocksdb::Status read_rows(const embedded_view_tables& tables, const rocksdb::ReadOptions& options,
                          const std::vector<view_cursor>& places, listed_rows& rows) {
  std::vector<std::string> keys;
  for (const view_cursor& place : places) {
    keys.push_back(embedded_keys::row(place.id));
  }
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  tables.database().MultiGet(options, tables.of(view_family::rows), slices.size(), slices.data(),
                             values.data(), statuses.data());
  rows.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!statuses[i].ok()) {
      return statuses[i].IsNotFound() ? rocksdb::Status::Corruption("a row is missing") : statuses[i];
    }
    const auto row = row_in(values[i].ToStringView());
    if (!row) {
      return undecodable();
    }
    rows.add(*row);
  }
  return rocksdb::Status::OK();
}

outcome<std::uint64_t> read_counter(const embedded_view_tables& tables, const rocksdb::ReadOptions& options,
                                    const std::string& key) {
  std::string bytes;
  const auto status = tables.database().Get(options, tables.of(view_family::counters), key, &bytes);
  if (status.IsNotFound()) {
    return 0;
  }
  if (!status.ok()) {
    return tl::unexpected(status);
  }
  return get_u64(bytes);
}

/// The places first, then their rows.
rocksdb::Status read_indexed(const embedded_view_tables& tables, const rocksdb::ReadOptions& options,
                             const view_query& query, view_page& page) {
  auto places = read_places(tables, options, query);
  if (!places) {
    return places.error();
  }
  page.more = places->size() > query.limit;
  if (page.more) {
    places->pop_back();
    page.next = places->back();
  }
  return read_rows(tables, options, *places, page.rows);
}

/// Of a user, whose rows stand in his index.
rocksdb::Status read_walked(const embedded_view_tables& tables, const rocksdb::ReadOptions& options,
                            const view_query& query, view_page& page) {
  bool whole = true;
  std::string last;
  page.rows.reserve(query.limit);
  const auto status = walk(tables, options, query, [&](std::string_view key, std::string_view bytes) {
    if (page.rows.size() == query.limit) {
      page.more = true;
      page.next = embedded_keys::place_in(query.collection, last);
      return;
    }
    const auto row = row_in(bytes);
    whole = whole && row;
    page.rows.add(row.value_or(listed_row()));
    last = key;
  });
  return status.ok() && !whole ? undecodable() : status;
}

/// How many rows a collection has of which this page was walked through from the start to the end; of others
/// it has to be looked up. That spares most customers' lists a look-up.
std::optional<std::uint64_t> total_told_by(const view_query& query, const view_page& page) {
  const bool to_the_end = !page.more && (query.offset == 0 || !page.rows.empty());
  if (query.after || !to_the_end) return std::nullopt;
  return query.offset + page.rows.size();
}

outcome<view_page> read_page(const embedded_view_tables& tables, const view_query& query) {
  // Counter, index and rows of the same moment.
  rocksdb::ManagedSnapshot snapshot(&tables.database());
  auto options = read_options();
  options.snapshot = snapshot.snapshot();
  view_page page;
  const auto status = query.collection == view_collection::of_user
                          ? read_walked(tables, options, query, page)
                          : read_indexed(tables, options, query, page);
  if (!status.ok()) {
    return tl::unexpected(status);
  }
  if (const auto told = total_told_by(query, page)) {
    page.total = *told;
    return page;
  }
  const auto counted = read_counter(tables, options, embedded_keys::counter(query.collection, query.user_id));
  if (!counted) {
    return tl::unexpected(counted.error());
  }
  page.total = *counted;
  return page;
}

}  // namespace

std::shared_lock<std::shared_mutex> embedded_view_database::lock_for_reading() const {
  // Looked at before the lock too: readers whose times overlap could keep out the writer for good.
  return visible_ ? std::shared_lock(open_, std::try_to_lock) : std::shared_lock<std::shared_mutex>();
}

/// `read()` of what is visible, which it stays while it is read or else the answer means nothing.
template <class T, class Read>
read_result<T> embedded_view_database::read(read_depth depth, Read read) const {
  const auto open = lock_for_reading();
  if (!open || !visible_) {
    return tl::unexpected(read_failure::unavailable);
  }
  // Of this thread: counting what it compares is a fifth of what RocksDB does here.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  const reading_to limit(depth);
  outcome<T> result = read();
  if (!visible_) {
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
  return read<row>(depth, [&]() -> outcome<row> {
    rocksdb::PinnableSlice bytes;
    const auto status = tables_->database().Get(read_options(), tables_->of(view_family::rows),
                                                embedded_keys::row(id), &bytes);
    if (status.IsNotFound()) {
      return std::nullopt;
    }
    if (!status.ok()) {
      return tl::unexpected(status);
    }
    auto found = decode_row(bytes.ToStringView());
    return found ? outcome<row>(std::move(found)) : tl::unexpected(undecodable());
  });
}

read_result<view_page> embedded_view_database::list(const view_query& query, read_depth depth) const {
  assert(query.limit >= 1 && query.limit <= largest_page_rows && query.offset <= largest_offset_rows);
  return read<view_page>(depth, [&] { return read_page(*tables_, query); });
}

}  // namespace holdfast::storage
