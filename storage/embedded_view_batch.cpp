#include "storage/embedded_view_batch.hpp"

#include <algorithm>
#include <tuple>

#include "storage/rocksdb_read_options.hpp"

namespace holdfast::storage {
namespace {

constexpr view_collection every_collection[] = {view_collection::reservations, view_collection::receipts,
                                                view_collection::of_user};

/// For each entity its greatest version in the batch, the first of equal ones; in the order of ids.
std::vector<const view_row*> latest_of(const std::vector<view_row>& rows) {
  using versioned = std::tuple<entity_id, std::uint64_t, const view_row*>;
  std::vector<versioned> sorted;
  sorted.reserve(rows.size());
  for (const view_row& row : rows) sorted.emplace_back(row.id, ~row.version, &row);
  std::sort(sorted.begin(), sorted.end());
  std::vector<const view_row*> latest;
  latest.reserve(sorted.size());
  for (const auto& [id, version, row] : sorted) {
    if (latest.empty() || latest.back()->id != id) latest.push_back(row);
  }
  return latest;
}

}  // namespace

void embedded_view_batch::put(const std::vector<view_row>& rows) {
  const auto latest = latest_of(rows);
  encoded_.reserve(latest.size());
  for (const view_row* row : latest) put(*row);
}

void embedded_view_batch::put(const view_row& row) {
  const std::string key = embedded_keys::row(row.id);
  const row_header wanted = header_of(row);
  const auto stored = stored_header(row.id, key);
  if (stored && stored->version >= wanted.version) {
    return;
  }
  for (const auto collection : every_collection) {
    move(stored, wanted, collection);
  }
  const std::string& bytes = encoded_.emplace_back(encode_row(row));
  failed(changes_.Put(tables_.of(view_family::rows), key, bytes));
  add_to_index(wanted, view_collection::of_user, bytes);
  recent_.remember(wanted);
}

/// Takes the row from its old place in the collection, where it has one, to its new one.
void embedded_view_batch::move(const std::optional<row_header>& stored, const row_header& wanted,
                               view_collection collection) {
  if (stored && stored->user_id == wanted.user_id &&
      place_of(*stored, collection) == place_of(wanted, collection)) {
    return;
  }
  if (stored && place_of(*stored, collection)) {
    add_to_index(*stored, collection, std::nullopt);
    --counters_[embedded_keys::counter(collection, stored->user_id)];
  }
  if (place_of(wanted, collection)) {
    // A user's has the row with it, which put() brings, whether or not it has moved.
    if (collection != view_collection::of_user) add_to_index(wanted, collection, rocksdb::Slice());
    ++counters_[embedded_keys::counter(collection, wanted.user_id)];
  }
}

void embedded_view_batch::add_to_index(const row_header& row, view_collection collection,
                                       std::optional<rocksdb::Slice> value) {
  indexes_[embedded_keys::family_of(collection)].push_back(
      {embedded_keys::index_key(collection, row.user_id, *place_of(row, collection)), value});
}

void embedded_view_batch::reach(const checkpoints& reached) {
  std::string value;
  value.reserve(reached.size() * sizeof(std::uint64_t));
  for (const auto at : reached) {
    put_u64(value, at);
  }
  failed(changes_.Put(tables_.of(view_family::meta), embedded_keys::checkpoints, value));
}

rocksdb::Status embedded_view_batch::commit() {
  for (auto& [family, entries] : indexes_) add_entries(tables_.of(family), entries);
  for (const auto& [key, change] : counters_) {
    failed(changes_.Merge(tables_.of(view_family::counters), key,
                          embedded_keys::number(static_cast<std::uint64_t>(change))));
  }
  return status_.ok() ? tables_.write(changes_) : status_;
}

void embedded_view_batch::add_entries(rocksdb::ColumnFamilyHandle* to, std::vector<entry>& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const entry& left, const entry& right) { return left.key < right.key; });
  for (const auto& [in_index, value] : entries) {
    const rocksdb::Slice key = in_index.view();
    failed(value ? changes_.Put(to, key, *value) : changes_.Delete(to, key));
  }
}

std::optional<row_header> embedded_view_batch::stored_header(entity_id id, const std::string& key) {
  if (recent_.surely_new(id)) return std::nullopt;
  const auto* known = recent_.find(id);
  return known != nullptr ? *known : read_header(key);
}

std::optional<row_header> embedded_view_batch::read_header(const std::string& key) {
  rocksdb::PinnableSlice bytes;
  const auto status = tables_.database().Get(read_options(), tables_.of(view_family::rows), key, &bytes);
  if (status.IsNotFound()) return std::nullopt;
  if (failed(status)) {
    unreadable_ = true;
    return std::nullopt;
  }
  return decode_header(bytes.ToStringView());
}

bool embedded_view_batch::failed(const rocksdb::Status& status) {
  if (!status.ok() && status_.ok()) {
    status_ = status;
  }
  return !status.ok();
}

}  // namespace holdfast::storage
