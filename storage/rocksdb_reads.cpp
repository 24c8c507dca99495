#include "storage/rocksdb_reads.hpp"

#include <algorithm>

#include "storage/rocksdb_layout.hpp"

namespace holdfast::storage {
namespace {

layout::record_row decoded(const rocksdb_store& tables, shard_id shard, position at, std::string_view bytes) {
  const auto row = layout::decode_record(bytes);
  if (!row) {
    tables.fail_damaged("damaged record at position " + std::to_string(at) + " of shard " +
                        std::to_string(shard));
  }
  return *row;
}

journal_record as_record(shard_id shard, position at, const layout::record_row& row) {
  return {shard, at, row.entity, row.first_sequence, row.event_count, std::string(row.record)};
}

position last_position_of(const rocksdb_store& tables, const log_tail& tail, entity_id entity,
                          read_depth depth) {
  if (const auto here = tail.entity(entity)) return here->last_position;
  const auto row = tables.entity(entity, depth);
  return row ? row->last_position : 0;
}

}  // namespace

/// From the last record back to the first: each knows where the one before it stands.
std::vector<journal_record> read_entity(const rocksdb_store& tables, const log_tail& tail, entity_id entity,
                                        read_depth depth) {
  const auto shard = shard_of(entity);
  std::vector<journal_record> records;
  for (auto at = last_position_of(tables, tail, entity, depth); at != 0;) {
    auto bytes = tail.record(shard, at);
    if (!bytes) bytes = tables.get(family::records, layout::number_key(shard, at), depth);
    if (!bytes && depth == read_depth::memory) return {};
    if (!bytes) {
      tables.fail_damaged("no record at position " + std::to_string(at) + " of shard " +
                          std::to_string(shard));
    }
    const auto row = decoded(tables, shard, at, *bytes);
    if (row.entity != entity || row.previous >= at) {
      tables.fail_damaged("records of entity " + std::to_string(entity) + " are not linked");
    }
    records.push_back(as_record(shard, at, row));
    at = row.previous;
  }
  std::reverse(records.begin(), records.end());
  return records;
}

std::vector<journal_record> read_shard(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                       position from, std::uint32_t limit) {
  std::vector<journal_record> records;
  const auto [first_in_tail, in_tail] = tail.records(shard, from, limit);
  if (first_in_tail == 0 || from < first_in_tail) {
    auto rows = tables.scan(family::records, shard);
    for (rows->Seek(layout::number_key(shard, from)); rows->Valid() && records.size() < limit; rows->Next()) {
      const auto at = layout::number_of(rows->key().ToStringView());
      if (first_in_tail != 0 && at >= first_in_tail) break;
      records.push_back(as_record(shard, at, decoded(tables, shard, at, rows->value().ToStringView())));
    }
    tables.check(rows->status());
  }
  auto at = std::max(from, first_in_tail);
  for (const auto& row : in_tail) {
    if (records.size() == limit) break;
    records.push_back(as_record(shard, at, decoded(tables, shard, at, row)));
    ++at;
  }
  return records;
}

std::vector<kept_key> list_keys(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                const std::string& after, std::uint32_t limit) {
  const auto first = layout::claim_key(shard, after);
  auto found = tail.keys(shard, first);
  std::uint32_t listed = 0;
  auto rows = tables.scan(family::keys, shard);
  for (rows->Seek(first); rows->Valid() && listed < limit; rows->Next()) {
    if (rows->key() == first) continue;
    if (found.emplace(rows->key().ToString(), rows->value().ToString()).second) ++listed;
  }
  tables.check(rows->status());
  std::vector<kept_key> all;
  for (const auto& [key, value] : found) {
    if (all.size() == limit) break;
    const auto holder = layout::decode_holder(value);
    if (!holder) tables.fail_damaged("damaged idempotency key in shard " + std::to_string(shard));
    all.push_back({holder->entity, {key.substr(layout::shard_key(shard).size()), holder->fingerprint}});
  }
  return all;
}

std::vector<entity_id> list_unfinished(const rocksdb_store& tables, const log_tail& tail, shard_id shard,
                                       entity_id after, std::uint32_t limit) {
  const auto in_tail = tail.unfinished(shard, after);
  std::vector<entity_id> all;
  for (const auto& [entity, unfinished] : in_tail) {
    if (unfinished) all.push_back(entity);
  }
  std::uint32_t listed = 0;
  auto rows = tables.scan(family::unfinished, shard);
  for (rows->Seek(layout::number_key(shard, after + 1)); rows->Valid() && listed < limit; rows->Next()) {
    const auto entity = layout::number_of(rows->key().ToStringView());
    if (in_tail.contains(entity)) continue;
    all.push_back(entity);
    ++listed;
  }
  tables.check(rows->status());
  std::sort(all.begin(), all.end());
  if (all.size() > limit) all.resize(limit);
  return all;
}

}  // namespace holdfast::storage
