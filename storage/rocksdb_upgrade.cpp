#include "storage/rocksdb_upgrade.hpp"

#include "storage/rocksdb_layout.hpp"

namespace holdfast::storage {
namespace {

void add_entities_behind(const rocksdb_store& tables, shard_id shard, position indexed, log_tail& tail) {
  auto rows = tables.scan(family::records, shard);
  for (rows->Seek(layout::number_key(shard, indexed + 1)); rows->Valid(); rows->Next()) {
    const auto at = layout::number_of(rows->key().ToStringView());
    const auto record = layout::decode_record(rows->value().ToStringView());
    if (!record) {
      tables.fail_damaged("damaged record at position " + std::to_string(at) + " of shard " +
                          std::to_string(shard));
    }
    tail.add_entity(record->entity,
                    {record->first_sequence + record->event_count - 1, at, record->unfinished});
  }
  tables.check(rows->status());
}

}  // namespace

void add_entities_behind(const rocksdb_store& tables, log_tail& tail) {
  const auto indexed = tables.indexed();
  if (!indexed) return;
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    add_entities_behind(tables, static_cast<shard_id>(shard), (*indexed)[shard], tail);
  }
}

}  // namespace holdfast::storage
