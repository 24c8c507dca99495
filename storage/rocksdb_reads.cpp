#include "storage/rocksdb_reads.hpp"

#include <algorithm>

#include "storage/rocksdb_layout.hpp"

namespace holdfast::storage {
namespace {

layout::record_row decoded(const rocksdb_store& store, shard_id shard, position at, std::string_view bytes) {
  const auto row = layout::decode_record(bytes);
  if (!row) {
    store.fail("damaged record at position " + std::to_string(at) + " of shard " + std::to_string(shard));
  }
  return *row;
}

journal_record as_record(shard_id shard, position at, const layout::record_row& row) {
  return {shard, at, row.entity, row.first_sequence, row.event_count, std::string(row.record)};
}

}  // namespace

/// From the last record back to the first: each knows where the one before it stands.
std::vector<journal_record> read_entity(const rocksdb_store& store, const entity_index& index,
                                        entity_id entity) {
  const auto shard = shard_of(entity);
  std::vector<journal_record> records;
  for (auto at = index.last_position_of(entity); at != 0;) {
    const auto bytes = store.get(family::records, layout::number_key(shard, at));
    if (!bytes) {
      store.fail("no record at position " + std::to_string(at) + " of shard " + std::to_string(shard));
    }
    const auto row = decoded(store, shard, at, *bytes);
    if (row.entity != entity || row.previous >= at) {
      store.fail("records of entity " + std::to_string(entity) + " are not linked");
    }
    records.push_back(as_record(shard, at, row));
    at = row.previous;
  }
  std::reverse(records.begin(), records.end());
  return records;
}

std::vector<journal_record> read_shard(const rocksdb_store& store, shard_id shard, position from,
                                       std::uint32_t limit) {
  std::vector<journal_record> records;
  auto rows = store.scan(family::records, shard);
  for (rows->Seek(layout::number_key(shard, from)); rows->Valid() && records.size() < limit; rows->Next()) {
    const auto at = layout::number_of(rows->key().ToStringView());
    records.push_back(as_record(shard, at, decoded(store, shard, at, rows->value().ToStringView())));
  }
  store.check(rows->status());
  return records;
}

}  // namespace holdfast::storage
